"""What a model is given of a conversation, and whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.conversations.tables import Message as MessageRow
from cluster.contracts.generation import Message, Role
from cluster.errors import ContextLengthExceeded, Unprocessable

# Few tokenizers do better than this on prose, so that a refusal is right; the engine counts exactly, and has the last word.
BYTES_PER_TOKEN = 5
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}


@dataclass(frozen=True, slots=True)
class Window:
    """The context of ``model`` (None: unknown), in tokens, of which ``answer`` are kept for the answer."""

    model: str
    tokens: int | None
    answer: int

    def holds(self, needed: int) -> bool:
        return self.tokens is None or needed + self.answer <= self.tokens


def fitted(system: str | None, rows: Sequence[MessageRow], window: Window, *, drop: bool) -> tuple[Message, ...]:
    """The messages for the model. With ``drop`` the oldest that are not pinned are left out until the rest fits; the last always stays.
    Raises ContextLengthExceeded."""
    kept = list(rows)
    while not window.holds(_tokens(system, kept, window.model)):
        index = next((at for at, row in enumerate(kept[:-1]) if not row.pinned), None) if drop else None
        if index is None:
            raise _too_long(_tokens(system, kept, window.model), window, dropped=drop)
        del kept[index]
    head = (Message("system", system),) if system else ()
    return head + tuple(_message(row) for row in kept)


def need_room(texts: Sequence[str], window: Window) -> None:
    """Raises ContextLengthExceeded where ``texts`` certainly do not fit."""
    needed = sum(_estimate(text) for text in texts)
    if not window.holds(needed):
        raise _too_long(needed, window, dropped=True)


def _tokens(system: str | None, rows: Sequence[MessageRow], model: str) -> int:
    """At least as many as are needed: the engine's count of the last answer where it saw these very messages, the rest by its length."""
    for at in range(len(rows) - 1, -1, -1):
        row = rows[at]
        whole = row.tokens_exact and row.model == model and rows[0].parent_id is None
        if whole and row.prompt_tokens is not None and row.completion_tokens is not None and not row.thinking:
            return row.prompt_tokens + row.completion_tokens + sum(_estimate(later.text) for later in rows[at + 1 :])
    return _estimate(system or "") + sum(_estimate(row.text) for row in rows)


def _estimate(text: str) -> int:
    return len(text.encode()) // BYTES_PER_TOKEN


def _message(row: MessageRow) -> Message:
    bare = next((part["type"] for part in row.parts if part["type"] in {"image", "audio", "file"} and not part.get("text")), None)
    if bare is not None:
        raise Unprocessable(
            f"A message holds an {bare} without 'text', and the model takes text only; add what it shows or says as its 'text'."
        ).about("content")
    return Message(_ROLES[row.role], row.text)


def _too_long(needed: int, window: Window, *, dropped: bool) -> ContextLengthExceeded:
    advice = "shorten the message" if dropped else "send 'compact': 'drop' to leave the oldest messages out, shorten the message"
    return ContextLengthExceeded(
        f"The conversation has about {needed} tokens, {window.answer} are wanted for the answer, and '{window.model}' takes "
        f"{window.tokens}; {advice}, or choose a model with a larger context."
    )
