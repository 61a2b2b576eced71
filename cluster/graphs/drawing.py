"""A graph as a picture: text of Mermaid, which documents and pages draw, and a PNG of our own, which needs no browser.

``states``: how each node stands in a run (`succeeded`, `running`, `failed`, `waiting`, `skipped`); it colours the node."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.graphs.structure import Way, ways_of
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import END, LlmNode, MapNode, Node, ToolNode

States = Mapping[str, str]
LABEL_CHARS = 40
# Fill and line of a node in that state.
COLOURS: Mapping[str, tuple[str, str]] = {
    "succeeded": ("#d7f0dd", "#2e7d43"),
    "running": ("#dbe8fb", "#2159a8"),
    "failed": ("#f9d9d6", "#b3261e"),
    "waiting": ("#fdeec9", "#9a6b00"),
    "skipped": ("#ececec", "#7a7a7a"),
}
# What stands around the label of a kind in Mermaid; any other kind is a box.
SHAPES: Mapping[str, tuple[str, str]] = {
    "router": ("{", "}"),
    "human": ("[/", "/]"),
    "map": ("[[", "]]"),
    "graph": ("[[", "]]"),
    "join": ("((", "))"),
    "wait": (">", "]"),
    "tool": ("(", ")"),
    "guard": ("{{", "}}"),
    "retrieve": ("[(", ")]"),
}


def mermaid(spec: GraphSpec, states: States | None = None) -> str:
    """Text of Mermaid's flowchart. Nothing that a graph says can end its label."""
    ids = {name: f"n{number}" for number, name in enumerate(spec.nodes)}
    rows = ["flowchart TD", '    begin(["start"])', f'    finish(["{END}"])']
    rows += [f"    {ids[name]}{_shaped(name, node)}" for name, node in spec.nodes.items()]
    rows += [f"    begin --> {ids[name]}" for name in spec.starts if name in ids]
    for name, leaving in ways_of(spec).items():
        rows += [f"    {ids[name]} {_arrow(way)} {ids.get(way.to, 'finish')}" for way in leaving if way.to in ids or way.to == END]
    return "\n".join([*rows, *_coloured(spec, ids, states or {})]) + "\n"


def caption(name: str, node: Node) -> list[str]:
    """Lines of a node's label: its name, its kind, and what it works with."""
    kind = f"map of {node.each.kind}" if isinstance(node, MapNode) else node.kind
    about = node.tool if isinstance(node, ToolNode) else node.model if isinstance(node, LlmNode) else None
    return [name, f"{kind}: {about}" if about else kind]


def shortened(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= LABEL_CHARS else plain[: LABEL_CHARS - 3] + "..."


def _shaped(name: str, node: Node) -> str:
    before, after = SHAPES.get(node.kind, ("[", "]"))
    return f'{before}"{"<br>".join(_escaped(line) for line in caption(name, node))}"{after}'


def _arrow(way: Way) -> str:
    line = "-.->" if way.kind == "error" else "-->"
    return f'{line}|"{_escaped(way.label)}"|' if way.label else line


def _escaped(text: str) -> str:
    """As Mermaid's entities: ``#quot;`` and the like. Letters, digits and a few signs stay as they are."""
    return "".join(sign if sign.isalnum() or sign in " _-.,:=()?'" else f"#{ord(sign)};" for sign in shortened(text))


def _coloured(spec: GraphSpec, ids: Mapping[str, str], states: States) -> list[str]:
    rows = []
    for state, (fill, line) in COLOURS.items():
        nodes = [ids[name] for name in spec.nodes if states.get(name) == state]
        if nodes:
            rows += [f"    classDef {state} fill:{fill},stroke:{line}", f"    class {','.join(nodes)} {state}"]
    return rows
