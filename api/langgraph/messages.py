"""Conversations as LangGraph keeps them in a state, and as our graphs are given them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cluster.contracts.generation import Json, JsonObject, Message, Role
from cluster.errors import Unprocessable
from cluster.graphs.chatting import ANSWER, MESSAGES, can_chat, chat_input
from cluster.specs.graph import GraphSpec

# By what LangChain, and by what OpenAI calls it.
_TYPES = {"human": "human", "user": "human", "ai": "ai", "assistant": "ai", "system": "system", "AIMessageChunk": "ai"}
_ROLES: Mapping[str, Role] = {"human": "user", "ai": "assistant", "system": "system"}
Kept = dict[str, Any]


def kept_messages(given: Json) -> list[Kept]:
    """Messages in LangChain's shape, each with an id. Raises Unprocessable for what is none, or has more than text."""
    listed = given if isinstance(given, list) else [given]
    return [_kept(one, f"input.messages.{number}") for number, one in enumerate(listed)]


def appended(before: Sequence[Kept], new: Iterable[Kept]) -> list[Kept]:
    """As LangGraph's ``add_messages``: one with an id that is there already takes its place."""
    found = {one["id"]: one for one in before}
    for one in new:
        found[one["id"]] = one
    return list(found.values())


def answered(run_id: uuid.UUID, messages: Sequence[Kept], output: Mapping[str, Json] | None) -> list[Kept]:
    """The conversation with what the run gave as its answer, where it gave one."""
    said = (output or {}).get(ANSWER)
    return [*messages, {"type": "ai", "content": said, "id": f"answer-{run_id}"}] if isinstance(said, str) else list(messages)


def spoken_input(spec: GraphSpec, given: JsonObject, messages: Sequence[Kept]) -> JsonObject:
    """What a graph is given that is spoken to in ``messages``: what it knows of the conversation, and the rest of what was given."""
    more = {name: value for name, value in given.items() if name != MESSAGES}
    if MESSAGES not in spec.input.get("properties", {}) and not can_chat(spec):
        raise Unprocessable(f"The graph '{spec.name}' takes no messages; GET the assistant's schemas to see its input.").about(
            "input.messages"
        )
    return chat_input(spec, [Message(_ROLES[one["type"]], one["content"]) for one in messages], more)


def _kept(one: Json, where: str) -> Kept:
    if isinstance(one, str):
        return {"type": "human", "content": one, "id": str(uuid.uuid4())}
    if not isinstance(one, dict):
        raise Unprocessable(f"'{where}' is to be a message: an object with 'role' and 'content'.").about(where)
    called = one.get("role", one.get("type"))
    kind = _TYPES.get(called) if isinstance(called, str) else None
    if kind is None:
        raise Unprocessable(f"'{where}' is to be of 'user', 'assistant' or 'system' (found {called!r:.60}).").about(where)
    named = one.get("id")
    return {"type": kind, "content": _text(one.get("content"), where), "id": named if isinstance(named, str) else str(uuid.uuid4())}


def _text(content: Json, where: str) -> str:
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise Unprocessable(f"'{where}' is to hold text alone; put files into a workspace and name them in the input.").about(where)
    return "".join(str(text) for text in texts)
