"""Ways to say one thing: a small grammar that multiplies alternatives, and keeps a quarter of the outcomes for tests.

Example: ``wordings("{s} [now |]lives in [the town of |]{v}", "train")`` holds three or so of the four sentences, and
``wordings(..., "held_out")`` the rest: whole sentence patterns are held out, while every word in them is met in training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from zlib import crc32

from training.nano.corpus.splits import Split, split_of

INNERMOST = re.compile(r"\[([^\[\]]*)\]")
MOST = 4000  # patterns of one grammar; more would be slow to list, and says nothing new


def expand(grammar: str) -> Iterator[str]:
    """Every pattern of a grammar: alternatives stand between bars, groups in square brackets, groups within groups."""
    group = INNERMOST.search(grammar)
    if group is None:
        yield from grammar.split("|")
        return
    # The outermost bars separate whole patterns; a group is opened only after they have been taken apart.
    parts = _outer(grammar)
    if len(parts) > 1:
        for part in parts:
            yield from expand(part)
        return
    pieces = _pieces(grammar)
    for chosen in product(*[list(expand(piece[1:-1])) if piece.startswith("[") else [piece] for piece in pieces]):
        yield "".join(chosen)


def _outer(grammar: str) -> list[str]:
    """The grammar cut at the bars that stand in no group."""
    parts, depth, begun = [], 0, 0
    for place, letter in enumerate(grammar):
        depth += (letter == "[") - (letter == "]")
        if letter == "|" and depth == 0:
            parts.append(grammar[begun:place])
            begun = place + 1
    return [*parts, grammar[begun:]]


def _pieces(grammar: str) -> list[str]:
    """Plain stretches and outermost groups (with their brackets), in order."""
    pieces, depth, begun = [], 0, 0
    for place, letter in enumerate(grammar):
        if letter == "[":
            if depth == 0 and place > begun:
                pieces.append(grammar[begun:place])
            begun = place if depth == 0 else begun
            depth += 1
        elif letter == "]":
            depth -= 1
            if depth == 0:
                pieces.append(grammar[begun : place + 1])
                begun = place + 1
    return [*pieces, grammar[begun:]] if begun < len(grammar) else pieces


@cache
def wordings(grammar: str, split: Split) -> tuple[str, ...]:
    """The patterns of a grammar that a split may use; never empty for a grammar of two or more, never shared with the other split."""
    patterns = sorted(set(expand(grammar)))
    if not 2 <= len(patterns) <= MOST:
        raise ValueError(f"{len(patterns)} patterns where 2 to {MOST} are needed: {grammar}")
    held = {pattern for pattern in patterns if split_of(pattern) == "held_out"}
    if not held or len(held) * 2 > len(patterns):  # few patterns: chance alone would leave one side without any
        held = set(sorted(patterns, key=lambda pattern: crc32(pattern.encode()))[: max(1, len(patterns) // 4)])
    return tuple(pattern for pattern in patterns if (pattern in held) == (split == "held_out"))
