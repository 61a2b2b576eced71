"""Which graphs can be chatted with, and what a chat gives them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from cluster.contracts.generation import JsonObject, Message
from cluster.graphs.table import Graph, GraphVersion
from cluster.specs.graph import GraphSpec
from cluster.stores.sql import AsyncSession

ANSWER, CITATIONS = "answer", "citations"
QUESTION, MESSAGES = "question", "messages"
# What a model of the name `agent/<graph>` stands for.
PREFIX = "agent/"


@dataclass(frozen=True, slots=True)
class ChatGraph:
    """One that can be chatted with. ``changed_at`` None: it belongs to the library."""

    name: str
    title: str
    description: str
    changed_at: datetime | None = None


def can_chat(spec: GraphSpec) -> bool:
    """It gives `answer`, and takes `question` or `messages`, and needs nothing else."""
    properties = _properties(spec)
    known = {name for name in (QUESTION, MESSAGES) if name in properties}
    return ANSWER in spec.output and bool(known) and set(spec.input.get("required", [])) <= {QUESTION, MESSAGES}


def chat_input(spec: GraphSpec, messages: Sequence[Message], more: JsonObject) -> JsonObject:
    """What the graph is given of a conversation: of `question` and `messages` what it knows. ``more``: other fields of its input."""
    properties = _properties(spec)
    said: list[Any] = [{"role": one.role, "content": one.content or ""} for one in messages if one.role in {"system", "user", "assistant"}]
    asked = [one["content"] for one in said if one["role"] == "user"]
    given: JsonObject = dict(more)
    if QUESTION in properties:
        given[QUESTION] = asked[-1] if asked else ""
    if MESSAGES in properties:
        given[MESSAGES] = said
    return given


async def chat_graphs(session: AsyncSession, organisation_id: uuid.UUID) -> Sequence[ChatGraph]:
    """Those of the organisation, by name: what ``can_chat`` says, without reading every graph."""
    given, asked = cast(GraphVersion.spec["output"], JSONB()), cast(GraphVersion.spec["input"], JSONB())
    needed = func.coalesce(asked["required"], literal([], JSONB()))
    takes = or_(*(asked["properties"].has_key(name) for name in (QUESTION, MESSAGES)))
    rest = needed.op("<@")(literal([QUESTION, MESSAGES], JSONB()))
    chosen = select(Graph.name, Graph.title, Graph.description, Graph.updated_at)
    chosen = chosen.join(GraphVersion, and_(GraphVersion.graph_id == Graph.id, GraphVersion.version == Graph.version))
    chosen = chosen.where(Graph.organisation_id == organisation_id, given.has_key(ANSWER), takes, rest)
    return [ChatGraph(*row) for row in await session.execute(chosen.order_by(Graph.name))]


def _properties(spec: GraphSpec) -> dict[str, Any]:
    found = spec.input.get("properties", {})
    return found if isinstance(found, dict) else {}
