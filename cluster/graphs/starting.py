"""Runs that tools and messages begin, in the name of whoever the tool was called for, or handed the message in."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from cluster.contracts.generation import JsonObject
from cluster.errors import BadInput
from cluster.graphs.library import GraphLibrary
from cluster.graphs.named import Named
from cluster.graphs.resolved import given_to
from cluster.graphs.runs import NewRun, Runs
from cluster.graphs.states import GRAPH
from cluster.graphs.table import GraphRun
from cluster.settings import GraphSettings
from cluster.stores.sql import AsyncSession, Database
from cluster.tools.starting import StartedRun
from cluster.tools.tool import Role, ToolCaller
from cluster.tracing import parent_here


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run for whom. ``graph``: its name, or ``name@version``; ``task``: it is a task of that type; the rest as in NewRun."""

    graph: str
    input: JsonObject
    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    role: Role
    task: bool = False
    model: str | None = None
    priority: int = 0
    parent_id: uuid.UUID | None = None
    depth: int = 0
    idempotency_key: str | None = None
    traceparent: str | None = None


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
        order = Order(
            graph=graph,
            input=given,
            organisation_id=caller.organisation_id,
            owner_id=caller.user_id,
            role=caller.role,
            task=task,
            parent_id=caller.run_id,
            depth=caller.depth + 1,
            idempotency_key=caller.key,
            traceparent=parent_here(),
        )
        async with self._database.session() as session:
            run = await self.begin(session, order)
        self._wake()
        return _started(run)

    async def begin(self, session: AsyncSession, order: Order) -> GraphRun:
        """A queued run, in the caller's transaction. Raises as ``start`` does."""
        named = Named(session, self._settings, self._library, order.organisation_id)
        resolved = await named.resolved(await named.graph(order.graph))
        main = resolved.main
        try:
            given = given_to(main, order.input)
        except BadInput as error:
            raise BadInput(f"The input does not fit the graph '{main.name}': {error.message}").about(error.param) from None
        new = NewRun(
            graph=main.name,
            version=main.version,
            spec=resolved.to_json(),
            input=given,
            organisation_id=order.organisation_id,
            owner_id=order.owner_id,
            role=order.role,
            task_type=main.name if order.task else GRAPH,
            model=order.model,
            priority=order.priority,
            parent_id=order.parent_id,
            depth=order.depth,
            idempotency_key=order.idempotency_key,
            traceparent=order.traceparent,
        )
        return await Runs(session, self._settings).enqueue(new)

    async def look(self, organisation_id: uuid.UUID, run_id: uuid.UUID) -> StartedRun:
        async with self._database.session() as session:
            return _started(await Runs(session, self._settings).get(organisation_id, run_id))


def _started(run: GraphRun) -> StartedRun:
    return StartedRun(run.id, run.graph, run.state, run.output, run.error, run.step_count)
