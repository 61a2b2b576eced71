"""``/api/v1/workspaces``"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from api.conversations.examples import ok
from api.tools.install import WithTools
from api.web.answers import Success, success
from api.web.bodies import read_all
from api.web.deps import WithParts
from api.web.openapi import READING, responses
from api.web.principal import AsEditor, AsViewer
from api.workspaces.schemas import FileList, FileRemoved, FilesQuery, FileWritten, RemoveQuery
from api.workspaces.service import WorkspaceService

router = APIRouter(prefix="/api/v1/workspaces", tags=["workspaces"])
TAG = {"name": "workspaces", "description": "Files that tools, graphs and people work on together."}

READS = (*READING, 401, 403, 404, 409, 413, 422, 503)
WRITES = (*READS, 408)
FILE = {"path": "notes/tides.md", "folder": False, "bytes": 12, "changed_at": "2026-11-21T08:30:00Z"}
BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}, "example": "High at six."}}
Workspace = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$",
        description="`run-<id>` of a run, `conversation-<id>` of a conversation, `user-<id>` your own; any other name: the organisation's.",
    ),
]
FilePath = Annotated[str, Path(max_length=1024, description="A file, as `folder/name.txt`.")]


async def reading(parts: WithParts, desk: WithTools, who: AsViewer) -> WorkspaceService:
    return WorkspaceService(parts, desk, who)


async def writing(parts: WithParts, desk: WithTools, who: AsEditor) -> WorkspaceService:
    return WorkspaceService(parts, desk, who)


Reading = Annotated[WorkspaceService, Depends(reading)]
Writing = Annotated[WorkspaceService, Depends(writing)]


@router.get(
    "/{workspace}/files",
    summary="List a workspace's files",
    response_model=Success[FileList],
    responses=responses(ok({"files": [FILE], "next_after": None}), READS),
)
async def list_files(service: Reading, workspace: Workspace, wanted: Annotated[FilesQuery, Query()]) -> Response:
    """In order of their paths. A workspace is there once something is written to it, and goes tools.workspace_days after the last time."""
    return success(await service.page(workspace, wanted))


@router.put(
    "/{workspace}/files/{path:path}",
    summary="Write a file",
    response_model=Success[FileWritten],
    responses=responses(ok({"path": FILE["path"], "bytes": FILE["bytes"]}), WRITES),
    openapi_extra={"requestBody": {"required": True, "content": BYTES}},
)
async def write_file(request: Request, service: Writing, workspace: Workspace, path: FilePath) -> Response:
    """The body as it is, of at most tools.file_bytes bytes; folders on the way are made, a file that is there is replaced."""
    return success(await service.write(workspace, path, await read_all(request)))


@router.get(
    "/{workspace}/files/{path:path}",
    summary="Read a file",
    response_class=Response,
    responses={**responses(None, READS), 200: {"description": "The answer.", "content": BYTES}},
)
async def read_file(service: Reading, workspace: Workspace, path: FilePath) -> Response:
    """Its bytes, to be kept and not to be shown."""
    content = await service.read(workspace, path)
    name = quote(path.rpartition("/")[2])
    headers = {"Content-Disposition": f"attachment; filename*=utf-8''{name}", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.delete(
    "/{workspace}/files/{path:path}",
    summary="Delete a file",
    response_model=Success[FileRemoved],
    responses=responses(ok({"path": FILE["path"], "deleted": True}), READS),
)
async def delete_file(service: Writing, workspace: Workspace, path: FilePath, wanted: Annotated[RemoveQuery, Query()]) -> Response:
    """A file or a folder, for good."""
    return success(await service.remove(workspace, path, deep=wanted.deep))
