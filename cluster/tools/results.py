"""What tools give back, made fit for whoever reads it: bounded, and without what does harm."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cluster.contracts.generation import Json, Usage
from cluster.text.cleaning import DROPPED
from cluster.tools.tool import Piece, ToolResult, readable

# Deeper JSON is a text.
DEPTH = 64


def fitted(
    value: Any,
    text: str | None,
    most: int,
    *,
    failed: bool = False,
    spent: tuple[tuple[str, Usage], ...] = (),
    pieces: Sequence[Piece] = (),
) -> ToolResult:
    """A result of at most ``most`` bytes of JSON, and as many of text and of pieces; a longer value is given as a text that ends there,
    and pieces that do not fit are left out."""
    clean = seen(value)
    told = json.dumps(clean, ensure_ascii=False)
    said = readable(clean) if text is None else _unseen(text)
    cut_value, cut_text = _is_over(told, most), _is_over(said, most)
    if cut_value:
        clean = _cut(clean if isinstance(clean, str) else told, most)
    kept = _within(pieces, most)
    cut = cut_value or cut_text or len(kept) < len(pieces)
    return ToolResult(clean, _cut(said, most) if cut_text else said, failed, cut, spent, kept)


def seen(value: Any, depth: int = 0) -> Json:
    """``value`` as JSON whose texts hold no control characters and none that hide or turn others. Infinite numbers are null."""
    if isinstance(value, str):
        return _unseen(value)
    if isinstance(value, float):
        return value if value - value == 0 else None
    if value is None or isinstance(value, bool | int):
        return value
    if depth >= DEPTH:
        return "..."
    if isinstance(value, dict):
        return {_unseen(str(key)): seen(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [seen(item, depth + 1) for item in value]
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    return _unseen(str(value))


def _within(pieces: Sequence[Piece], most: int) -> tuple[Piece, ...]:
    kept, size = [], 0
    for piece in pieces:
        size += len(piece.data)
        if size > most:
            break
        kept.append(piece)
    return tuple(kept)


def _unseen(text: str) -> str:
    return DROPPED.sub("", text.replace("\r\n", "\n")) if not text.isprintable() else text


def _is_over(text: str, most: int) -> bool:
    return len(text) > most or len(text.encode()) > most


def _cut(text: str, most: int) -> str:
    return text[:most].encode()[:most].decode(errors="ignore")
