"""Drafts as they are shown and saved."""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import Field

from api.conversations.schemas import Id
from api.web.schema import Answer, Body
from api.workflows.schemas import Finding


class SaveBody(Body):
    message_id: Id = Field(description="The message with the draft, as it was shown to you: a later draft is not saved in its place.")
    note: str = Field("", max_length=500, description="What this version is about.")


class Saved(Answer):
    id: uuid.UUID
    name: str
    version: int
    kind: str = Field(description="agent or workflow.")
    model_name: str | None = Field(description="What it is called as a model in a chat; null: it cannot be chatted with.")


class DraftAnswer(Answer):
    message_id: uuid.UUID
    type: str = Field(description="agent_creation or workflow_creation.")
    text: str = Field(description="The agent or the graph, as YAML.")
    spec: dict[str, Any] = Field(description="The graph that it is, or becomes, as JSON.")
    ok: bool = Field(description="Whether it could run: nothing of `findings` is an error.")
    findings: list[Finding]
    diagram: str = Field(description="In Mermaid.")
    saved: Saved | None = Field(description="What became of it; null: nobody has saved it.")
