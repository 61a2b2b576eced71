"""A graph as people write it: YAML or JSON, with the line of every mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cluster.errors import ConfigError
from cluster.specs.graph import GraphSpec
from cluster.specs.loader import nearest, say
from cluster.specs.nodes import NAME, Node
from cluster.specs.yaml_text import Lines, Place, place, read_text

# Of a text full of mistakes the first ones, in order of line.
MOST_MISTAKES = 20
SENTENCE_CHARS = 400
NAMES = "names have lower-case letters, digits and '_', and begin with a letter"
_NODES: tuple[type[BaseModel], ...] = get_args(get_args(Node)[0])
KINDS: Mapping[str, type[BaseModel]] = {get_args(shape.model_fields["kind"].annotation)[0]: shape for shape in _NODES}

__all__ = ["KINDS", "Lines", "ParsedGraph", "parse_graph", "place", "read_graph"]


@dataclass(frozen=True, slots=True)
class ParsedGraph:
    """``lines``: by place in the text, such as ``("nodes", "ask", "user")``; look up with ``place``."""

    spec: GraphSpec
    lines: Lines = field(default_factory=dict)


def parse_graph(text: str, origin: str, most_bytes: int) -> ParsedGraph:
    """Raises ConfigError: one line for each mistake, such as ``FILE:12: node 'ask': unknown key 'modle'; did you mean 'model'?``.
    ``most_bytes``: the setting ``graphs.spec_bytes``."""
    read = read_text(text, origin, most_bytes)
    return ParsedGraph(read_graph(read.data, origin, read.lines), read.lines)


def read_graph(data: object, origin: str, lines: Lines | None = None) -> GraphSpec:
    """``data``, as JSON gives it, as a graph. Raises ConfigError as ``parse_graph`` does, with lines where there are some."""
    if not isinstance(data, dict):
        raise ConfigError(f"{origin}: expected a mapping of keys to values, found {type(data).__name__}.")
    try:
        return GraphSpec.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_all(error, data, origin, lines or {}))) from None


def _all(error: ValidationError, data: dict[str, Any], origin: str, lines: Lines) -> list[str]:
    """One mistake for every node and every other key: a value that may have several shapes has one for each, and the one that got
    furthest into it counts."""
    telling: dict[Place, tuple[Place, ErrorDetails]] = {}
    for mistake in error.errors(include_url=False):
        where = _cleaned(mistake["loc"], mistake["type"], data)
        group = where[:2] if where[:1] == ("nodes",) else where[:1]
        if group not in telling or len(where) > len(telling[group][0]):
            telling[group] = (where, mistake)
    found = sorted(telling.values(), key=lambda pair: place(lines, pair[0]) or 0)
    said = [_sentence(where, mistake, data, origin, place(lines, where)) for where, mistake in found[:MOST_MISTAKES]]
    rest = len(found) - len(said)
    return [*said, f"{origin}: and {rest} more mistakes."] if rest else said


def _cleaned(loc: tuple[str | int, ...], kind: str, data: Any) -> Place:
    """``loc`` as it leads through the data: pydantic puts names of shapes and kinds in between."""
    cleaned: list[str | int] = []
    current, parts = data, list(loc)
    while parts:
        part = parts.pop(0)
        if isinstance(current, dict) and part in current:
            cleaned.append(part)
            current = current[part]
            if parts and _is_node(cleaned) and isinstance(current, dict) and parts[0] == current.get("kind"):
                parts.pop(0)
        elif isinstance(current, list) and isinstance(part, int) and part < len(current):
            cleaned.append(part)
            current = current[part]
        elif isinstance(current, dict) and not parts and kind == "missing":
            cleaned.append(part)
    return tuple(cleaned)


def _is_node(path: list[str | int]) -> bool:
    return path[:1] == ["nodes"] and (len(path) == 2 or (len(path) == 3 and path[2] == "each"))


def _sentence(where: Place, mistake: ErrorDetails, data: dict[str, Any], origin: str, line: int | None) -> str:
    head = f"{origin}:{line}: " if line else f"{origin}: "
    if where[:1] != ("nodes",) or len(where) < 2:
        return head + _say(mistake, GraphSpec, where, where)
    head += f"node '{where[1]}': "
    node, rest = data["nodes"][where[1]], where[2:]
    if rest[:1] == ("each",) and isinstance(node, dict) and isinstance(node.get("each"), dict):
        return head + _say(mistake, _shape(node["each"]), rest, rest[1:])
    return head + _say(mistake, _shape(node), rest, rest)


def _say(mistake: ErrorDetails, shape: type[BaseModel], where: Place, inner: Place) -> str:
    kind, named = mistake["type"], ".".join(map(str, where))
    before = f"'{named}': " if named else ""
    if kind == "value_error":
        said = mistake["msg"].removeprefix("Value error, ")
        sentence = f"{before}{said}."
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        sentence = before + _about_kind(mistake)
    elif mistake["loc"][-1:] == ("[key]",):
        sentence = f"the name {mistake['input']!r} does not fit; {NAMES}."
    elif kind == "string_pattern_mismatch" and mistake.get("ctx", {}).get("pattern") == NAME:
        sentence = f"{before}the name {mistake['input']!r} does not fit; {NAMES}."
    elif kind in ("model_type", "model_attributes_type", "dict_type"):
        sentence = f"{before}expected a mapping of keys to values."
    else:
        sentence = say({**mistake, "loc": inner}, shape, named)
    return sentence if len(sentence) <= SENTENCE_CHARS else sentence[:SENTENCE_CHARS] + "..."


def _about_kind(mistake: ErrorDetails) -> str:
    given = mistake["input"].get("kind") if isinstance(mistake["input"], dict) else None
    if given is None:
        return f"key 'kind' is missing; choose one of {', '.join(KINDS)}."
    if str(given) in KINDS:
        return f"a node of kind '{given}' cannot stand in a map."
    hint = nearest(str(given), KINDS)
    return f"there is no kind {str(given)[:80]!r}; " + (f"did you mean '{hint}'?" if hint else f"choose one of {', '.join(KINDS)}.")


def _shape(node: object) -> type[BaseModel]:
    kind = node.get("kind") if isinstance(node, dict) else None
    return KINDS.get(kind, GraphSpec) if isinstance(kind, str) else GraphSpec
