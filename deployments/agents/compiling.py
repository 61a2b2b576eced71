"""A graph of ours as one of LangGraph's: a node there for each node here, whose visits decide what follows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from cluster.contracts.generation import Json
from cluster.specs.graph import GraphSpec
from deployments.agents.flow import Flow
from deployments.agents.state import State, as_visited, come

Compiled = CompiledStateGraph[State, None, State, State]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one visit: what it writes into the state, and which nodes follow."""

    values: Mapping[str, Json] = field(default_factory=dict)
    following: tuple[str, ...] = ()


# The node's name, the number of the visit (from 1), and the values as they are.
Visit = Callable[[str, int, Mapping[str, Json]], Awaitable[Outcome]]


def compile_graph(spec: GraphSpec, visit: Visit, saver: BaseCheckpointSaver[Any] | None) -> Compiled:
    """``saver`` None: nothing is kept between super-steps. What ``visit`` raises ends the run of the graph."""
    flow = Flow(spec)
    builder: StateGraph[State, None, State, State] = StateGraph(State)
    for name in spec.nodes:
        builder.add_node(inside(name), _node(name, flow, visit))
    for name in spec.starts:
        builder.add_edge(START, inside(name))
    return builder.compile(checkpointer=saver if saver is not None else False)


def inside(name: str) -> str:
    """What LangGraph calls a node: its own name, unless that is a channel's."""
    return name.upper() if name in State.__annotations__ else name


def outside(name: str) -> str:
    """The reverse."""
    return name.lower()


def _node(name: str, flow: Flow, visit: Visit) -> Callable[[State], Awaitable[Command[str]]]:
    async def run(state: State) -> Command[str]:
        if not flow.opens(name, state):
            return Command()
        number = as_visited(state["visits"], name)
        outcome = await visit(name, number, state["values"])
        update = State(
            values=dict(outcome.values),
            visits={name: number},
            given={following: {name: 1} for following in outcome.following},
            taken={name: {source: state["given"][name][source] for source in come(state, name)}},
        )
        looking = flow.waiting(state, (name, *outcome.following))
        return Command(update=update, goto=[inside(one) for one in (*outcome.following, *looking)])

    return run
