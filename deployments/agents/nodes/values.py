"""Nodes that only compute: transform, join, guard."""

from __future__ import annotations

from cluster.contracts.generation import Json
from cluster.specs.nodes import GuardNode, JoinNode, TransformNode
from deployments.agents.visiting import Visit, guarded


async def transform(node: TransformNode, visit: Visit) -> Json:
    """With ``set``, values by key of the state."""
    if node.set is not None:
        return {key: await visit.value(expression) for key, expression in node.set.items()}
    assert node.value is not None
    return await visit.value(node.value)


async def join(node: JoinNode, visit: Visit) -> Json:
    return None


async def guard(node: GuardNode, visit: Visit) -> Json:
    return await guarded(visit, await visit.value(node.value), node.guard)
