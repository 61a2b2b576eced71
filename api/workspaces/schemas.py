"""Files of workspaces."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.web.schema import Answer, FormBody
from cluster.tools.workspace import FileEntry


class FilesQuery(FormBody):
    path: str = Field("", max_length=1024, description="A folder; empty: the workspace itself.")
    deep: bool = Field(False, description="Whether folders below it are looked into.")
    after: str | None = Field(None, max_length=1024, description="`next_after` of the page before.")
    limit: int = Field(200, ge=1, le=1000, description="Files on a page.")


class RemoveQuery(FormBody):
    deep: bool = Field(False, description="Whether a folder goes with all that is in it.")


class FileAnswer(Answer):
    path: str
    folder: bool
    bytes: int
    changed_at: datetime

    @classmethod
    def of(cls, entry: FileEntry) -> FileAnswer:
        return cls(path=entry.path, folder=entry.folder, bytes=entry.bytes, changed_at=entry.changed_at)


class FileList(Answer):
    files: list[FileAnswer]
    next_after: str | None = Field(description="Send it as `after` for the next page; null on the last.")


class FileWritten(Answer):
    path: str
    bytes: int


class FileRemoved(Answer):
    path: str
    deleted: bool
