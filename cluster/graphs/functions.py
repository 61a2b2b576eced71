"""What an expression can call. Those of CEL itself, and of its extensions for texts and lists those that graphs need, under their names
there: ``join``, ``split``, ``replace``, ``trim``, ``lowerAscii``, ``upperAscii``, ``substring``, ``indexOf``, ``slice``, ``flatten``,
``distinct``, ``sort``, ``reverse``. Of our own: ``json(value)`` is the JSON text of a value, ``parse(text)`` the value of a JSON text, and
``sum``, ``max``, ``min`` are of a list. Each can be written as ``f(x)`` or ``x.f()``. Nothing here sees a file, the network or a clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import re2
from celpy import celtypes
from celpy.evaluation import base_functions

from cluster.graphs.operators import before, equal
from cluster.graphs.values import Wrong, is_bool, is_number, kind_of, to_cel, to_json, weigh


@dataclass(frozen=True, slots=True)
class Function:
    """``least`` and ``most``: how many arguments. ``grows``: its result may be larger than its arguments; it is given the limit first."""

    call: Callable[..., Any]
    least: int = 1
    most: int = 1
    grows: bool = False


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise Wrong(f"'{name}' takes a text, found {kind_of(value)}")
    return value


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise Wrong(f"'{name}' takes a list, found {kind_of(value)}")
    return value


def _number(value: object, name: str) -> int:
    if not isinstance(value, int) or not is_number(value):
        raise Wrong(f"'{name}' takes a whole number, found {kind_of(value)}")
    return int(value)


def _fitting(chars: int, most: int) -> None:
    if chars > most:
        raise Wrong(f"a text or list in it has more than {most} characters or items (graphs.value_bytes)")


def size(value: Any) -> Any:
    if not isinstance(value, (str, list, dict)):
        raise Wrong(f"'size' takes a text, a list or a map, found {kind_of(value)}")
    return celtypes.IntType(len(value))


def contains(value: Any, part: Any) -> Any:
    if isinstance(value, str):
        return celtypes.BoolType(_text(part, "contains") in value)
    if isinstance(value, dict):
        return celtypes.BoolType(part in value)
    return celtypes.BoolType(any(equal(part, item) for item in _list(value, "contains")))


def matches(text: Any, pattern: Any) -> Any:
    """RE2: its time grows with the text alone."""
    try:
        return celtypes.BoolType(re2.search(_text(pattern, "matches"), _text(text, "matches")) is not None)
    except re2.error:
        raise Wrong(f"'matches': {pattern!r} is no regular expression of RE2") from None


def string(most: int, value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, (list, dict)) or value is None or is_bool(value):
        return as_json(most, value)
    return base_functions["string"](value)


def as_json(most: int, value: Any) -> Any:
    return celtypes.StringType(json.dumps(to_json(value, most), ensure_ascii=False))


def parse(text: Any) -> Any:
    try:
        return to_cel(json.loads(_text(text, "parse"), parse_constant=_no_constant))
    except (json.JSONDecodeError, RecursionError):
        raise Wrong("'parse': the text is not JSON") from None


def _no_constant(name: str) -> None:
    raise Wrong(f"'parse': {name} is not JSON")


def join(most: int, items: Any, between: Any = "") -> Any:
    texts = [_text(item, "join") for item in _list(items, "join")]
    _fitting(sum(map(len, texts)) + len(_text(between, "join")) * len(texts), most)
    return celtypes.StringType(between.join(texts))


def split(text: Any, by: Any, limit: Any = None) -> Any:
    if not _text(by, "split"):
        raise Wrong("'split' takes a text to split at, found an empty one")
    parts = _text(text, "split").split(by, -1 if limit is None else max(0, _number(limit, "split") - 1))
    return to_cel(parts)


def replace(most: int, text: Any, old: Any, new: Any) -> Any:
    found = _text(text, "replace").count(_text(old, "replace"))
    _fitting(len(text) + found * (len(_text(new, "replace")) - len(old)), most)
    return celtypes.StringType(text.replace(old, new))


def substring(text: Any, start: Any, end: Any = None) -> Any:
    return celtypes.StringType(_text(text, "substring")[_place(start, text) : len(text) if end is None else _place(end, text)])


def cut(items: Any, start: Any, end: Any) -> Any:
    return celtypes.ListType(_list(items, "slice")[_place(start, items) : _place(end, items)])


def _place(value: Any, of: Any) -> int:
    """Of a place behind the end, the end: asking for the first ten of three gives three."""
    return min(max(0, _number(value, "a place")), len(of))


def flatten(most: int, items: Any) -> Any:
    _fitting(sum(len(item) if isinstance(item, list) else 1 for item in _list(items, "flatten")), most)
    return celtypes.ListType([inner for item in items for inner in (item if isinstance(item, list) else [item])])


def distinct(most: int, items: Any) -> Any:
    weigh(_list(items, "distinct"), most)
    return celtypes.ListType(list({json.dumps(to_json(item, most), sort_keys=True): item for item in reversed(items)}.values())[::-1])


def ordered(items: Any) -> Any:
    left: list[Any] = list(_list(items, "sort"))
    if any(not (isinstance(item, str) or is_number(item)) for item in left) or len({isinstance(item, str) for item in left}) > 1:
        raise Wrong("'sort' takes a list of texts or a list of numbers")
    return celtypes.ListType(sorted(left, key=_plain_value))


def _plain_value(item: Any) -> Any:
    return str.__str__(item) if isinstance(item, str) else int(item) if isinstance(item, int) else float(item)


def total(items: Any) -> Any:
    if any(not is_number(item) for item in _list(items, "sum")):
        raise Wrong("'sum' takes a list of numbers")
    numbers: list[Any] = list(items)
    added = sum(int(item) if isinstance(item, int) else float(item) for item in numbers)
    return to_cel(added)


def _extreme(name: str, better: Callable[[Any, Any], bool]) -> Function:
    def find(items: Any) -> Any:
        if not _list(items, name):
            raise Wrong(f"'{name}' of an empty list")
        found = items[0]
        for item in items[1:]:
            found = item if better(item, found) else found
        return found

    return Function(find)


def _plain(name: str) -> Callable[..., Any]:
    """Of celpy, where nothing can grow."""
    return base_functions[name]


def _of_text(name: str, change: Callable[[str], str]) -> Function:
    return Function(lambda value: celtypes.StringType(change(_text(value, name))))


def _begins(value: Any, part: Any) -> Any:
    return celtypes.BoolType(_text(value, "startsWith").startswith(_text(part, "startsWith")))


def _ends(value: Any, part: Any) -> Any:
    return celtypes.BoolType(_text(value, "endsWith").endswith(_text(part, "endsWith")))


FUNCTIONS: Mapping[str, Function] = {
    **{name: Function(_plain(name)) for name in ("bool", "double", "duration", "int", "timestamp", "type")},
    **{
        name: Function(_plain(name), 1, 2)
        for name in (
            "getDate getDayOfMonth getDayOfWeek getDayOfYear getFullYear getHours getMilliseconds getMinutes getMonth getSeconds".split()
        )
    },
    "size": Function(size),
    "contains": Function(contains, 2, 2),
    "startsWith": Function(_begins, 2, 2),
    "endsWith": Function(_ends, 2, 2),
    "matches": Function(matches, 2, 2),
    "string": Function(string, grows=True),
    "json": Function(as_json, grows=True),
    "parse": Function(parse),
    "join": Function(join, 1, 2, grows=True),
    "split": Function(split, 2, 3),
    "replace": Function(replace, 3, 3, grows=True),
    "trim": _of_text("trim", str.strip),
    "lowerAscii": _of_text("lowerAscii", str.lower),
    "upperAscii": _of_text("upperAscii", str.upper),
    "substring": Function(substring, 2, 3),
    "indexOf": Function(lambda text, part: celtypes.IntType(_text(text, "indexOf").find(_text(part, "indexOf"))), 2, 2),
    "slice": Function(cut, 3, 3),
    "flatten": Function(flatten, grows=True),
    "distinct": Function(distinct, grows=True),
    "sort": Function(ordered),
    "reverse": Function(lambda items: celtypes.ListType(_list(items, "reverse")[::-1])),
    "sum": Function(total),
    "max": _extreme("max", lambda one, other: before(other, one)),
    "min": _extreme("min", before),
}
