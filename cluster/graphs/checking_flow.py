"""Whether a graph leads anywhere: nodes that are named exist and are come to, cycles end, branches meet as they should."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice

from cluster.graphs.findings import Findings, choice
from cluster.graphs.structure import Way, Ways, arriving, ends, reachable, ways_of, written
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import END, JoinNode, MapNode, RouterNode

# More edges than a person draws; the checks below look at each many times.
MOST_WAYS = 2000
MOST_PAIRS = 500


def check_flow(spec: GraphSpec, findings: Findings) -> bool:
    """Whether the graph is small enough for the checks that follow."""
    ways = ways_of(spec)
    if sum(map(len, ways.values())) > MOST_WAYS:
        findings.error(f"it has more than {MOST_WAYS} edges; put parts of it into graphs of their own.", None, ("nodes",))
        return False
    _names(spec, ways, findings)
    _reached(spec, ways, findings)
    _routers(spec, findings)
    _cycles(ways, findings)
    _joins(spec, ways, findings)
    _parallel(spec, ways, findings)
    return True


def _names(spec: GraphSpec, ways: Ways, findings: Findings) -> None:
    if END in spec.nodes:
        findings.error(f"'{END}' is where a branch ends, and no name for a node; give it another.", END, ("nodes", END))
    for number, name in enumerate(spec.starts):
        path = ("start",) if isinstance(spec.start, str) else ("start", number)
        if name not in spec.nodes:
            findings.error(f"'start' names '{name}', which is no node; {choice(name, spec.nodes)}", None, path)
    for name, leaving in ways.items():
        for way in leaving:
            if way.to not in spec.nodes and way.to != END:
                findings.error(f"there is no node '{way.to}'; {choice(way.to, [*spec.nodes, END])}", name, way.path)
        if spec.nodes[name].on_error == name:
            findings.error("'on_error' names the node itself; 'retry' says how often it is tried.", name, ("nodes", name, "on_error"))
    for name, node in spec.nodes.items():
        if isinstance(node, MapNode) and (node.each.then != END or node.each.on_error is not None):
            said = "what stands in a map has no way on; move 'then' and 'on_error' to the map, or use 'skip_errors'."
            findings.error(said, name, ("nodes", name, "each"))


def _reached(spec: GraphSpec, ways: Ways, findings: Findings) -> None:
    seen = reachable(ways, spec.starts)
    for name in spec.nodes:
        if name not in seen:
            findings.error("no way leads to it from 'start'; name it in a 'then', or take it out.", name, ("nodes", name))


def _routers(spec: GraphSpec, findings: Findings) -> None:
    for name, node in spec.nodes.items():
        if not isinstance(node, RouterNode):
            continue
        path = ("nodes", name, "then")
        open_edges = [number for number, edge in enumerate(node.edges) if edge.when is None]
        if len({edge.to for edge in node.edges}) < 2:
            findings.error("a router chooses between several nodes; give two or more in 'then', or take it out.", name, path)
        elif node.choose is not None:
            if len(open_edges) < len(node.edges):
                findings.error("with 'choose' a model decides; take the conditions ('when') out, or 'choose'.", name, path)
        elif len(open_edges) > 1:
            findings.error("only one edge may be without 'when', the last: it is taken where no other holds.", name, path)
        elif open_edges and open_edges[0] != len(node.edges) - 1:
            findings.error("edges behind one without 'when' are never taken; put it last.", name, (*path, open_edges[0]))


def _cycles(ways: Ways, findings: Findings) -> None:
    always = {name: tuple(way for way in leaving if way.always) for name, leaving in ways.items()}
    for circle in _circles(always):
        shown = _circle(circle, always)
        findings.error(
            f"{shown} goes round for ever; give one of these edges a condition ('when').", circle[0], ("nodes", circle[0], "then")
        )
    for circle in _circles(ways):
        inside = set(circle)
        leaves = any(ends(ways, name) or any(way.to not in inside for way in ways[name]) for name in circle)
        if not leaves and not any(set(one) <= inside for one in _circles(always)):
            shown = ", ".join(circle)
            findings.error(
                f"no way leads out of {shown}; add an edge to another node or to '{END}'.", circle[0], ("nodes", circle[0], "then")
            )


def _circles(ways: Ways) -> list[list[str]]:
    """Groups of nodes that can all be come to from each other, in the order of the graph."""
    far = {name: reachable(ways, (way.to for way in leaving)) for name, leaving in ways.items()}
    groups: dict[frozenset[str], list[str]] = {}
    for name in ways:
        if name in far[name]:
            group = frozenset(other for other in far[name] if name in far[other])
            groups.setdefault(group, []).append(name)
    return list(groups.values())


def _circle(group: list[str], ways: Ways) -> str:
    """One way round, in words."""
    path = [group[0]]
    while len(path) <= len(group):
        here = next(way.to for way in ways[path[-1]] if way.to in group)
        path.append(here)
        if here in path[:-1]:
            break
    return " -> ".join(path[path.index(path[-1]) :])


def _joins(spec: GraphSpec, ways: Ways, findings: Findings) -> None:
    into = arriving(ways)
    for name, node in spec.nodes.items():
        if not isinstance(node, JoinNode) and node.join != "all":
            continue
        count = len(into[name]) + (name in spec.starts)
        if count < 2:
            said = "it waits for every branch that leads to it, but there is only one" if count else "it waits, but nothing leads to it"
            findings.warn(f"{said}; take the join out, or lead another branch to it.", name, ("nodes", name))


def _parallel(spec: GraphSpec, ways: Ways, findings: Findings) -> None:
    for fork, one, other, sure in islice(_forks(spec, ways), MOST_PAIRS):
        mine = reachable(ways, [one.to], without=fork)
        others = reachable(ways, [other.to], without=fork)
        _clashes(spec, mine - others, others - mine, findings, sure=sure)
        if sure:
            _meetings(spec, ways, mine, others, findings)


def _forks(spec: GraphSpec, ways: Ways) -> Iterator[tuple[str | None, Way, Way, bool]]:
    """Pairs of ways that may be gone at once; the last: whether they surely are."""
    begins = [Way(name, ("start",)) for name in spec.starts if name in spec.nodes]
    for one, other in combinations(begins, 2):
        yield None, one, other, True
    for name, leaving in ways.items():
        next_ones = [way for way in leaving if way.kind == "next" and way.to in spec.nodes]
        for one, other in combinations(next_ones, 2):
            if one.to != other.to and not _opposite(one.label, other.label):
                yield name, one, other, one.always and other.always


def _opposite(one: str, other: str) -> bool:
    """Whether one condition is the other with ``!`` before it."""
    plain = ["".join(text.split()) for text in (one, other)]
    return any(longer in (f"!{shorter}", f"!({shorter})") for longer, shorter in (plain, reversed(plain)))


def _clashes(spec: GraphSpec, mine: set[str], others: set[str], findings: Findings, *, sure: bool) -> None:
    for name in (name for name in spec.nodes if name in mine):
        for other in (other for other in spec.nodes if other in others):
            for key in sorted(written(name, spec.nodes[name]) & written(other, spec.nodes[other])):
                tell = findings.error if sure else findings.warn
                when = "runs" if sure else "may run"
                tell(f"it {when} beside '{other}', and both write the key '{key}'; give one of them another 'to'.", name, ("nodes", name))


def _meetings(spec: GraphSpec, ways: Ways, mine: set[str], others: set[str], findings: Findings) -> None:
    """Where branches that run beside each other come together."""
    into = arriving(ways)
    for name in (name for name in spec.nodes if name in mine & others):
        before = [one for one, way in into[name] if way.kind == "next"]
        both = any(one in mine - others for one in before) and any(one in others - mine for one in before)
        if both and spec.nodes[name].join == "any" and not isinstance(spec.nodes[name], JoinNode):
            said = (
                "branches that run beside each other come together here, and it may run once for each; write 'join: all' if it is to wait."
            )
            findings.warn(said, name, ("nodes", name, "join"))
