"""Graphs as they are sent and shown."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from pydantic import Field, model_validator

from api.web.schema import Answer, Body, FormBody, FreeObject
from cluster.specs.graph import GRAPH_NAME

Note = Field("", max_length=500, description="What this version is about.")
LONGEST_TEXT = 2_000_000


class GraphBody(Body):
    """Give `spec` or `text`, one of them."""

    spec: FreeObject | None = Field(None, description="The graph, as JSON.")
    text: str | None = Field(None, min_length=1, max_length=LONGEST_TEXT, description="The graph, as YAML; it is kept as it was written.")

    @model_validator(mode="after")
    def _one(self) -> GraphBody:
        if (self.spec is None) == (self.text is None):
            raise ValueError("give 'spec' or 'text', one of them")
        return self


class CheckBody(GraphBody):
    pass


class DefinitionBody(GraphBody):
    note: str = Note


class DefinitionPut(GraphBody):
    note: str = Note
    version: int | None = Field(
        None,
        ge=1,
        le=2**31 - 1,
        description="The version that you changed; a later one is a 409. The header If-Match says the same.",
    )


class RevertBody(Body):
    version: int = Field(ge=1, le=2**31 - 1, description="What the graph is to be again.")


class DefinitionQuery(FormBody):
    cursor: str | None = Field(None, max_length=200, pattern=GRAPH_NAME, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="Graphs on a page.")


class DiagramQuery(FormBody):
    format: str | None = Field(None, pattern="^(mermaid|png)$", description="mermaid or png; without it the header Accept says.")
    version: int | None = Field(None, ge=1, le=2**31 - 1, description="An earlier version; null: the latest.")


class DefinitionEntry(Answer):
    id: uuid.UUID | None = Field(description="Null for one of the library, which is found by its name.")
    name: str
    title: str
    description: str
    library: bool = Field(description="One that comes with Hearth, or is in its home: everybody's, and not changed here.")
    chat: bool = Field(description="Whether it can be chatted with, as the model `agent/<name>`.")
    version: int
    updated_at: datetime | None


class DefinitionAnswer(DefinitionEntry):
    tags: list[str]
    spec: dict[str, Any]
    text: str | None = Field(description="What it was written as, where that was YAML.")
    note: str
    author_id: uuid.UUID | None
    warnings: list[str] = Field(description="What could be meant otherwise; nothing that stands in the way of a run.")


class DefinitionPage(Answer):
    """By name, those of the library and yours together."""

    items: list[DefinitionEntry]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class VersionEntry(Answer):
    version: int
    note: str
    author_id: uuid.UUID | None
    created_at: datetime | None


class Finding(Answer):
    """One thing that is wrong, or may be."""

    severity: str = Field(description="error or warning.")
    message: str = Field(description="What is wrong, and what to do.")
    node: str | None = Field(description="The node it is about.")
    line: int | None = Field(description="In the text, from 1.")


class CheckAnswer(Answer):
    ok: bool = Field(description="Whether it could run: nothing of `findings` is an error.")
    name: str | None
    findings: list[Finding]
    diagram: str | None = Field(description="In Mermaid, where it can be drawn.")
