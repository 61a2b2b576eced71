"""Runs that tools begin: of another graph, in the name of whoever the tool was called for."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from cluster.contracts.generation import JsonObject
from cluster.errors import BadInput
from cluster.graphs.library import GraphLibrary
from cluster.graphs.named import Named
from cluster.graphs.resolved import given_to
from cluster.graphs.runs import NewRun, Runs
from cluster.graphs.states import GRAPH
from cluster.graphs.table import GraphRun
from cluster.settings import GraphSettings
from cluster.stores.sql import Database
from cluster.tools.starting import StartedRun
from cluster.tools.tool import ToolCaller
from cluster.tracing import parent_here


class RunStarter:
    """Implements cluster.tools.starting.GraphStarter."""

    def __init__(self, database: Database, settings: GraphSettings, library: GraphLibrary) -> None:
        self._database = database
        self._settings = settings
        self._library = library
        self._wake: Callable[[], None] = lambda: None

    def wakes(self, wake: Callable[[], None]) -> None:
        """``wake`` is called whenever a run was written down."""
        self._wake = wake

    async def start(self, graph: str, given: JsonObject, caller: ToolCaller, *, task: bool = False) -> StartedRun:
        async with self._database.session() as session:
            named = Named(session, self._settings, self._library, caller.organisation_id)
            resolved = await named.resolved(await named.graph(graph))
            main = resolved.main
            try:
                given = given_to(main, given)
            except BadInput as error:
                raise BadInput(f"The input does not fit the graph '{main.name}': {error.message}").about(error.param) from None
            new = NewRun(
                graph=main.name,
                version=main.version,
                spec=resolved.to_json(),
                input=given,
                organisation_id=caller.organisation_id,
                owner_id=caller.user_id,
                role=caller.role,
                task_type=main.name if task else GRAPH,
                parent_id=caller.run_id,
                depth=caller.depth + 1,
                idempotency_key=caller.key,
                traceparent=parent_here(),
            )
            run = await Runs(session, self._settings).enqueue(new)
        self._wake()
        return _started(run)

    async def look(self, organisation_id: uuid.UUID, run_id: uuid.UUID) -> StartedRun:
        async with self._database.session() as session:
            return _started(await Runs(session, self._settings).get(organisation_id, run_id))


def _started(run: GraphRun) -> StartedRun:
    return StartedRun(run.id, run.graph, run.state, run.output, run.error, run.step_count)
