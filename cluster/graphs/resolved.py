"""A graph with everything that it names: what a run carries, so that no later change of a graph or a prompt changes the run.

A row of ``graph_runs`` keeps it as JSON (column ``spec``)::

    {"main": {...}, "graphs": {"research": {...}, "triage@2": {...}}, "prompts": {"polite": "You are ..."}}

Graphs and prompts are found under what the nodes call them, with or without ``@version``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from cluster.contracts.generation import JsonObject
from cluster.errors import BadInput, ConfigError
from cluster.json_schema import check_value, with_defaults
from cluster.specs.graph import GraphSpec
from cluster.specs.loader import explain
from cluster.specs.nodes import GraphNode, LlmNode, MapNode, Node, ToolNode

FindGraph = Callable[[str], Awaitable[GraphSpec]]
FindPrompt = Callable[[str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class ResolvedGraph:
    main: GraphSpec
    graphs: Mapping[str, GraphSpec] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """With every default written out: a default that changes later changes no run that is under way."""
        return {
            "main": spec_json(self.main),
            "graphs": {name: spec_json(spec) for name, spec in self.graphs.items()},
            "prompts": {**self.prompts},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ResolvedGraph:
        """Raises ConfigError where ``data`` is not what ``to_json`` gave."""
        graphs = {name: _spec(spec, f"graph {name}") for name, spec in data.get("graphs", {}).items()}
        return cls(_spec(data.get("main"), "the graph of the run"), graphs, dict(data.get("prompts", {})))


def spec_json(spec: GraphSpec) -> JsonObject:
    """The graph as JSON, as it may be written in a file or sent over HTTP."""
    return spec.model_dump(mode="json", by_alias=True)


def given_to(spec: GraphSpec, value: JsonObject) -> JsonObject:
    """What a run of ``spec`` is given, as its row keeps it: ``value`` with the defaults of its input, on which the checks of a graph
    count. Raises BadInput where that does not fit."""
    given = with_defaults(value, spec.input)
    check_value(given, spec.input, what="input")
    return given


async def resolve(spec: GraphSpec, find_graph: FindGraph, find_prompt: FindPrompt, *, depth: int) -> ResolvedGraph:
    """``spec`` with all graphs and prompts that it names, those of its graphs included. Raises what the two raise for a name they do not
    know, and BadInput where graphs run each other in a circle or more than ``depth`` (``graphs.depth``) within each other."""
    graphs: dict[str, GraphSpec] = {}
    prompts: dict[str, str] = {}

    async def collect(current: GraphSpec, above: tuple[str, ...]) -> None:
        for name in prompts_of(current):
            if name not in prompts:
                prompts[name] = await find_prompt(name)
        for name in graphs_of(current):
            if name not in graphs:
                graphs[name] = await find_graph(name)
            inner = graphs[name]
            path = (*above, inner.name)
            _need_end(inner.name, above, depth)
            await collect(inner, path)

    await collect(spec, (spec.name,))
    return ResolvedGraph(spec, graphs, prompts)


def every_node(spec: GraphSpec) -> Iterator[tuple[str, Node]]:
    """All nodes with their names; the one within a map right after the map, under the map's name."""
    for name, node in spec.nodes.items():
        yield name, node
        if isinstance(node, MapNode):
            yield name, node.each


def graphs_of(spec: GraphSpec) -> tuple[str, ...]:
    """What ``spec`` calls the graphs that it runs."""
    return tuple(dict.fromkeys(node.graph for _, node in every_node(spec) if isinstance(node, GraphNode)))


def tools_of(spec: GraphSpec) -> frozenset[str]:
    """Names of the tools that ``spec`` calls, or lets a model call."""
    called = {node.tool for _, node in every_node(spec) if isinstance(node, ToolNode)}
    return frozenset(called.union(*(node.tools for _, node in every_node(spec) if isinstance(node, LlmNode))))


def prompts_of(spec: GraphSpec) -> tuple[str, ...]:
    """What ``spec`` calls the prompts that it uses."""
    return tuple(dict.fromkeys(node.prompt for _, node in every_node(spec) if isinstance(node, LlmNode) and node.prompt))


def _need_end(name: str, above: tuple[str, ...], depth: int) -> None:
    if name in above:
        raise BadInput(f"Graphs run each other in a circle: {' -> '.join((*above, name))}; take one of these 'graph' nodes out.")
    if len(above) >= depth:
        path = " -> ".join((*above, name))
        raise BadInput(f"{path}: {depth} graphs may run within each other; put nodes of two of them into one, or raise graphs.depth.")


def _spec(data: object, origin: str) -> GraphSpec:
    try:
        return GraphSpec.model_validate(data)
    except ValidationError as error:
        raise ConfigError(explain(error, GraphSpec, origin)) from None
