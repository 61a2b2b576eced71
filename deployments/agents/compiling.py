"""A graph of ours as one of LangGraph's: a node there for each node here, whose visits decide what follows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, interrupt

from cluster.contracts.generation import Json
from cluster.specs.graph import GraphSpec
from deployments.agents.flow import Flow
from deployments.agents.state import State, come
from deployments.agents.waiting import Paused, Waits

Compiled = CompiledStateGraph[State, None, State, State]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one visit: what it writes into the state, and which nodes follow."""

    values: Mapping[str, Json] = field(default_factory=dict)
    following: tuple[str, ...] = ()


# The node's name, the number of the visit (from 1), and the values as they are.
Visit = Callable[[str, int, Mapping[str, Json]], Awaitable[Outcome]]


def compile_graph(spec: GraphSpec, visit: Visit, saver: BaseCheckpointSaver[Any] | None) -> Compiled:
    """``saver`` None: nothing is kept between super-steps. What ``visit`` raises ends the run of the graph; with a ``saver``, Waits and
    Paused interrupt it, which takes it up again at these nodes when it is run once more."""
    flow = Flow(spec)
    builder: StateGraph[State, None, State, State] = StateGraph(State)
    for name in spec.nodes:
        node = _Node(name, flow, visit, interrupts=saver is not None)
        # A partial has no hints of types, which LangGraph would read anew for each node of each run.
        builder.add_node(inside(name), partial(_Node.visit, node), input_schema=State)
    for name in spec.starts:
        builder.add_edge(START, inside(name))
    return builder.compile(checkpointer=saver if saver is not None else False)


def inside(name: str) -> str:
    """What LangGraph calls a node: its own name, unless that is a channel's."""
    return name.upper() if name in State.__annotations__ else name


class _Node:
    """What LangGraph runs for a node."""

    def __init__(self, name: str, flow: Flow, visit: Visit, *, interrupts: bool) -> None:
        self._name = name
        self._flow = flow
        self._visit = visit
        self._interrupts = interrupts

    async def visit(self, state: State) -> Command[str]:
        name = self._name
        if not self._flow.opens(name, state):
            return Command()
        number = state["visits"].get(name, 0) + 1
        outcome = await self._visited(number, state)
        update = State(
            values=dict(outcome.values),
            visits={name: number},
            given={following: {name: 1} for following in outcome.following},
            taken={name: {source: state["given"][name][source] for source in come(state, name)}},
        )
        looking = self._flow.waiting(state, (name, *outcome.following))
        return Command(update=update, goto=[inside(one) for one in (*outcome.following, *looking)])

    async def _visited(self, number: int, state: State) -> Outcome:
        try:
            return await self._visit(self._name, number, state["values"])
        except (Waits, Paused) as stop:
            if self._interrupts:
                interrupt(str(stop))
            raise
