"""One item, asked of one model through the gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from cluster.contracts.generation import Caching, GenerationRequest, Message, Role, Sampling, ToolCall
from cluster.errors import BadInput, Unprocessable

ROLES: frozenset[Role] = frozenset(get_args(Role))


def request_of(model: str, messages: Sequence[Mapping[str, Any]], most_tokens: int, scope: str, request_id: str) -> GenerationRequest:
    """At the temperature 0, and never from a cache: an adapter that was replaced under its name must answer for itself. Raises
    Unprocessable for messages that no language model takes."""
    return GenerationRequest(
        model=model,
        messages=tuple(message_of(message) for message in messages),
        sampling=Sampling(temperature=0.0, max_tokens=most_tokens),
        request_id=request_id,
        caching=Caching(ttl_s=0),
        scope=scope,
    )


def message_of(message: Mapping[str, Any]) -> Message:
    """One in OpenAI's shape. Only text: a picture is refused."""
    told = message.get("role")
    role = next((role for role in ROLES if role == told), None)
    if role is None:
        raise Unprocessable(f"An item has a message with the role {json.dumps(told)}, which is none of {', '.join(sorted(ROLES))}.")
    calls = message.get("tool_calls") or ()
    name, call_id = message.get("name"), message.get("tool_call_id")
    return Message(
        role=role,
        content=_text(message.get("content")),
        name=name if isinstance(name, str) else None,
        tool_calls=tuple(_call(call) for call in calls),
        tool_call_id=call_id if isinstance(call_id, str) else None,
    )


def _text(content: object) -> str | None:
    if content is None or isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    if len(texts) != len(parts) or not all(isinstance(text, str) for text in texts):
        raise Unprocessable("An item has a message with a content that is not text; the gate asks text only.")
    return "\n".join(str(text) for text in texts)


def _call(call: object) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise Unprocessable("An item has a call of a tool that is not in OpenAI's shape.")
    return ToolCall(str(call.get("id", "")), str(function.get("name", "")), str(function.get("arguments", "")))


def refusal_of(error: BadInput) -> str:
    """Why a model could not be asked, as it is kept."""
    return f"{error.code}: {error.message}".replace("\x00", "\ufffd")[:1000]
