"""Runs as people know them: asked for, found, answered, stopped, tried again, removed. What others write is in ``claims.py``."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Interval, Text, cast, delete, func, literal, null, select, text, tuple_
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import defer

from cluster.contracts.generation import Json, JsonObject
from cluster.errors import BadInput, Conflict, NotFound, Overloaded
from cluster.graphs.changes import RUNS
from cluster.graphs.pending import need_valid, questions
from cluster.graphs.redoing import allow_again, carry_earlier, forget_later
from cluster.graphs.states import ENDED, RunState
from cluster.graphs.storable import storable
from cluster.graphs.table import GraphEvent, GraphRun, GraphStep
from cluster.settings import GraphSettings
from cluster.stores.sql import AsyncSession
from cluster.tools.tool import Role

PRIORITIES = range(-100, 101)
OPEN = tuple(state.value for state in RunState if state not in ENDED)
# First half of an advisory lock of two numbers, the other one is the organisation: its queue is counted by one at a time.
COUNTING = 48_883
# What is asked of a run's thread begins anew with these.
_FRESH = ("error", "failed_node", "finished_at", "cancel_requested_at", "pause_requested_at", "wake_at", "worker")


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is to be run for whom. ``spec``: a ResolvedGraph as JSON. ``limits``: of the request, as JSON of GraphLimits. ``role``: what the
    owner is now; tools are called with no more. ``priority``: higher goes first. ``parent_id`` and ``depth``: of a run within a run.
    ``after_id``: the run that must be over before this one begins; ``delay_s``: seconds before it may begin at all."""

    graph: str
    version: int
    spec: JsonObject
    input: JsonObject
    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    role: Role
    model: str | None = None
    task_type: str = "graph"
    priority: int = 0
    limits: JsonObject = field(default_factory=dict)
    parent_id: uuid.UUID | None = None
    depth: int = 0
    after_id: uuid.UUID | None = None
    delay_s: float = 0.0
    idempotency_key: str | None = None
    traceparent: str | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: any. ``before``: the last one of the page before. ``others``: task types that are left out."""

    state: RunState | None = None
    graph: str | None = None
    task_type: str | None = None
    owner_id: uuid.UUID | None = None
    parent_id: uuid.UUID | None = None
    before: tuple[datetime, uuid.UUID] | None = None
    others: frozenset[str] = frozenset()


class Runs:
    """In the transaction of ``session``, which belongs to the caller. Whoever changes a run calls ``AgentRuntime.wake()`` once it is
    committed."""

    def __init__(self, session: AsyncSession, settings: GraphSettings) -> None:
        self._session = session
        self._settings = settings

    async def enqueue(self, new: NewRun) -> GraphRun:
        """A queued run; it starts once the transaction is committed. With an ``idempotency_key`` that the organisation has used before, the
        run of then (its ``id`` is not the new one's), whatever has become of it.

        Raises Conflict when that one had another graph, model or input, Overloaded over ``graphs.queued_per_organisation``, TooLarge over
        ``graphs.input_bytes``, BadInput for a priority out of range."""
        if new.priority not in PRIORITIES:
            raise BadInput(f"'priority' must be from {PRIORITIES.start} to {PRIORITIES.stop - 1}.").about("priority")
        given = storable(new.input, int(self._settings.input_bytes), "The input of the run", "input_bytes")
        if new.idempotency_key is not None and (before := await self._same(new, given)) is not None:
            return before
        if new.depth == 0:
            await self._need_room(new.organisation_id)
        names = ("id", "graph", "version", "spec", "organisation_id", "owner_id", "role", "model", "task_type", "priority", "limits")
        values = {name: getattr(new, name) for name in (*names, "parent_id", "depth", "after_id", "idempotency_key", "traceparent")}
        begins = func.now() + cast(timedelta(seconds=new.delay_s), Interval)
        run = await self._insert({**values, "input": given, "not_before": begins}, "queued")
        if run is not None:
            return run
        before = await self._same(new, given)
        assert before is not None
        return before

    async def get(self, organisation_id: uuid.UUID, run_id: uuid.UUID, *, lock: bool = False) -> GraphRun:
        """Raises NotFound, also for one of another organisation."""
        chosen = select(GraphRun).where(GraphRun.id == run_id, GraphRun.organisation_id == organisation_id)
        chosen = chosen.with_for_update() if lock else chosen
        run = (await self._session.scalars(chosen, execution_options={"populate_existing": True})).one_or_none()
        if run is None:
            raise NotFound(f"There is no run '{run_id}'; `hearth graph runs` lists those there are.")
        return run

    async def page(self, organisation_id: uuid.UUID, wanted: Wanted, most: int) -> Sequence[GraphRun]:
        """The newest first, without ``spec``, ``input`` and ``output``: those may be large, and only ``get`` has them."""
        chosen = select(GraphRun).where(GraphRun.organisation_id == organisation_id)
        for name in ("state", "graph", "task_type", "owner_id", "parent_id"):
            if (value := getattr(wanted, name)) is not None:
                chosen = chosen.where(getattr(GraphRun, name) == value)
        if wanted.others:
            chosen = chosen.where(GraphRun.task_type.not_in(wanted.others))
        if wanted.before is not None:
            chosen = chosen.where(tuple_(GraphRun.created_at, GraphRun.id) < wanted.before)
        light = [defer(column, raiseload=True) for column in (GraphRun.spec, GraphRun.input, GraphRun.output)]
        chosen = chosen.order_by(GraphRun.created_at.desc(), GraphRun.id.desc()).limit(most).options(*light)
        return (await self._session.scalars(chosen)).all()

    async def events(self, run_id: uuid.UUID, after: int, most: int) -> Sequence[GraphEvent]:
        """Those with a number above ``after``, in order."""
        chosen = select(GraphEvent).where(GraphEvent.run_id == run_id, GraphEvent.number > after).order_by(GraphEvent.number).limit(most)
        return (await self._session.scalars(chosen)).all()

    async def steps(self, run_id: uuid.UUID, most: int, after: tuple[datetime, uuid.UUID] | None = None) -> Sequence[GraphStep]:
        """In the order in which they were first come to. ``after``: ``started_at`` and ``id`` of the last one of the page before."""
        chosen = select(GraphStep).where(GraphStep.run_id == run_id).order_by(GraphStep.started_at, GraphStep.id).limit(most)
        if after is not None:
            chosen = chosen.where(tuple_(GraphStep.started_at, GraphStep.id) > after)
        return (await self._session.scalars(chosen)).all()

    async def cancel(self, run: GraphRun) -> GraphRun:
        """Cancelled at once, or, where it is under way, asked to stop: its process sees it within ``graphs.look_s`` and ends it. So are the
        runs within it. One that has ended, or was asked already, stays as it is. ``run`` is locked."""
        within = select(GraphRun).where(GraphRun.parent_id == run.id, GraphRun.state.in_(OPEN)).order_by(GraphRun.id).with_for_update()
        for child in (await self._session.scalars(within)).all():
            await self.cancel(child)
        now = func.now()
        if run.state in (RunState.QUEUED, RunState.WAITING, RunState.PAUSED):
            cleared: dict[str, Any] = {"pending": null(), "wake_at": None}
            return await RUNS.move(self._session, run.id, RunState.CANCELLED, cancel_requested_at=now, **cleared) or run
        if run.state != RunState.RUNNING or run.cancel_requested_at is not None:
            return run
        return await self._ask(run, "cancelling", cancel_requested_at=now)

    async def pause(self, run: GraphRun) -> GraphRun:
        """Paused at once, or, where it is under way, before its next step. Raises Conflict when it has ended. ``run`` is locked."""
        if run.state in ENDED:
            raise Conflict(f"The run is {run.state}, and cannot be paused.")
        if run.state in (RunState.QUEUED, RunState.WAITING):
            return await RUNS.move(self._session, run.id, RunState.PAUSED) or run
        if run.state == RunState.PAUSED or run.pause_requested_at is not None:
            return run
        return await self._ask(run, "pausing", pause_requested_at=func.now())

    async def resume(self, run: GraphRun) -> GraphRun:
        """Queued again; one that is under way and was asked to pause does not. Raises Conflict unless somebody paused it. ``run`` is
        locked."""
        if run.state == RunState.RUNNING and run.pause_requested_at is not None:
            return await self._ask(run, "going on", pause_requested_at=None)
        if run.state != RunState.PAUSED:
            raise Conflict(f"The run is {run.state}, and is not paused.")
        return await RUNS.move(self._session, run.id, RunState.QUEUED, reason="going on", not_before=func.now()) or run

    async def retry(self, run: GraphRun, *, from_checkpoint: str | None = None, visits: Mapping[str, int] | None = None) -> GraphRun:
        """Queued again, where it was, or with ``from_checkpoint`` where it was then (see ``Checkpoints.before``); ``visits``: those that
        had been made at that checkpoint. What was done since is forgotten and is done again. Calls with effects whose answer nobody knows
        are repeated. Raises Conflict unless it has failed or was cancelled. ``run`` is locked."""
        if run.state not in (RunState.FAILED, RunState.CANCELLED):
            raise Conflict(f"The run is {run.state}; only one that has failed or was cancelled can be tried again.")
        if from_checkpoint is not None:
            await forget_later(self._session, run.id, visits or {})
        await allow_again(self._session, run.id)
        now = func.now()
        fresh: dict[str, Any] = dict.fromkeys(_FRESH) | {"output": null(), "pending": null()}
        fresh |= {"tries": 0, "queued_at": now, "not_before": now, "from_checkpoint": from_checkpoint}
        if from_checkpoint is not None:
            fresh |= {"answers": null()}
        moved = await RUNS.move(self._session, run.id, RunState.QUEUED, reason="tried again", **fresh)
        assert moved is not None
        return moved

    async def answer(self, run: GraphRun, node: str, value: Json) -> GraphRun:
        """Keeps what a person said to what ``node`` asks, and lets the run go on; of two people at once the first is heard. Raises Conflict
        when nothing is asked there (any more), BadInput when the answer is not as it asks. ``run`` is locked."""
        asked = {one.node: one for one in questions(run)}
        if node not in asked or run.state in ENDED:
            others = ", ".join(f"'{name}'" for name in asked)
            hint = f"it waits for {others}" if others and run.state not in ENDED else "somebody answered, or the run has gone on"
            raise Conflict(f"'{node[:100]}' asks nothing now: {hint}.")
        need_valid(asked[node], value)
        kept = storable(value, int(self._settings.input_bytes), "The answer", "input_bytes")
        said = func.coalesce(GraphRun.answers, cast(literal("{}"), JSONB)).op("||", return_type=JSONB())(
            func.jsonb_build_object(cast(literal(node), Text), literal(kept, JSONB()))
        )
        left = [one for one in run.pending or () if one["node"] != node]
        values: dict[str, Any] = {"answers": said, "pending": left or null()}
        if run.state == RunState.WAITING:
            values |= {"wake_at": None, "not_before": func.now()}
            moved = await RUNS.move(self._session, run.id, RunState.QUEUED, reason=f"'{node}' was answered", **values)
            assert moved is not None
            return moved
        return await self._ask(run, f"'{node}' was answered", **values)

    async def fork(self, run: GraphRun, *, thread: uuid.UUID, visits: Mapping[str, int], owner_id: uuid.UUID, role: Role) -> GraphRun:
        """A new run of the same graph and input, which goes on at the latest checkpoint of ``thread`` (see ``Checkpoints.fork``). Steps
        that had been done there (``visits``) are taken along, so that nothing is done twice. Raises Overloaded."""
        await self._need_room(run.organisation_id)
        names = ("graph", "version", "spec", "input", "organisation_id", "model", "task_type", "priority", "limits", "traceparent")
        values = {name: getattr(run, name) for name in names}
        values |= {"id": uuid.uuid4(), "thread": thread, "owner_id": owner_id, "role": role}
        forked = await self._insert(values, f"forked from run {run.id}")
        assert forked is not None
        await carry_earlier(self._session, run.id, forked.id, visits)
        return forked

    async def remove(self, run: GraphRun) -> bool:
        """With its steps and events; False unless it has ended. ``Checkpoints.delete`` removes what its thread holds."""
        ended = GraphRun.state.in_([state.value for state in ENDED])
        return await self._session.scalar(delete(GraphRun).where(GraphRun.id == run.id, ended).returning(GraphRun.id)) is not None

    async def remove_lapsed(self) -> int:
        """Removes what ended longer than ``graphs.kept_days`` ago; how many there were."""
        ended = GraphRun.state.in_([state.value for state in ENDED])
        old = GraphRun.finished_at < func.now() - timedelta(days=self._settings.kept_days)
        return len((await self._session.scalars(delete(GraphRun).where(old, ended).returning(GraphRun.id))).all())

    async def _ask(self, run: GraphRun, reason: str, **values: Any) -> GraphRun:
        """Notes something in a row whose state stays."""
        asked = await RUNS.change(self._session, run.id, changes=GraphRun.changes + 1, **values)
        assert asked is not None
        said = {"state": asked.state, "attempt": asked.attempt, "reason": reason}
        await RUNS.tell(self._session, asked.id, asked.changes, "state", said)
        return asked

    async def _insert(self, values: Mapping[str, Any], reason: str) -> GraphRun | None:
        """None when there is one with its idempotency key."""
        fresh = {"changes": 1, "thread": uuid.uuid4()} | dict(values)
        statement = insert(GraphRun).values(**fresh).on_conflict_do_nothing(index_elements=["organisation_id", "idempotency_key"])
        run = (await self._session.scalars(statement.returning(GraphRun))).one_or_none()
        if run is not None:
            said = {"state": run.state, "attempt": 0} | ({"reason": reason} if reason != run.state else {})
            await RUNS.tell(self._session, run.id, 1, "state", said)
        return run

    async def _same(self, new: NewRun, given: Any) -> GraphRun | None:
        key = GraphRun.idempotency_key == new.idempotency_key
        before = (await self._session.scalars(select(GraphRun).where(GraphRun.organisation_id == new.organisation_id, key))).one_or_none()
        if before is not None and (before.graph, before.model, before.input) != (new.graph, new.model, given):
            raise Conflict(f"The idempotency key '{new.idempotency_key}' was used for run {before.id}, which was asked for something else.")
        return before

    async def _need_room(self, organisation_id: uuid.UUID) -> None:
        counting = text("SELECT pg_advisory_xact_lock(:counting, hashtext(:organisation))")
        await self._session.execute(counting, {"counting": COUNTING, "organisation": str(organisation_id)})
        mine = GraphRun.organisation_id == organisation_id
        there = select(func.count()).select_from(GraphRun).where(mine, GraphRun.state.in_(OPEN), GraphRun.depth == 0)
        most = self._settings.queued_per_organisation
        if (await self._session.scalar(there) or 0) >= most:
            raise Overloaded(f"{most} runs of the organisation have not ended (setting graphs.queued_per_organisation); retry in 30 s.")
