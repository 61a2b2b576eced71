"""What other tools call a text to label, and how ours is found in their files again."""

from __future__ import annotations

import hashlib
from typing import Any

from cluster.learning.labels.record import Origin, Turn

# Names under which files of other tools have the text, the likeliest first.
TEXTS = ("text", "prompt", "instruction", "question", "input")


def turns(fields: dict[str, Any], *lists: str) -> tuple[Turn, ...]:
    """The messages: a list of them under one of ``lists``, else the text. Raises ValueError where there is neither."""
    for name in lists:
        if isinstance(fields.get(name), list):
            return tuple(Turn.model_validate({"role": one.get("role"), "content": one.get("content")}) for one in fields[name])
    for name in TEXTS:
        text = fields.get(name)
        if isinstance(text, str) and text.strip():
            return (Turn(role="user", content=text),)
    raise ValueError(f"it has no text to label; give one of {', '.join((*lists, *TEXTS))}")


def origin(raw: object, given_id: object, messages: tuple[Turn, ...]) -> Origin:
    """What we wrote; of a record that is not ours its id, or one made of its words, so that the same is known again."""
    if isinstance(raw, dict):
        return Origin.model_validate(raw)
    words = "\x00".join(turn.content for turn in messages)
    return Origin(id=str(given_id)[:200] if given_id else hashlib.sha256(words.encode()).hexdigest())
