"""The page of a run, put together."""

from __future__ import annotations

import uuid
from typing import Any

from api.workflows.drawing import mermaid_of
from api.workflows.run_schemas import RunDetail
from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.runs import Runs
from cluster.graphs.table import GraphRun, GraphStep
from cluster.settings import GraphSettings
from cluster.specs.graph import GraphLimits
from cluster.stores.sql import AsyncSession

STEPS = 200


async def page_of(session: AsyncSession, settings: GraphSettings, organisation_id: uuid.UUID, run_id: uuid.UUID) -> RunDetail:
    """Raises NotFound, also for a run of another organisation."""
    runs = Runs(session, settings)
    run = await runs.get(organisation_id, run_id)
    steps = list(await runs.steps(run.id, STEPS))
    spec = ResolvedGraph.from_json(run.spec).main
    return RunDetail.page(run, steps, mermaid_of(spec, states_of(steps)), limits_of(run, spec.limits, settings))


def states_of(steps: list[GraphStep]) -> dict[str, str]:
    """How each node stands: as its latest visit does."""
    return {step.node: step.state for step in steps if step.kind != "tool" or step.node not in {other.node for other in steps}}


def limits_of(run: GraphRun, own: GraphLimits, settings: GraphSettings) -> dict[str, Any]:
    """The least of what the request, the graph and the settings allow."""
    found: dict[str, Any] = {}
    for name in GraphLimits.model_fields:
        told = (run.limits.get(name), getattr(own, name), getattr(settings, name))
        found[name] = min(limit for limit in told if limit is not None)
    return found
