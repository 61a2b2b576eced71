"""Files in the shape of OpenAI's API."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from api.web.schema import Answer, FormBody
from cluster.batches.names import file_name
from cluster.batches.tables import FileRow

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
# What somebody may choose, as OpenAI has it.
SHORTEST_S, LONGEST_S = 3600, 2_592_000


class FileForm(FormBody):
    purpose: Purpose = Field(
        description="What the file is for; `batch`: requests of a batch, which expire after files.batch_kept_days days."
    )
    anchor: Literal["created_at"] | None = Field(None, alias="expires_after[anchor]", description="What `seconds` count from.")
    seconds: int | None = Field(
        None, alias="expires_after[seconds]", ge=SHORTEST_S, le=LONGEST_S, description="Seconds until the file is removed."
    )

    @model_validator(mode="after")
    def _both(self) -> FileForm:
        if (self.anchor is None) != (self.seconds is None):
            raise ValueError("'expires_after' needs both 'anchor' and 'seconds'")
        return self


class FileQuery(FormBody):
    after: str | None = Field(None, max_length=64, description="Id of the last file of the page before.")
    limit: int = Field(10_000, ge=1, le=10_000, description="Files on a page.")
    order: Literal["asc", "desc"] = Field("desc", description="By when they were made.")
    purpose: str | None = Field(None, max_length=32, description="Only those for this.")


class FileObject(Answer):
    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int = Field(description="Unix time.")
    expires_at: int | None = Field(description="Unix time at which it is removed; null: when somebody removes it.")
    filename: str
    purpose: str
    status: Literal["processed"] = "processed"
    status_details: str | None = None

    @classmethod
    def of(cls, row: FileRow) -> FileObject:
        return cls(
            id=file_name(row.id),
            bytes=row.bytes,
            created_at=int(row.created_at.timestamp()),
            expires_at=int(row.expires_at.timestamp()) if row.expires_at else None,
            filename=row.filename,
            purpose=row.purpose,
        )


class FilePage(Answer):
    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None = Field(description="Send it as `after` for the next page.")
    has_more: bool


class FileDeleted(Answer):
    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True
