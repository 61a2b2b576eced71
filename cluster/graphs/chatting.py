"""Which graphs can be chatted with, and what a chat gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cluster.contracts.generation import JsonObject, Message
from cluster.specs.graph import GraphSpec

ANSWER, CITATIONS = "answer", "citations"
QUESTION, MESSAGES = "question", "messages"
# What a model of the name `agent/<graph>` stands for.
PREFIX = "agent/"


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


def _properties(spec: GraphSpec) -> dict[str, Any]:
    found = spec.input.get("properties", {})
    return found if isinstance(found, dict) else {}
