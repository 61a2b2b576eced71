"""What every kind of node does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cluster.contracts.generation import Json
from cluster.specs.nodes import Node
from deployments.agents.nodes.calling import call_node
from deployments.agents.nodes.llm import ask
from deployments.agents.nodes.mapping import run_map
from deployments.agents.nodes.people import human, wait
from deployments.agents.nodes.perceiving import embed, listen, look
from deployments.agents.nodes.retrieving import retrieve
from deployments.agents.nodes.routing import route
from deployments.agents.nodes.subgraph import run_graph
from deployments.agents.nodes.values import guard, join, transform
from deployments.agents.visiting import Visit

KINDS: Mapping[str, Callable[[Any, Visit], Awaitable[Json]]] = {
    "llm": ask,
    "vision": look,
    "audio": listen,
    "embed": embed,
    "retrieve": retrieve,
    "tool": call_node,
    "transform": transform,
    "router": route,
    "map": run_map,
    "join": join,
    "graph": run_graph,
    "human": human,
    "wait": wait,
    "guard": guard,
}


async def perform(node: Node, visit: Visit) -> Json:
    return await KINDS[node.kind](node, visit)
