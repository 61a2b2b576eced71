"""The node ``graph``: another graph within the run, on its budget, each of its steps kept as the run's own."""

from __future__ import annotations

import asyncio
from contextvars import copy_context

from langchain_core.runnables.config import RunnableConfig, var_child_runnable_config

from cluster.contracts.generation import Json
from cluster.errors import Conflict
from cluster.json_schema import with_defaults
from cluster.specs.nodes import GraphNode
from deployments.agents.compiling import compile_graph
from deployments.agents.outputs import output_of
from deployments.agents.state import beginning
from deployments.agents.visiting import Frame, Visit
from deployments.agents.waiting import Waits


async def run_graph(node: GraphNode, visit: Visit) -> Json:
    """Its output. After a crash it begins anew, and finds that its steps were done."""
    run, depth = visit.run, visit.frame.depth + 1
    most = run.services.settings.graphs.depth
    if depth + run.depth >= most:
        raise Conflict(f"'{node.graph}' would be the {depth + run.depth + 1}th graph within each other, {most} may be (graphs.depth).")
    spec = run.graph.graphs[node.graph]
    given = with_defaults(await visit.filled(node.input), spec.input)
    frame = Frame(run, spec, given, f"{visit.key}/", f"{visit.called}/", depth)
    context = copy_context()
    # It is no part of what LangGraph runs around it: it has no checkpoints, and tells nobody of its tasks.
    context.run(var_child_runnable_config.set, None)
    values = await asyncio.create_task(_driven(frame), context=context)
    return await output_of(frame, values)


async def _driven(frame: Frame) -> dict[str, Json]:
    compiled = compile_graph(frame.spec, frame.visit, None)
    config: RunnableConfig = {"recursion_limit": 2 * frame.run.budget.most_steps + 10}
    try:
        state = await compiled.ainvoke(beginning(frame.spec.starts), config)
    except Waits:
        raise Waits(tuple(frame.pending.values())) from None
    return dict(state["values"])
