"""A graph as ways between nodes, as keys that nodes write, and as texts that are computed: what the checks and the drawing look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cluster.graphs.expressions import expression_of
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import (
    END,
    AudioNode,
    BaseNode,
    EmbedNode,
    GraphNode,
    GuardNode,
    HumanNode,
    LlmNode,
    MapNode,
    Node,
    RetrieveNode,
    RouterNode,
    ToolNode,
    TransformNode,
    VisionNode,
    WaitNode,
    WritingNode,
)
from cluster.specs.yaml_text import Place

ERROR_KEY = "error"
Ways = Mapping[str, tuple["Way", ...]]


@dataclass(frozen=True, slots=True)
class Way:
    """From one node to another. ``always``: it is taken whenever the node has run. ``kind``: `next`, one of a router's `choice`, or
    `error`. ``label``: the condition."""

    to: str
    path: Place
    always: bool = True
    kind: Literal["next", "choice", "error"] = "next"
    label: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A text that is computed. ``needs``: the type of JSON that its value must have; ``after``: the node has written its own key by
    then; ``node`` is None for the graph's output."""

    node: str | None
    path: Place
    text: str
    is_template: bool = False
    needs: tuple[str, ...] = ()
    after: bool = False
    in_map: bool = False


def ways_of(spec: GraphSpec) -> dict[str, tuple[Way, ...]]:
    """All ways by the node they begin at, those to `end` included."""
    return {name: tuple(_ways(name, node)) for name, node in spec.nodes.items()}


def _ways(name: str, node: Node) -> Iterator[Way]:
    alone = isinstance(node.then, str)
    chooses = isinstance(node, RouterNode) and (node.choose is not None or len(node.edges) > 1 or node.edges[0].when is not None)
    for number, edge in enumerate(node.edges):
        path: Place = ("nodes", name, "then") if alone else ("nodes", name, "then", number)
        if chooses:
            yield Way(edge.to, path, always=False, kind="choice", label=edge.when or "")
        else:
            yield Way(edge.to, path, always=edge.when is None, label=edge.when or "")
    if node.on_error is not None:
        yield Way(node.on_error, ("nodes", name, "on_error"), always=False, kind="error", label="on error")


def reachable(ways: Ways, begin: Iterable[str], without: str | None = None) -> set[str]:
    """Nodes that can be come to from ``begin``, those included, and not beyond ``without``."""
    seen: set[str] = set()
    waiting = [name for name in begin if name in ways]
    while waiting:
        name = waiting.pop()
        if name not in seen and name != without:
            seen.add(name)
            waiting.extend(way.to for way in ways[name] if way.to in ways)
    return seen


def arriving(ways: Ways) -> dict[str, list[tuple[str, Way]]]:
    """Nodes and ways that lead to a node, by that node."""
    into: dict[str, list[tuple[str, Way]]] = {name: [] for name in ways}
    for name, leaving in ways.items():
        for way in leaving:
            if way.to in into:
                into[way.to].append((name, way))
    return into


def written(name: str, node: BaseNode) -> frozenset[str]:
    """Keys of the state that the node writes."""
    if isinstance(node, TransformNode) and node.set is not None:
        return frozenset(node.set)
    return frozenset({node.to or name}) if isinstance(node, WritingNode) else frozenset()


def writers(spec: GraphSpec) -> dict[str, list[str]]:
    """Nodes by the key that they write."""
    found: dict[str, list[str]] = {}
    for name, node in spec.nodes.items():
        for key in written(name, node):
            found.setdefault(key, []).append(name)
    return found


def sources(spec: GraphSpec) -> Iterator[Source]:
    """Everything that is computed in ``spec``."""
    for name, node in spec.nodes.items():
        path: Place = ("nodes", name)
        yield from _sources(name, node, path, in_map=False)
        if isinstance(node, MapNode):
            yield from _sources(name, node.each, (*path, "each"), in_map=True)
        for number, edge in enumerate(node.edges):
            if edge.when is not None:
                yield Source(name, (*path, "then", number, "when"), edge.when, needs=("boolean",), after=True)
    for key, text in spec.output.items():
        yield Source(None, ("output", key), text)


def _sources(name: str, node: BaseNode, path: Place, *, in_map: bool) -> Iterator[Source]:
    for key, text, needs in _expressions(node):
        if text is not None:
            yield Source(name, (*path, *key), text, needs=needs, in_map=in_map)
    for key, text in _templates(node):
        if text is not None:
            yield Source(name, (*path, *key), text, is_template=True, in_map=in_map)
    for field, arguments in _arguments(node):
        for inner, expression in _within(arguments, (field,)):
            yield Source(name, (*path, *inner), expression, in_map=in_map)


_TEXT, _LIST, _NUMBER = ("string",), ("array",), ("integer", "number")


def _expressions(node: BaseNode) -> list[tuple[Place, str | None, tuple[str, ...]]]:
    if isinstance(node, LlmNode):
        messages = node.messages if isinstance(node.messages, str) else None
        return [(("messages",), messages, _LIST), (("images",), node.images, _LIST)]
    if isinstance(node, RetrieveNode):
        collections = node.collections if isinstance(node.collections, str) else None
        return [(("query",), node.query, _TEXT), (("collections",), collections, _LIST)]
    if isinstance(node, TransformNode):
        several = node.set or {}
        return [(("value",), node.value, ()), *((("set", key), text, ()) for key, text in several.items())]
    if isinstance(node, WaitNode):
        seconds = node.seconds if isinstance(node.seconds, str) else None
        return [(("seconds",), seconds, _NUMBER), (("until",), node.until, _TEXT)]
    return _plain_expressions(node)


def _plain_expressions(node: BaseNode) -> list[tuple[Place, str | None, tuple[str, ...]]]:
    if isinstance(node, VisionNode):
        return [(("image",), node.image, _TEXT)]
    if isinstance(node, AudioNode):
        return [(("audio",), node.audio, _TEXT)]
    if isinstance(node, EmbedNode):
        return [(("texts",), node.texts, _LIST)]
    if isinstance(node, MapNode):
        return [(("over",), node.over, _LIST)]
    if isinstance(node, HumanNode):
        return [(("show",), node.show, ())]
    if isinstance(node, GuardNode):
        return [(("value",), node.value, ())]
    return []


def _templates(node: BaseNode) -> list[tuple[Place, str | None]]:
    if isinstance(node, LlmNode):
        said = node.messages if isinstance(node.messages, list) else []
        turns: list[tuple[Place, str | None]] = [(("messages", number, "content"), one.content) for number, one in enumerate(said)]
        return [(("model",), node.model), (("system",), node.system), (("user",), node.user), *turns]
    if isinstance(node, RouterNode):
        return [(("choose",), node.choose), (("model",), node.model)]
    return [(("ask",), node.ask)] if isinstance(node, HumanNode) else []


def _arguments(node: BaseNode) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(node, ToolNode):
        return [("arguments", node.arguments)]
    return [("input", node.input)] if isinstance(node, GraphNode) else []


def _within(value: Any, path: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _within(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _within(inner, (*path, number))
    else:
        expression = expression_of(value)
        if expression is not None:
            yield path, expression


def ends(ways: Ways, name: str) -> bool:
    """Whether a branch can end at this node."""
    return any(way.to == END for way in ways[name])
