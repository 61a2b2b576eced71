"""What LangGraph keeps of a run between two super-steps. Everything is JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypedDict

from cluster.contracts.generation import Json

# By node, how often each of those before it has led there: the branches of a run.
Arrivals = dict[str, dict[str, int]]
# Whoever leads to the first nodes; no node is called that.
OUTSIDE = ""


def _latest(old: dict[str, Json], new: dict[str, Json]) -> dict[str, Json]:
    return old | new


def _most(old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    return old | {name: max(count, old.get(name, 0)) for name, count in new.items()}


def _added(old: Arrivals, new: Arrivals) -> Arrivals:
    return old | {
        node: old.get(node, {}) | {source: count + old.get(node, {}).get(source, 0) for source, count in sources.items()}
        for node, sources in new.items()
    }


def _seen(old: Arrivals, new: Arrivals) -> Arrivals:
    return old | {node: _most(old.get(node, {}), sources) for node, sources in new.items()}


class State(TypedDict):
    """``values``: what expressions see as ``state``. ``visits``: how often each node was visited. ``given`` counts up where a branch comes
    to a node, ``taken`` follows when the node is visited: where they differ, a branch is on its way. Two nodes of one super-step may
    write at once, and no order matters but that of ``values``."""

    values: Annotated[dict[str, Json], _latest]
    visits: Annotated[dict[str, int], _most]
    given: Annotated[Arrivals, _added]
    taken: Annotated[Arrivals, _seen]


def beginning(starts: Iterable[str]) -> State:
    return State(values={}, visits={}, given={name: {OUTSIDE: 1} for name in starts}, taken={})


def come(state: State, node: str) -> frozenset[str]:
    """From where branches have come to ``node`` that it has not taken yet."""
    taken = state["taken"].get(node, {})
    return frozenset(source for source, count in state["given"].get(node, {}).items() if count > taken.get(source, 0))


def on_their_way(state: State) -> frozenset[str]:
    """Nodes to which a branch has come that was not taken yet."""
    return frozenset(node for node in state["given"] if come(state, node))
