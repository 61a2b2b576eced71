"""Changing the files of a workspace: the same call again changes nothing more."""

from __future__ import annotations

import base64
import binascii
from functools import partial

from anyio import to_thread
from pydantic import Field

from cluster.contracts.generation import Json
from cluster.errors import BadInput
from cluster.tools.builtin.base import Arguments, Call, Options, object_of
from cluster.tools.builtin.base import BuiltinTool as Tool
from cluster.tools.builtin.files import CATEGORY, PATH, workspace_of


class AppendArguments(Arguments):
    path: str = Field(max_length=1024, description=PATH)
    content: str = Field(description="What is written, as it is.")
    encoding: str = Field("text", pattern="^(text|base64)$", description="`base64`: the content is bytes, written so.")

    @property
    def data(self) -> bytes:
        if self.encoding == "text":
            return self.content.encode()
        try:
            return base64.b64decode(self.content, validate=True)
        except (binascii.Error, ValueError):
            raise BadInput("'content' is not base64; send it so, or with the encoding 'text'.").about("content") from None


class WriteArguments(AppendArguments):
    replace: bool = Field(True, description="Whether a file that is there is replaced; else that is refused.")


class DeleteArguments(Arguments):
    path: str = Field(max_length=1024, description="A file or folder of the workspace.")
    deep: bool = Field(False, description="Whether a folder goes with all that is in it.")


async def _write(call: Call[WriteArguments, Options]) -> Json:
    given = call.given
    work = partial(workspace_of(call).write, given.path, given.data, call.caller.key, replace=given.replace)
    return await to_thread.run_sync(work)


async def _append(call: Call[AppendArguments, Options]) -> Json:
    given = call.given
    return await to_thread.run_sync(workspace_of(call).append, given.path, given.data, call.caller.key)


async def _delete(call: Call[DeleteArguments, Options]) -> Json:
    work = partial(workspace_of(call).delete, call.given.path, call.caller.key, deep=call.given.deep)
    return await to_thread.run_sync(work)


WRITTEN = object_of(path={"type": "string"}, bytes={"type": "integer"})

FILES_WRITE = Tool(
    "files_write",
    "Write a file",
    "Writes a file of the workspace, and makes its folders.",
    CATEGORY,
    WriteArguments,
    Options,
    _write,
    effects="keyed",
    role="editor",
    output=WRITTEN,
)
FILES_APPEND = Tool(
    "files_append",
    "Add to a file",
    "Writes at the end of a file of the workspace.",
    CATEGORY,
    AppendArguments,
    Options,
    _append,
    effects="keyed",
    role="editor",
    output=WRITTEN,
)
FILES_DELETE = Tool(
    "files_delete",
    "Delete a file",
    "Deletes a file or folder of the workspace for good.",
    CATEGORY,
    DeleteArguments,
    Options,
    _delete,
    effects="keyed",
    dangerous=True,
    role="editor",
    output=object_of(path={"type": "string"}, deleted={"type": "boolean"}),
)
