"""Content, as it looks from outside."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Literal

from pydantic import Field

from api.web.schema import Answer, FormBody
from cluster.content.cache import Content


class ContentQuery(FormBody):
    form: Literal["text", "original"] = Field("text", description="`text`: what a reader sees; `original`: the bytes, as a download.")


class ContentAnswer(Answer):
    id: uuid.UUID
    created_at: datetime
    expires_at: datetime
    source: str
    title: str
    media_type: str
    sha256: str
    bytes: int
    text: str | None = Field(description="Without anything that acts or is hidden; null: it is not text.")
    cautions: list[str] = Field(description="What was left out of the text.")
    reads: int = Field(description="How often it was asked for, as counted so far.")
    read_at: datetime | None

    @classmethod
    def of(cls, content: Content, reads: int, read_at: datetime | None) -> ContentAnswer:
        return cls(
            id=content.id,
            created_at=content.created_at,
            expires_at=content.expires_at,
            source=content.source,
            title=content.title,
            media_type=content.media_type,
            sha256=content.sha256,
            bytes=len(content.body),
            text=content.text,
            cautions=list(content.cautions),
            reads=reads,
            read_at=read_at,
        )
