"""Where branches of a graph lead, and when a node that waits for all of them may begin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import END, JoinNode, Node
from deployments.agents.state import OUTSIDE, State, come, on_their_way


def waits_for_all(node: Node) -> bool:
    return isinstance(node, JoinNode) or node.join == "all"


def leads_to(node: Node) -> frozenset[str]:
    """All nodes that may follow, whatever the conditions say."""
    following = {edge.to for edge in node.edges} - {END}
    return frozenset(following | ({node.on_error} if node.on_error and node.on_error != END else set()))


class Flow:
    """The arrows of one graph.

    A node that waits for all begins when every branch that leads to it has come. A branch that ended elsewhere, because a condition
    led it away, never will: so it also begins when nothing that is on its way can still get there. Nodes that wait for each other in a
    circle begin in the order of the graph, so that a run cannot stand still.
    """

    def __init__(self, spec: GraphSpec) -> None:
        self._order = list(spec.nodes)
        self._joins = frozenset(name for name, node in spec.nodes.items() if waits_for_all(node))
        self._before: dict[str, set[str]] = defaultdict(set)
        for name, node in spec.nodes.items():
            for following in leads_to(node):
                self._before[following].add(name)
        for name in spec.starts:
            self._before[name].add(OUTSIDE)
        self._above = {name: self._ancestors(name) for name in self._joins}

    def opens(self, node: str, state: State) -> bool:
        """Whether ``node`` is to be visited now."""
        if not come(state, node):
            return False  # asked to look once more, after it had begun
        if node not in self._joins:
            return True
        underway = on_their_way(state)
        if self._complete(node, state, underway):
            return True
        standing = underway <= self._joins and not any(self._complete(other, state, underway) for other in underway)
        return standing and node == min(underway, key=self._order.index)

    def waiting(self, state: State, but: Iterable[str]) -> list[str]:
        """Joins, those in ``but`` left out, that are to look again after this super-step: what they wait for may have ended."""
        return sorted(self._joins & on_their_way(state) - set(but))

    def _complete(self, node: str, state: State, underway: frozenset[str]) -> bool:
        return self._before[node] <= come(state, node) or not ((underway - {node}) & self._above[node])

    def _ancestors(self, node: str) -> frozenset[str]:
        found: set[str] = set()
        ahead = list(self._before[node])
        while ahead:
            current = ahead.pop()
            if current not in found:
                found.add(current)
                ahead += self._before[current]
        return frozenset(found - {OUTSIDE})
