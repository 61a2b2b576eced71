"""What the nodes of a run wrote, told from its steps: what its state was at a time, and what one step added."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from cluster.contracts.generation import Json
from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.steps import DONE
from cluster.graphs.table import GraphStep
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import GraphNode, MapNode, Node, TransformNode, WritingNode
from cluster.stores.sql import AsyncSession

# A visit of a node, of which items of a map and calls of tools are parts.
_VISIT = re.compile(r"^(?:.*/)?[^#/]+#\d+$")
_ITEM = re.compile(r"\[\d+\]$")


def written(name: str, node: Node, result: Json) -> dict[str, Json]:
    """What a node that gave ``result`` puts into the state."""
    if isinstance(node, TransformNode) and node.set is not None:
        assert isinstance(result, dict)
        return dict(result)
    return {node.to or name: result} if isinstance(node, WritingNode) else {}


def is_visit(key: str) -> bool:
    """Whether the step of that key is a whole visit of a node, of the run's graph or of one within it."""
    return _VISIT.match(key) is not None


def place_of(graph: ResolvedGraph, path: str) -> tuple[tuple[str, ...], Node | None]:
    """Of a step's ``node``: the nodes around it, and the node itself; None where the graph has none such."""
    *around, name = path.split("/")
    spec: GraphSpec | None = graph.main
    for outer in around:
        spec = _within(graph, spec, _ITEM.sub("", outer))
    return tuple(around), spec.nodes.get(name) if spec is not None else None


def wrote(graph: ResolvedGraph, step: GraphStep) -> dict[str, Json]:
    """What the step added to the state of its graph. Of a part of a visit: nothing."""
    _, node = place_of(graph, step.node)
    if node is None or not is_visit(step.key):
        return {}
    name = step.node.rpartition("/")[2]
    if step.state == "failed" and node.on_error is not None:
        return {"error": step.error}
    return written(name, node, (step.result or {}).get("value")) if step.state in DONE else {}


async def step_of(session: AsyncSession, run_id: uuid.UUID, key: str) -> GraphStep | None:
    return (await session.scalars(select(GraphStep).where(GraphStep.run_id == run_id, GraphStep.key == key))).one_or_none()


async def visits_until(session: AsyncSession, run_id: uuid.UUID, at: datetime) -> Sequence[GraphStep]:
    """Visits of the run's own nodes that had ended by then, in order; those that a fork took along are among them."""
    chosen = select(GraphStep).where(GraphStep.run_id == run_id, GraphStep.finished_at <= at, GraphStep.node.not_like("%/%"))
    steps = (await session.scalars(chosen.order_by(GraphStep.finished_at, GraphStep.started_at, GraphStep.id))).all()
    return [step for step in steps if is_visit(step.key)]


def state_of(graph: ResolvedGraph, steps: Sequence[GraphStep], before: Mapping[str, Json]) -> dict[str, Json]:
    """``before``, and what the steps added to it."""
    state = dict(before)
    for step in steps:
        state |= wrote(graph, step)
    return state


def _within(graph: ResolvedGraph, spec: GraphSpec | None, name: str) -> GraphSpec | None:
    node = spec.nodes.get(name) if spec is not None else None
    node = node.each if isinstance(node, MapNode) else node
    return graph.graphs.get(node.graph) if isinstance(node, GraphNode) else None
