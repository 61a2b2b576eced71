"""JSON as CEL holds it, and back. All that is expanded is bounded: a value that shares its parts can be exponentially larger as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from celpy import celtypes

from cluster.contracts.generation import Json

DEPTH = 64
NODE_CHARS = 4


class Wrong(Exception):
    """An expression cannot be evaluated; the message says why."""


def to_cel(value: Any) -> Any:
    """Raises Wrong for a whole number that CEL cannot hold."""
    if value is None or isinstance(value, celtypes.BoolType):
        return value
    if isinstance(value, bool):
        return celtypes.BoolType(value)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return celtypes.DoubleType(value)
    if isinstance(value, str):
        return celtypes.StringType(value)
    if isinstance(value, dict):
        return celtypes.MapType({celtypes.StringType(key): to_cel(item) for key, item in value.items()})
    return celtypes.ListType([to_cel(item) for item in value])


def to_json(value: Any, most: int) -> Json:
    """``most``: characters of the JSON text, roughly. Times become ISO 8601, durations `90s`. Raises Wrong."""
    weigh(value, most)
    return _json(value)


def weigh(value: Any, most: int) -> int:
    """Roughly the characters that ``value`` has as JSON. Raises Wrong when there are more than ``most``, or it is nested too deeply."""
    total = 0
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        total += NODE_CHARS + (len(one) if isinstance(one, str) else 0)
        if depth > DEPTH:
            raise Wrong(f"its value is nested more than {DEPTH} levels deep")
        if isinstance(one, dict):
            total += sum(len(key) for key in one if isinstance(key, str)) + len(one) * NODE_CHARS
            waiting.extend((item, depth + 1) for item in one.values())
        elif isinstance(one, list):
            total += len(one) * NODE_CHARS
            if total <= most:
                waiting.extend((item, depth + 1) for item in one)
        if total > most:
            raise Wrong(f"its value has more than {most} characters as JSON (graphs.value_bytes)")
    return total


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, (bool, celtypes.BoolType))


def is_bool(value: object) -> bool:
    return isinstance(value, (bool, celtypes.BoolType))


def kind_of(value: object) -> str:
    """``value`` in words, for messages."""
    if value is None:
        return "null"
    if is_bool(value):
        return "true or false"
    for types, words in _WORDS:
        if isinstance(value, types):
            return words
    return "something else"


def listed(names: Iterable[object], most: int = 12) -> str:
    """``names`` in one line, cut where there are many."""
    ordered = sorted(str(name) for name in names)
    if not ordered:
        return "none"
    return ", ".join(ordered[:most]) + (f" and {len(ordered) - most} more" if len(ordered) > most else "")


def _integer(value: int) -> celtypes.IntType:
    try:
        return celtypes.IntType(value)
    except ValueError:
        raise Wrong(f"the whole number {value if abs(value) < 10**40 else 'in it'} does not fit 64 bits; send it as a text") from None


def _json(value: Any) -> Json:
    if value is None:
        return None
    if is_bool(value):
        return bool(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _finite(float(value))
    if isinstance(value, (celtypes.TimestampType, celtypes.DurationType)):
        return str(value)
    if isinstance(value, dict):
        return {_key(key): _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    raise Wrong("its value is nothing that JSON can hold; give a text, a number, true or false, a list or a map")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise Wrong("its value is no number (infinite, or the result of 0.0 / 0.0)")
    return value


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise Wrong(f"a key of its map is {kind_of(key)}; keys are texts")
    return str.__str__(key)


_WORDS: tuple[tuple[Any, str], ...] = (
    (celtypes.TimestampType, "a time"),
    (celtypes.DurationType, "a duration"),
    (str, "a text"),
    (int, "a whole number"),
    (float, "a number"),
    (dict, "a map"),
    (list, "a list"),
)
