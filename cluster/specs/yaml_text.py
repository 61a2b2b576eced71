"""Text of people as data with the line of every key: YAML, or JSON (which begins with ``{``).

Stricter than YAML is: a key stands once, anchors cannot make a small text large, only ``true`` and ``false`` are true and false (``yes``,
``no``, ``on`` and ``off`` are texts, as in YAML 1.2), a date stays a text, and there are no tags and no merge keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from cluster.errors import ConfigError

DEPTH = 48
# Where a value stands in the data, and on which line of the text; the first is 1.
Place = tuple[str | int, ...]
Lines = Mapping[Place, int]
_INTEGER = re.compile(r"[-+]?\d+")
_FLOAT = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "value"))


@dataclass(frozen=True, slots=True)
class Text:
    data: Any
    lines: Lines


def place(lines: Lines, path: Iterable[str | int]) -> int | None:
    """The line of the value at ``path``, or of the nearest above it that the text has."""
    parts = tuple(path)
    for length in range(len(parts), -1, -1):
        if parts[:length] in lines:
            return lines[parts[:length]]
    return None


def read_text(text: str, origin: str, most_bytes: int) -> Text:
    """Raises ConfigError, one line that names ``origin`` and the line. ``most_bytes`` holds for the text; for what its anchors make of it,
    four times as much."""
    if len(text) > most_bytes or len(text.encode("utf-8", "replace")) > most_bytes:
        raise ConfigError(f"{origin}: the text has more than {most_bytes} bytes (graphs.spec_bytes); make it smaller.")
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        data = _read_json(text.lstrip("\ufeff"), origin)
        return Text(data, _lines_of(text, most_bytes))
    return _read_yaml(text, origin, most_bytes)


def _read_json(text: str, origin: str) -> Any:
    try:
        data = json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, origin), parse_constant=lambda name: _no_number(name, origin))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{origin}:{error.lineno}: not valid JSON: {error.msg[:1].lower() + error.msg[1:]}.") from None
    except (RecursionError, ValueError) as error:
        raise ConfigError(f"{origin}: not valid JSON: {error}.") from None
    _need_shallow(data, origin)
    return data


def _once(pairs: list[tuple[str, Any]], origin: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"{origin}: the key '{twice}' stands twice; leave one of them.")
    return found


def _no_number(name: str, origin: str) -> None:
    raise ConfigError(f"{origin}: {name} is not a number that JSON has.")


def _need_shallow(data: Any, origin: str) -> None:
    waiting = [(data, 0)]
    while waiting:
        one, depth = waiting.pop()
        if depth > DEPTH:
            raise ConfigError(f"{origin}: it is nested more than {DEPTH} levels deep; make it flatter.")
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting.extend((value, depth + 1) for value in inner)


def _lines_of(text: str, most_bytes: int) -> Lines:
    """Lines of a JSON text. Most JSON is YAML too; of what is not, no line is known, which only makes messages poorer."""
    try:
        return _read_yaml(text, "", most_bytes).lines
    except ConfigError:
        return {}


def _read_yaml(text: str, origin: str, most_bytes: int) -> Text:
    try:
        _need_flat_events(text, origin)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{origin}{line}: not valid YAML: {problem}.") from None
    except ValueError as error:  # a number in an escape that is no character
        raise ConfigError(f"{origin}: not valid YAML: {error}.") from None
    if node is None:
        raise ConfigError(f"{origin}: there is nothing in it.")
    building = _Building(origin, 4 * most_bytes)
    return Text(building.build(node, ()), building.lines)


def _need_flat_events(text: str, origin: str) -> None:
    """Before anything is built: building calls itself for every level."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            mark = event.start_mark
            line = mark.line + 1 if mark else 1
            raise ConfigError(f"{origin}:{line}: it is nested more than {DEPTH} levels deep; make it flatter.")


@dataclass(slots=True)
class _Building:
    origin: str
    left: int
    lines: dict[Place, int] = field(default_factory=dict)

    def build(self, node: yaml.Node, path: Place) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self.left -= 2 + (len(node.value) if isinstance(node, yaml.ScalarNode) else 0)
        if self.left < 0 or len(path) > DEPTH:
            raise ConfigError(f"{self.origin}:{line}: what its anchors and aliases stand for is too large; write less, or without them.")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            self._need_tag(node, "seq")
            return [self.build(item, (*path, number)) for number, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Place) -> dict[str, Any]:
        self._need_tag(node, "map")
        built: dict[str, Any] = {}
        for key_node, value in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError(f"{self.origin}:{line}: a key is a text, not a list or a mapping.")
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise ConfigError(f"{self.origin}:{line}: '<<' is not supported; write the keys out.")
            key = str(key_node.value)
            if key in built:
                raise ConfigError(f"{self.origin}:{line}: the key '{key[:80]}' stands twice; leave one of them.")
            self.left -= len(key)
            self.lines[*path, key] = line
            built[key] = self.build(value, (*path, key))
        return built

    def _need_tag(self, node: yaml.Node, name: str) -> None:
        if node.tag != f"tag:yaml.org,2002:{name}":
            raise ConfigError(f"{self.origin}:{node.start_mark.line + 1}: the tag {str(node.tag)[:80]!r} is not supported; leave it out.")

    def _scalar(self, node: yaml.Node) -> Any:
        text = str(node.value)
        if node.tag not in _SCALARS:
            raise ConfigError(f"{self.origin}:{node.start_mark.line + 1}: the tag {str(node.tag)[:80]!r} is not supported; leave it out.")
        kind = node.tag.rpartition(":")[2]
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind == "int" and _INTEGER.fullmatch(text) and len(text) < 40:
            return int(text)
        is_float = kind == "float" or (kind == "str" and not getattr(node, "style", None))
        return float(text) if is_float and _FLOAT.fullmatch(text) and not _INTEGER.fullmatch(text) else text
