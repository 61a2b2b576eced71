"""Visits of nodes: what a node is given, what is done once and never again, and what follows."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from cluster.contracts.generation import Json, JsonObject, Usage
from cluster.errors import HearthError, Unprocessable
from cluster.graphs.metering import Ended, NodeEnd
from cluster.graphs.pending import NOTHING, Pending, Spent
from cluster.graphs.recounting import written
from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.steps import Ending, StepLog, Superseded
from cluster.graphs.storable import storable
from cluster.guard.refused import Refused
from cluster.json_schema import mistake
from cluster.specs.graph import GraphSpec
from cluster.specs.guard import GuardSpec
from cluster.specs.nodes import END, Edge, GuardNode, Node, RouterNode, WritingNode
from cluster.specs.prices import Consumption
from cluster.stores.away import AWAY
from cluster.tools.tool import Role
from cluster.tracing import span
from deployments.agents.budget import Budget, OverBudget
from deployments.agents.compiling import Outcome
from deployments.agents.retrying import as_said, attempted, patiently
from deployments.agents.services import Services
from deployments.agents.sizes import Sizes
from deployments.agents.together import Together
from deployments.agents.waiting import NobodyKnows, Paused, Waits

log = structlog.get_logger(__name__)

# No failure of a node: whoever carries the run deals with them.
PASSING = (Waits, Paused, Superseded, OverBudget, *AWAY)


class NodeFailed(HearthError):
    """A node failed, and no other path was named. ``node``: which, of the graph that the run is of."""

    code = "node_failed"
    node: str = ""

    @classmethod
    def at(cls, node: str, error: Exception) -> NodeFailed:
        failure = cls(f"Node '{node}' failed: {as_said(error)}")
        failure.node = node
        return failure


@dataclass
class Underway:
    """A run that this process carries on. ``answers``: what people said, by what it was asked as. ``pausing``: no further node begins."""

    id: uuid.UUID
    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    role: Role
    model: str | None
    started_at: str
    graph: ResolvedGraph
    services: Services
    steps: StepLog
    budget: Budget
    perform: Perform
    answers: dict[str, Json] = field(default_factory=dict)
    depth: int = 0
    pausing: bool = False

    @property
    def workspace(self) -> str:
        return f"run-{self.id}"


@dataclass
class Tally:
    """What one step has spent, in how many attempts, and whose answer it took."""

    budget: Budget
    attempts: int = 0
    spent: Spent = NOTHING
    model: str | None = None
    taken: str | None = None

    def pay(self, model: str, usage: Usage) -> None:
        self._take(model, self.budget.priced(model, usage))

    def consume(self, model: str, used: Consumption) -> None:
        self._take(model, self.budget.consumed(model, used))

    def _take(self, model: str, spent: Spent) -> None:
        self.budget.pay(spent)
        self.spent += spent
        self.model = model

    @property
    def ending(self) -> Ending:
        return Ending(max(1, self.attempts), self.spent, self.model, self.taken)


@dataclass(frozen=True, slots=True)
class Visit:
    """One node, this time. ``key``: of its step. ``called``: its path, by which people answer it. ``began``: when it was first come to.
    ``unanswered``: see Begun."""

    frame: Frame
    name: str
    key: str
    called: str
    scope: Mapping[str, Any]
    tally: Tally
    began: datetime | None = None
    unanswered: bool = False

    @property
    def run(self) -> Underway:
        return self.frame.run

    async def value(self, expression: str) -> Json:
        return await self.run.services.expressions.value(expression, self.scope)

    async def text(self, template: str) -> str:
        return await self.run.services.expressions.text(template, self.scope)

    async def filled(self, arguments: Mapping[str, Any]) -> JsonObject:
        return await self.run.services.expressions.filled(arguments, self.scope)

    def answer(self, pending: Pending) -> Json:
        """What a person said. Raises Waits while nobody did."""
        if pending.node not in self.run.answers:
            raise Waits([pending])
        self.tally.taken = pending.node
        return self.run.answers[pending.node]

    def within(self, part: str, *, scope: Mapping[str, Any] | None = None) -> Visit:
        """A part of this one, which is a step of its own."""
        return Visit(self.frame, self.name, self.key + part, self.called + part, scope or self.scope, Tally(self.run.budget))


Perform = Callable[[Node, Visit], Awaitable[Json]]


class Clock:
    """Times one step from here on, for whoever watches."""

    def __init__(self, visit: Visit, kind: str) -> None:
        self._visit = visit
        self._kind = kind
        self._began = time.perf_counter()

    def stop(self, state: Ended) -> None:
        visit, meter = self._visit, self._visit.run.services.meter
        if meter is not None:
            seconds, tally = time.perf_counter() - self._began, visit.tally
            meter.note(NodeEnd(visit.frame.spec.name, self._kind, visit.key, state, seconds, tally.attempts, tally.spent))


async def stepped(visit: Visit, kind: str, do: Callable[[Visit], Awaitable[Json]], *, skips: bool = False) -> Json:
    """What ``do`` gives, or gave the last time, where it was done before. How it ends is written down. ``skips``: a failure is null."""
    run, steps, tally = visit.run, visit.run.steps, visit.tally
    if run.pausing:
        raise Paused
    begun = await steps.begin(visit.key, visit.frame.path + visit.name, kind)
    if begun.done:
        return begun.value
    clock = Clock(visit, kind)
    try:
        run.budget.begin_step()
        given = await do(replace(visit, began=begun.started_at, unanswered=begun.unanswered))
        value: Json = storable(given, int(run.services.settings.graphs.value_bytes), "Its result", "value_bytes")
    except Waits:
        await steps.wait(visit.key)
        raise
    except (Paused, Superseded, *AWAY):
        raise
    except Exception as error:
        if not isinstance(error, HearthError):
            log.exception("a node failed in a way that nobody foresaw", run=str(run.id), step=visit.key)
        if skips and not isinstance(error, (NobodyKnows, OverBudget)):
            await steps.skip(visit.key, as_said(error), tally.ending)
            clock.stop("skipped")
            return None
        await steps.fail(visit.key, as_said(error), tally.ending, unanswered=isinstance(error, NobodyKnows))
        clock.stop("failed")
        raise
    await steps.finish(visit.key, value, tally.ending)
    clock.stop("succeeded")
    if tally.taken is not None:
        run.answers.pop(tally.taken, None)
    return value


async def performed(node: Node, visit: Visit, *, skips: bool = False) -> Json:
    """What the node gives: done now, with all its attempts and its guard, or before."""
    timeout_s = visit.run.services.settings.graphs.node_timeout_s

    async def do(visit: Visit) -> Json:
        async def once() -> Json:
            visit.tally.attempts += 1
            return await visit.run.perform(node, visit)

        value = await attempted(node, timeout_s, once)
        spec = node.guard if isinstance(node, WritingNode) and not isinstance(node, GuardNode) else None
        if spec is not None:
            value = await patiently(lambda: guarded(visit, value, spec))
        visit.frame.check(visit.name, node, value)
        return value

    with span(f"node {visit.name}", {"hearth.node.kind": node.kind, "hearth.step": visit.key}, fine=(asyncio.CancelledError, *PASSING)):
        return await stepped(visit, node.kind, do, skips=skips)


async def guarded(visit: Visit, value: Json, spec: GuardSpec) -> Json:
    """``value`` as it may be used. Raises what the guard raises; what its model spent is paid in either case."""
    run = visit.run
    try:
        result = await run.services.guard.apply(value, spec, model=run.model)
    except Refused as error:
        if error.model is not None:
            visit.tally.pay(error.model, error.usage)
        raise
    if result.model is not None:
        visit.tally.pay(result.model, result.usage)
    return result.value


class Frame:
    """One graph while it is run: that of the run, or one within it. ``given``: its input, defaults included. ``prefix`` and ``path``: what
    keys and paths of its nodes begin with; ``depth``: how many there are around it. ``pending``: what its nodes wait for; ``paused``:
    whether one was not begun."""

    def __init__(self, run: Underway, spec: GraphSpec, given: JsonObject, prefix: str = "", path: str = "", depth: int = 0) -> None:
        self.run = run
        self.spec = spec
        self.given = given
        self.prefix = prefix
        self.path = path
        self.depth = depth
        self.pending: dict[str, Pending] = {}
        self.paused = False
        self._together = Together()
        self._sizes = Sizes(int(run.services.settings.graphs.state_bytes))

    def scope(self, values: Mapping[str, Json], **more: Json) -> dict[str, Any]:
        """What expressions see."""
        run = self.run
        about = {"id": str(run.id), "graph": self.spec.name, "organisation": str(run.organisation_id), "started_at": run.started_at}
        return {"input": self.given, "state": values, "run": about, **more}

    async def visit(self, name: str, number: int, values: Mapping[str, Json]) -> Outcome:
        """One node, and what follows. Raises NodeFailed where that ends the run, once the nodes beside it are done."""
        async with self._together.working():
            try:
                return await self._visited(name, number, values)
            except Waits as waits:
                self.pending |= {one.key: one for one in waits.pending}
                raise
            except Paused:
                self.paused = True
                raise

    async def _visited(self, name: str, number: int, values: Mapping[str, Json]) -> Outcome:
        node, key = self.spec.nodes[name], f"{self.prefix}{name}#{number}"
        visit = Visit(self, name, key, self.path + name, self.scope(values), Tally(self.run.budget))
        ahead = self.run.services.ahead
        try:
            with nullcontext() if ahead is None else ahead.looking(self.spec, name, self.run.model):
                result = await performed(node, visit)
        except PASSING:
            raise
        except Exception as error:
            if node.on_error is None:
                raise NodeFailed.at(name, error) from error
            return self._outcome(name, {"error": as_said(error)}, node.on_error)
        wrote = written(name, node, result)
        try:
            return self._outcome(name, wrote, *await self._following(node, {**values, **wrote}, result))
        except HearthError as error:
            raise NodeFailed.at(name, error) from error

    def _outcome(self, name: str, written: Mapping[str, Json], *following: str) -> Outcome:
        self._sizes.take(written)
        return Outcome(written, tuple(one for one in dict.fromkeys(following) if one != END))

    def begin_with(self, values: Mapping[str, Json]) -> None:
        """The state as it is before the first node of this process."""
        self._sizes.take(values)

    def check(self, name: str, node: Node, value: Json) -> None:
        """Raises Unprocessable where the node writes what is not of the schema that the state has for it."""
        if node is not self.spec.nodes[name]:
            return  # within a map
        for key, one in written(name, node, value).items():
            schema = self.spec.state.get(key)
            wrong = mistake(one, schema) if schema is not None else None
            if wrong is not None:
                where = f"{key}.{wrong[0]}" if wrong[0] else key
                raise Unprocessable(f"What it writes is not as the graph's state says: '{where}': {wrong[1]}")

    async def _following(self, node: Node, values: Mapping[str, Json], result: Json) -> tuple[str, ...]:
        if isinstance(node, RouterNode):
            return (str(result),)
        scope = self.scope(values)
        taken = [edge for edge in node.edges if edge.when is None or await self.run.services.expressions.holds(edge.when, scope)]
        if not taken:
            raise none_holds(node.edges)
        return tuple(edge.to for edge in taken)


def none_holds(edges: tuple[Edge, ...]) -> Unprocessable:
    conditions = ", ".join(f"`{edge.when}` (to '{edge.to}')" for edge in edges)
    return Unprocessable(f"none of its conditions holds: {conditions}. Add an edge without 'when', or to 'end'.")
