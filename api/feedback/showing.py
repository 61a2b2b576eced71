"""What a model was shown before it answered, as it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.conversations.message_repository import MessageRepository
from api.conversations.tables import Message as MessageRow
from api.streams.context import context_of
from cluster.contracts.generation import Message
from cluster.stores.sql import AsyncSession

Shape = dict[str, Any]
_MEDIA = frozenset({"image", "audio", "file"})


@dataclass(frozen=True, slots=True)
class Shown:
    """Messages in OpenAI's shape. ``is_whole`` False: something was left out, such as a picture."""

    messages: list[Shape]
    is_whole: bool


async def shown_of(session: AsyncSession, most: int, system: str | None, answer: MessageRow) -> Shown:
    """The instructions and the branch up to ``answer``, of which at most ``most`` characters, the latest."""
    branch = await MessageRepository(session).branch(answer.parent_id)
    seen = not any(part["type"] in _MEDIA and not part.get("text") for row in branch for part in row.parts)
    if branch and seen:
        messages = [_shape(message) for message in context_of(system, branch, sees=False).messages]
    else:
        head = [{"role": "system", "content": system}] if system else []
        messages = head + [{"role": row.role, "content": row.text} for row in branch]
    kept = within(messages, most)
    return Shown(kept, is_whole=bool(branch) and seen and len(kept) == len(messages))


def within(messages: Sequence[Shape], most: int) -> list[Shape]:
    """The same without its oldest, instructions aside, as far as it takes to have at most ``most`` characters; the last always stays."""
    head = [message for message in messages[:1] if message["role"] == "system"]
    rest = list(messages[len(head) :])
    size = sum(len(message["content"]) for message in messages)
    while len(rest) > 1 and size > most:
        size -= len(rest.pop(0)["content"])
    return head + rest


def _shape(message: Message) -> Shape:
    shape: Shape = {"role": message.role, "content": message.content or ""}
    if message.tool_calls:
        calls = [(call.id, {"name": call.name, "arguments": call.arguments}) for call in message.tool_calls]
        shape["tool_calls"] = [{"id": name, "type": "function", "function": function} for name, function in calls]
    if message.tool_call_id is not None:
        shape["tool_call_id"] = message.tool_call_id
    return shape
