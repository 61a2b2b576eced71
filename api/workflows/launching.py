"""Beginning a run: everything is checked before anything is written down."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.exc import IntegrityError

from api.audit.trail import Origin, Trail
from api.web.principal import Principal, Role
from api.workflows.finding import Finder
from api.workflows.install import Graphs
from api.workflows.resources import need_models, needs_of
from cluster.contracts.generation import JsonObject
from cluster.errors import BadInput, Conflict, Forbidden, Unprocessable
from cluster.graphs.resolved import ResolvedGraph, given_to, tools_of
from cluster.graphs.runs import NewRun, Runs
from cluster.graphs.states import GRAPH
from cluster.graphs.table import GraphRun
from cluster.specs.graph import GraphSpec
from cluster.stores.sql import AsyncSession
from cluster.tracing import parent_here

# What surrounds the writing of a run, in its transaction: it may give another order for it, and write something besides.
Placing = Callable[[AsyncSession, NewRun], AbstractAsyncContextManager[NewRun]]


@dataclass(frozen=True, slots=True)
class Order:
    """``limits``: of the request, above those of the graph and the settings. ``task_type``: what whoever asks calls it."""

    spec: GraphSpec
    input: JsonObject
    model: str | None = None
    priority: int = 0
    limits: Mapping[str, Any] = field(default_factory=dict)
    task_type: str = GRAPH
    idempotency_key: str | None = None
    placing: Placing | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)


class Launcher:
    """For one person."""

    def __init__(self, graphs: Graphs, who: Principal, origin: Origin) -> None:
        self._graphs = graphs
        self._who = who
        self._origin = origin

    async def find(self, name: str) -> GraphSpec:
        """Raises NotFound."""
        async with self._graphs.parts.stores.database.session() as session:
            return await Finder(session, self._graphs, self._who).named.graph(name)

    async def launch(self, order: Order) -> GraphRun:
        """A queued run, written down; or the one of before with this idempotency key. Raises Unprocessable for a graph or an input that
        could not run, Conflict for a model that cannot be served here, Forbidden for tools above the role, Overloaded."""
        run = await self._written(*await self.check(order))
        await self._graphs.runtime.wake()
        return run

    async def check(self, order: Order) -> tuple[Order, ResolvedGraph]:
        """The order with the defaults of its graph, and all that belongs to that, if it could run now. Raises as ``launch`` does."""
        resolved = await self._resolved(order.spec)
        order = replace(order, input=_given(order))
        await self._need_tools(resolved)
        await need_models(self._graphs.parts.gateway, needs_of(resolved, order.model))
        return order, resolved

    async def _resolved(self, spec: GraphSpec) -> ResolvedGraph:
        async with self._graphs.parts.stores.database.session() as session:
            finder = Finder(session, self._graphs, self._who)
            await finder.need_sound(spec)
            try:
                return await finder.named.resolved(spec)
            except BadInput as error:
                raise Unprocessable(error.message) from None

    async def _need_tools(self, resolved: ResolvedGraph) -> None:
        """A tool that a graph names is called in the name of whoever runs it, so they must be allowed to call it."""
        toolbox = self._graphs.toolbox
        named = sorted(frozenset[str]().union(*(tools_of(spec) for spec in (resolved.main, *resolved.graphs.values()))))
        if not named:
            return
        known = {tool.name: tool for tool in await toolbox.specs(self._who.organisation_id)}
        for name in named:
            if name in known and not may_act(self._who).includes(Role(known[name].role)):
                needed = known[name].role
                raise Forbidden(f"The graph calls the tool '{name}', which needs the role '{needed}'; ask somebody who has it to run it.")

    async def _written(self, order: Order, resolved: ResolvedGraph) -> GraphRun:
        parts, who = self._graphs.parts, self._who
        new = NewRun(
            graph=order.spec.name,
            version=order.spec.version,
            spec=resolved.to_json(),
            input=order.input,
            organisation_id=who.organisation_id,
            owner_id=who.user_id,
            role=may_act(who).value,
            model=order.model,
            task_type=order.task_type,
            priority=order.priority,
            limits=dict(order.limits),
            idempotency_key=order.idempotency_key,
            traceparent=parent_here(),
            id=order.id,
        )
        try:
            async with parts.stores.database.session() as session, (order.placing or _as_it_is)(session, new) as placed:
                run = await Runs(session, parts.settings.graphs).enqueue(placed)
                if run.id == new.id:
                    Trail(session, self._origin, who).record("graph.run", f"run:{run.id}", graph=run.graph, version=run.version)
                return run
        except IntegrityError:
            raise Conflict(f"There is a run {new.id} already; choose another 'run_id', or leave it out.").about("run_id") from None


def _given(order: Order) -> JsonObject:
    try:
        return given_to(order.spec, order.input)
    except BadInput as error:
        raise Unprocessable(error.message).about(error.param) from None


def may_act(who: Principal) -> Role:
    """As what tools are called: a key that may only ask models or read changes nothing, whoever's it is."""
    return who.role if not who.scopes or "write" in who.scopes else Role.VIEWER


@asynccontextmanager
async def _as_it_is(_: AsyncSession, new: NewRun) -> AsyncIterator[NewRun]:
    yield new
