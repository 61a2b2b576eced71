"""What a model is given of a conversation: its instructions, what a summary stands for, and the messages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from api.conversations.pictures import picture
from api.conversations.tables import Message as MessageRow
from cluster.contracts.generation import Message, Role, ToolCall
from cluster.errors import Unprocessable
from cluster.providers.tokens import MESSAGE_TOKENS, estimated

SUMMARY = "What was said before, in short:"
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


@dataclass(frozen=True, slots=True)
class Line:
    """A message as the model is given it; ``stays``: whatever else is left out."""

    id: uuid.UUID
    message: Message
    stays: bool


@dataclass(frozen=True, slots=True)
class Context:
    """``system``: instructions and summary; many chat templates take one system message, at the beginning, and no second one."""

    system: str | None
    lines: tuple[Line, ...]

    @property
    def messages(self) -> tuple[Message, ...]:
        head = (Message("system", self.system),) if self.system else ()
        return head + _paired([line.message for line in self.lines])

    def without_oldest(self, tokens: float) -> Context | None:
        """The same less the oldest lines that may go, at least one and about ``tokens``; the last always stays. None: none may go."""
        going: set[uuid.UUID] = set()
        for line in self.lines[:-1]:
            if going and tokens <= 0:
                break
            if not line.stays:
                going.add(line.id)
                tokens -= estimated(line.message.content or "") + MESSAGE_TOKENS
        return replace(self, lines=tuple(line for line in self.lines if line.id not in going)) if going else None


def context_of(system: str | None, rows: Sequence[MessageRow], *, sees: bool) -> Context:
    """Of a branch from its first message to the one that is answered. ``sees``: whether the model takes images. Raises Unprocessable for
    an answered message that holds what the model cannot be given."""
    summary, kept = _in_force(rows)
    parts = [part for part in (system, f"{SUMMARY}\n{summary}" if summary else None) if part]
    lines = tuple(Line(row.id, _message(row, sees, last=row is rows[-1]), row.pinned or row.role == "system") for row in kept)
    return Context("\n\n".join(parts) or None, lines)


def spoken(context: Context) -> Context:
    """What people said alone: a draft is made from that, and from the draft before."""
    return Context(None, tuple(line for line in context.lines if line.message.role == "user"))


def _in_force(rows: Sequence[MessageRow]) -> tuple[str | None, Sequence[MessageRow]]:
    """The latest summary on the branch, and the messages it does not stand for: pinned ones, instructions, and all after it."""
    at = next((at for at in range(len(rows) - 2, -1, -1) if rows[at].summary), None)
    if at is None:
        return None, rows
    return rows[at].summary, [row for row in rows[: at + 1] if row.pinned or row.role == "system"] + list(rows[at + 1 :])


def _message(row: MessageRow, sees: bool, *, last: bool) -> Message:
    images = tuple(image for part in row.parts if (image := picture(part)) is not None) if sees else ()
    texts = [row.text] + [_unseen(part, last=last) for part in row.parts if _bare(part) and not (images and picture(part))]
    calls = tuple(ToolCall(call["id"], call["name"], call["arguments"]) for call in row.tool_calls)
    return Message(_ROLES[row.role], "\n".join(text for text in texts if text), None, calls, row.tool_call_id, images)


def _bare(part: dict[str, str]) -> bool:
    return part["type"] in {"image", "audio", "file"} and not part.get("text")


def _unseen(part: dict[str, str], *, last: bool) -> str:
    """What stands for a part that the model is not given. Nobody can add a description to what was said long ago, so that only the
    message that is answered must have one."""
    kind = part["type"]
    if not last:
        return f"(This message holds an {kind} that you cannot see.)"
    if part["url"].startswith("data:"):
        raise Unprocessable("This model takes no images; choose one that does, or add what the image shows as its 'text'.").about("content")
    how = "send it as a data: URL, or " if kind == "image" else ""
    raise Unprocessable(
        f"A message holds an {kind} by its address, and nothing is fetched from elsewhere; {how}add what it shows or says as its 'text'."
    ).about("content")


def _paired(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Without tool calls that no message answers, and answers without a call: a template or provider would refuse the whole."""
    answered = {message.tool_call_id for message in messages if message.role == "tool"}
    told = [message if {call.id for call in message.tool_calls} <= answered else replace(message, tool_calls=()) for message in messages]
    called = {call.id for message in told for call in message.tool_calls}
    return tuple(message for message in told if message.role != "tool" or message.tool_call_id in called)
