"""Looking at the files of a workspace."""

from __future__ import annotations

import base64
import mimetypes
from functools import partial
from typing import Any, Literal

from anyio import to_thread
from pydantic import Field

from cluster.contracts.generation import Json
from cluster.errors import UnsupportedMedia
from cluster.tools.builtin.base import Arguments, Call, Options, Said, object_of
from cluster.tools.builtin.base import BuiltinTool as Tool
from cluster.tools.tool import Piece
from cluster.tools.workspace import Workspace

CATEGORY = "files"
PATH = "A file of the workspace, as 'folder/name.txt'."
FOLDER = "A folder of the workspace; empty: the workspace itself."
MOST_ENTRIES = 1000
SHOWN: tuple[Literal["image", "audio"], ...] = ("image", "audio")


class ListArguments(Arguments):
    path: str = Field("", max_length=1024, description=FOLDER)
    deep: bool = Field(True, description="Whether folders below it are looked into.")


class ReadArguments(Arguments):
    path: str = Field(max_length=1024, description=PATH)
    offset: int = Field(0, ge=0, description="Characters (of base64: bytes) to leave out at the beginning.")
    limit: int = Field(100_000, ge=1, le=10_000_000, description="Characters (of base64: bytes) to give, at most.")
    encoding: str = Field("text", pattern="^(text|base64)$", description="`base64` for what is no text.")


class SearchArguments(Arguments):
    text: str = Field(min_length=1, max_length=1000, description="What lines must hold, whatever its case.")
    path: str = Field("", max_length=1024, description=FOLDER)
    names: str = Field("*", max_length=200, description="Only files whose name or path is like this, such as `*.md`.")
    limit: int = Field(50, ge=1, le=500, description="Lines to give, at most.")


def workspace_of(call: Call[Any, Any]) -> Workspace:
    caller = call.caller
    return call.around.workspaces.of(caller.organisation_id, caller.workspace)


async def _list(call: Call[ListArguments, Options]) -> Json | Said:
    given = call.given
    found = await to_thread.run_sync(partial(workspace_of(call).entries, given.path, deep=given.deep))
    files: list[Json] = [
        {"path": entry.path, "folder": entry.folder, "bytes": entry.bytes, "changed_at": entry.changed_at.isoformat(timespec="seconds")}
        for entry in found[:MOST_ENTRIES]
    ]
    lines = [f"{entry.path}/" if entry.folder else f"{entry.path} ({entry.bytes} bytes)" for entry in found[:MOST_ENTRIES]]
    more = len(found) - len(files)
    said = "\n".join(lines) or "There are no files."
    return Said({"files": files, "more": more}, f"{said}\n... and {more} more; name a folder." if more else said)


async def _read(call: Call[ReadArguments, Options]) -> Json | Said:
    given = call.given
    content = await to_thread.run_sync(workspace_of(call).read, given.path)
    end = given.offset + given.limit
    about: dict[str, Json] = {"path": given.path, "bytes": len(content)}
    if given.encoding == "base64":
        value: dict[str, Json] = {
            **about,
            "content": base64.b64encode(content[given.offset : end]).decode(),
            "more": max(0, len(content) - end),
        }
        return Said(value, None, _shown(given.path, content))
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise UnsupportedMedia(
            f"'{given.path[:200]}' is no text in UTF-8 ({len(content)} bytes); read it with the encoding 'base64'."
        ) from None
    more = max(0, len(text) - end)
    shown = text[given.offset : end]
    said = f"{shown}\n[{more} more characters; read on with offset {end}]" if more else shown
    return Said({**about, "content": shown, "more": more}, said)


def _shown(path: str, content: bytes) -> tuple[Piece, ...]:
    """A picture or sound, for whoever can show one."""
    media = mimetypes.guess_type(path)[0] or ""
    for kind in SHOWN:
        if media.startswith(f"{kind}/"):
            return (Piece(kind, media, content),)
    return ()


async def _search(call: Call[SearchArguments, Options]) -> Json | Said:
    given = call.given
    work = partial(workspace_of(call).search, given.text, path=given.path, names=given.names, most=given.limit)
    hits = await to_thread.run_sync(work)
    lines: list[Json] = [{"path": path, "line": number, "text": text} for path, number, text in hits]
    said = "\n".join(f"{path}:{number}: {text}" for path, number, text in hits)
    return Said({"lines": lines}, said or "Nothing was found.")


FILES_LIST = Tool(
    "files_list",
    "List files",
    "Files and folders of the workspace.",
    CATEGORY,
    ListArguments,
    Options,
    _list,
    output=object_of(files={"type": "array"}, more={"type": "integer"}),
)
FILES_READ = Tool(
    "files_read",
    "Read a file",
    "The text of a file of the workspace, or a part of it.",
    CATEGORY,
    ReadArguments,
    Options,
    _read,
    output=object_of(path={"type": "string"}, bytes={"type": "integer"}, content={"type": "string"}, more={"type": "integer"}),
)
FILES_SEARCH = Tool(
    "files_search",
    "Search in files",
    "Lines of the workspace's text files that hold a text.",
    CATEGORY,
    SearchArguments,
    Options,
    _search,
    output=object_of(lines={"type": "array"}),
)
