"""What is sent and answered about system prompts."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.conversations.schemas import Variables
from api.web.schema import Answer, Body, FormBody
from cluster.prompts.tables import PromptVersion, SystemPrompt

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=200_000, description="With `$name` for variables and `$$` for a dollar.")]
Pattern = Annotated[str, Field(min_length=1, max_length=200, description="Models it is for by itself, such as `qwen*`; the closest wins.")]


class PromptBody(Body):
    name: Name
    text: Text
    description: str = Field("", max_length=2000)
    pattern: Pattern | None = None
    variables: Variables = Field(default_factory=dict, description="Defaults of the variables.")
    note: str = Field("", max_length=500, description="What this version is about.")


class PromptPatch(Body):
    """What is given is changed. A new text, or new defaults, are a new version."""

    name: Name | None = None
    text: Text | None = None
    description: str | None = Field(None, max_length=2000)
    pattern: Pattern | None = None
    variables: Variables | None = None
    note: str = Field("", max_length=500)


class RevertBody(Body):
    version: int = Field(ge=1, le=2**31 - 1)


class RenderBody(Body):
    variables: Variables = Field(default_factory=dict)


class PromptQuery(FormBody):
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200)


class MatchQuery(FormBody):
    model: str = Field(min_length=1, max_length=200)


class PromptAnswer(Answer):
    id: uuid.UUID
    name: str
    description: str
    pattern: str | None
    version: int
    text: str
    variables: dict[str, str]
    note: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: SystemPrompt, version: PromptVersion) -> PromptAnswer:
        return cls(
            id=row.id,
            name=row.name,
            description=row.description,
            pattern=row.pattern,
            version=version.version,
            text=version.text,
            variables=version.variables,
            note=version.note,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class Rendered(Answer):
    text: str
