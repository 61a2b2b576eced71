"""``/v1/files``"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from api.audit.trail import WithTrail
from api.files.schemas import FileDeleted, FileForm, FileObject, FilePage, FileQuery
from api.files.service import FileService, pieces
from api.web.answers import json_answer
from api.web.bodies import validated
from api.web.deps import Parts, WithParts, WithSession
from api.web.forms import open_upload
from api.web.openapi import READING, form_request, responses
from api.web.principal import AsEditor, AsViewer
from cluster.batches.files import file_store
from cluster.batches.names import file_name
from cluster.files import FileStore
from cluster.home import Home

router = APIRouter(prefix="/v1/files", tags=["files"])
TAG = {"name": "files", "description": "Files for batches and what batches make, in OpenAI's shape."}

LIMIT = "files.file_bytes"
FILE = {
    "id": "file-0b9e1d3c5f7a4e6b8c2d4f6a8b0c2d4e",
    "object": "file",
    "bytes": 175,
    "created_at": 1763714000,
    "expires_at": 1766306000,
    "filename": "requests.jsonl",
    "purpose": "batch",
    "status": "processed",
    "status_details": None,
}
READS = (*READING, 401, 403, 404, 503)
FileName = Annotated[str, Path(max_length=64, description="Id of a file.")]


def store_of(parts: Parts) -> FileStore:
    return file_store(Home(parts.settings.home))


async def reading(parts: WithParts, session: WithSession, principal: AsViewer, trail: WithTrail) -> FileService:
    return FileService(session, principal, trail, store_of(parts), parts.settings.files)


async def writing(parts: WithParts, session: WithSession, principal: AsEditor, trail: WithTrail) -> FileService:
    return FileService(session, principal, trail, store_of(parts), parts.settings.files)


WithReading = Annotated[FileService, Depends(reading)]
WithWriting = Annotated[FileService, Depends(writing)]


@router.post(
    "",
    summary="Upload a file",
    response_model=FileObject,
    responses=responses(FILE, (*READING, 401, 403, 408, 413, 415, 422, 503)),
    openapi_extra=form_request(FileForm, "file"),
)
async def upload_file(request: Request, parts: WithParts, service: WithWriting) -> Response:
    """Keeps a file for your organisation, of at most files.file_bytes bytes. With the purpose `batch` it is one request to a line, as
    `POST /v1/batches` takes them."""
    most = int(parts.settings.files.file_bytes)
    async with open_upload(request, file="file", max_file_bytes=most, setting=LIMIT) as (upload, fields):
        return json_answer(await service.add(upload, validated(fields, FileForm)))


@router.get(
    "",
    summary="List files",
    response_model=FilePage,
    responses=responses({"object": "list", "data": [FILE], "first_id": FILE["id"], "last_id": FILE["id"], "has_more": False}, READS),
)
async def list_files(wanted: Annotated[FileQuery, Query()], service: WithReading) -> Response:
    """The files of your organisation, those that batches made included."""
    return json_answer(await service.page(wanted))


@router.get("/{file_id}", summary="One file", response_model=FileObject, responses=responses(FILE, READS))
async def get_file(file_id: FileName, service: WithReading) -> Response:
    """What is known of a file: its name, size and purpose, and when it is removed."""
    return json_answer(await service.one(file_id))


@router.get(
    "/{file_id}/content",
    summary="A file's content",
    response_class=StreamingResponse,
    responses={
        **responses(None, READS),
        200: {"description": "The answer.", "content": {"application/octet-stream": {"example": '{"custom_id": "a"}\n'}}},
    },
)
async def read_file_content(file_id: FileName, service: WithReading) -> Response:
    """The bytes as they were uploaded, or as a batch wrote them."""
    row, file = await service.open(file_id)
    headers = {"Content-Length": str(row.bytes), "Content-Disposition": f"attachment; filename*=utf-8''{quote(row.filename)}"}
    return StreamingResponse(pieces(file), media_type="application/octet-stream", headers=headers)


@router.delete(
    "/{file_id}",
    summary="Remove a file",
    response_model=FileDeleted,
    responses=responses({"id": FILE["id"], "object": "file", "deleted": True}, (*READS, 409)),
)
async def remove_file(file_id: FileName, service: WithWriting) -> Response:
    """Your own; an admin removes any. Refused while a batch that has not ended reads it."""
    removed = await service.remove(file_id)
    answer = json_answer(FileDeleted(id=file_name(removed)))
    # After the answer, when the row is gone for certain; bytes that a crash leaves are swept.
    answer.background = BackgroundTask(service.forget, removed)
    return answer
