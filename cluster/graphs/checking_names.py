"""Whether the tools, models, graphs, prompts and ways to search that a graph names exist."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cluster.graphs.findings import Findings, Known, choice
from cluster.graphs.resolved import every_node, graphs_of
from cluster.graphs.templates import OPEN
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import BaseNode, GraphNode, LlmNode, RetrieveNode, ToolNode
from cluster.specs.yaml_text import Place

# What is named, how it is called, and where.
Named = tuple[str, str, Place]


def check_names(spec: GraphSpec, known: Known, findings: Findings) -> None:
    there: dict[str, Collection[str] | None] = {
        "tool": known.tools,
        "graph": known.graphs,
        "model": known.models,
        "prompt": known.prompts,
        "way to search": known.retrieval,
    }
    for name, node in every_node(spec):
        path: Place = ("nodes", name) if node is spec.nodes[name] else ("nodes", name, "each")
        for what, called, inner in _named(node):
            names = there[what]
            plain = called.partition("@")[0] if what in ("graph", "prompt") else called
            if names is not None and plain not in names:
                findings.error(f"there is no {what} '{called}'; {choice(plain, names)}", name, (*path, *inner))
    if known.graphs is not None:
        _circles(spec, known, findings)


def _named(node: BaseNode) -> Iterator[Named]:
    model = getattr(node, "model", None)
    if isinstance(model, str) and OPEN not in model:
        yield "model", model, ("model",)
    if isinstance(node, LlmNode):
        yield from (("tool", tool, ("tools", number)) for number, tool in enumerate(node.tools))
        if node.prompt is not None:
            yield "prompt", node.prompt, ("prompt",)
    if isinstance(node, ToolNode):
        yield "tool", node.tool, ("tool",)
    if isinstance(node, GraphNode):
        yield "graph", node.graph, ("graph",)
    if isinstance(node, RetrieveNode):
        yield "way to search", node.settings, ("settings",)


def _circles(spec: GraphSpec, known: Known, findings: Findings) -> None:
    """Graphs that run each other: such a run would never end."""
    for name, node in every_node(spec):
        if isinstance(node, GraphNode):
            way = _way_back(spec.name, node.graph.partition("@")[0], known)
            if way:
                said = f"the graphs run each other in a circle: {' -> '.join(way)}; take one of these 'graph' nodes out."
                path: Place = ("nodes", name) if node is spec.nodes[name] else ("nodes", name, "each")
                findings.error(said, name, (*path, "graph"))


def _way_back(home: str, begin: str, known: Known) -> list[str]:
    """From ``home`` over ``begin`` to ``home`` again; empty where there is no way."""
    seen: set[str] = set()
    waiting = [[home, begin]]
    while waiting:
        path = waiting.pop(0)
        if path[-1] == home:
            return path
        inner = (known.graphs or {}).get(path[-1])
        if path[-1] not in seen and inner is not None:
            seen.add(path[-1])
            waiting.extend([*path, name.partition("@")[0]] for name in graphs_of(inner))
    return []
