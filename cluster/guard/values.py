"""All texts of a JSON value: its strings and the keys of its objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cluster.contracts.generation import Json
from cluster.guard.pii import find, mask
from cluster.guard.refused import Refused

# Longest path that a message shows.
PATH_CHARS = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands. ``path``: keys and numbers from the top; of a key, those of its object. ``name``: the key that says what the
    text is, if any. ``number``: it is the digits of a number."""

    path: tuple[str | int, ...] = ()
    is_key: bool = False
    number: bool = False

    @property
    def name(self) -> str:
        """The innermost key on the way to the text; empty where there is none, or the text is itself a key."""
        return "" if self.is_key else next((part for part in reversed(self.path) if isinstance(part, str)), "")


# What becomes of a text.
Change = Callable[[str, Place], str]


def change_texts(value: Json, change: Change, depth: int) -> Json:
    """``value`` with every text as ``change`` gives it back, each called once, in order. A whole number is shown to it as its digits,
    and stays a number where they stay the same. Keys that become the same are told apart by a number, so that nothing is lost. Raises
    Refused where the value is nested deeper than ``depth``."""
    return _changed(value, change, depth, ())


def count_chars(value: Json) -> int:
    """Characters of a text; of any other value, those of its JSON."""
    return len(value) if isinstance(value, str) else len(json.dumps(value, ensure_ascii=False))


def shown_path(path: Sequence[str | int]) -> str:
    """As ``items.0.name``. Keys may be personal data themselves, which is masked."""
    parts = [str(part)[:PATH_CHARS] for part in path]
    return ".".join(mask(part, find(part)) for part in parts)[:PATH_CHARS]


def _changed(value: Json, change: Change, depth: int, path: tuple[str | int, ...]) -> Json:
    if isinstance(value, str):
        return change(value, Place(path))
    if isinstance(value, int) and not isinstance(value, bool):
        digits = str(value) if -(10**30) < value < 10**30 else ""
        changed = change(digits, Place(path, number=True)) if digits else digits
        return value if changed == digits else changed
    if not isinstance(value, list | dict):
        return value
    if depth < 1:
        raise Refused("The value is nested deeper than a guard reads (graphs.guard_depth); make it flatter.")
    if isinstance(value, list):
        return [_changed(item, change, depth - 1, (*path, number)) for number, item in enumerate(value)]
    result: dict[str, Json] = {}
    for key, item in value.items():
        kept = change(key, Place(path, is_key=True))
        result[_free(kept, result)] = _changed(item, change, depth - 1, (*path, key))
    return result


def _free(key: str, taken: dict[str, Json]) -> str:
    number = 1
    free = key
    while free in taken:
        number += 1
        free = f"{key} {number}"
    return free
