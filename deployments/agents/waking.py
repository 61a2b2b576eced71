"""A claimed row as a run that can be driven."""

from __future__ import annotations

from typing import cast

from cluster.graphs.changes import Told, nobody
from cluster.graphs.pending import Spent
from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.steps import StepLog
from cluster.graphs.table import GraphRun
from cluster.settings import GraphSettings
from cluster.specs.graph import GraphLimits
from cluster.stores.sql import Database
from cluster.tools.tool import Role
from deployments.agents.budget import Budget, limits_of
from deployments.agents.nodes.registry import perform
from deployments.agents.services import Services
from deployments.agents.visiting import Underway


class StepLogs:
    """Makes the step logs of claimed runs. ``told``: see cluster/graphs/changes.py."""

    def __init__(self, database: Database, settings: GraphSettings, told: Told = nobody) -> None:
        self._database = database
        self._settings = settings
        self._told = told

    def of(self, row: GraphRun) -> StepLog:
        return StepLog(self._database, self._settings, row.id, row.attempt, self._told)


def underway(row: GraphRun, services: Services, steps: StepLog) -> Underway:
    """Raises ConfigError when the row's graph cannot be read."""
    graph = ResolvedGraph.from_json(row.spec)
    asked = GraphLimits.model_validate(row.limits or {})
    limits = limits_of(services.settings.graphs, ("of the graph", graph.main.limits), ("that was asked for", asked))
    spent = Spent(row.prompt_tokens, row.completion_tokens, row.micros)
    return Underway(
        id=row.id,
        organisation_id=row.organisation_id,
        owner_id=row.owner_id,
        role=cast("Role", row.role),
        model=row.model,
        started_at=row.started_at.isoformat() if row.started_at is not None else "",
        graph=graph,
        services=services,
        steps=steps,
        budget=Budget(limits, services.prices, steps=row.step_count, spent=spent, seconds=row.seconds),
        perform=perform,
        answers=dict(row.answers or {}),
        depth=row.depth,
    )
