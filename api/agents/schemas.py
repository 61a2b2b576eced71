"""Agents as they are sent and shown."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from pydantic import Field

from api.web.schema import Answer, Body, FormBody
from cluster.graphs.agents import AgentSpec
from cluster.specs.graph import GRAPH_NAME

Note = Field("", max_length=500, description="What this version is about.")


class AgentWords(AgentSpec):
    """Nothing is converted, as in every body."""

    model_config = Body.model_config

    title: str = Field("", max_length=200, description="For people; empty: the name.")
    description: str = Field("", max_length=4000, description="What it is for.")
    note: str = Note

    def agent(self) -> AgentSpec:
        return AgentSpec.model_validate({name: getattr(self, name) for name in AgentSpec.model_fields})


class AgentBody(AgentWords):
    name: str = Field(pattern=GRAPH_NAME, description="It answers as the model `agent/<name>`.")


class AgentPut(AgentWords):
    version: int | None = Field(
        None,
        ge=1,
        le=2**31 - 1,
        description="The version that you changed; a later one is a 409. The header If-Match says the same.",
    )


class AgentQuery(FormBody):
    cursor: str | None = Field(None, max_length=200, pattern=GRAPH_NAME, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="Agents on a page.")


class AgentAnswer(Answer):
    id: uuid.UUID
    name: str
    title: str
    description: str
    model_name: str = Field(description="What it is called as a model in a chat.")
    agent: dict[str, Any] = Field(description="What it is made from: instructions, model, tools, collections, limits and the like.")
    version: int
    note: str
    author_id: uuid.UUID | None
    created_at: datetime
    updated_at: datetime


class AgentPage(Answer):
    """By name, each in its latest version."""

    items: list[AgentAnswer]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class AgentType(Answer):
    """A graph of the library."""

    type: str
    title: str
    description: str
    version: int
    chat: bool = Field(description="Whether it can be chatted with, as the model `agent/<type>`.")
    input_schema: dict[str, Any]
    output: dict[str, str] = Field(description="Expressions by key of the output.")
    nodes: int
    tags: list[str]


class FormatQuery(FormBody):
    format: str | None = Field(None, pattern="^(json|markdown)$", description="json or markdown; without it the header Accept says.")

    def markdown(self, accept: str) -> bool:
        return self.format == "markdown" or (self.format is None and "text/markdown" in accept)


class TypeDocument(Answer):
    type: str
    version: int
    input_schema: dict[str, Any]
    markdown: str


class CreationDocument(Answer):
    agent_schema: dict[str, Any] = Field(description="JSON Schema of what an agent is made from.")
    markdown: str
