"""Runs as LangGraph's clients ask for them: a new one in a thread or by itself, or an old one that goes on."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from api.audit.trail import Origin, Trail
from api.langgraph.answering import answers_to
from api.langgraph.assistants import Assistants
from api.langgraph.messages import appended, kept_messages, spoken_input
from api.langgraph.refusing import need_offered, options_of
from api.langgraph.repository import Placed, Threads
from api.langgraph.schemas import RunBody
from api.langgraph.tables import ClientThread, ThreadRun
from api.langgraph.threads import Standing, ThreadService
from api.web.principal import Principal
from api.workflows.install import Graphs
from api.workflows.launching import Launcher, Order
from api.workflows.run_schemas import AnswerBody, ForkBody, RetryBody
from api.workflows.runs import RunService
from cluster.contracts.generation import JsonObject
from cluster.errors import Conflict, NotFound, Overloaded, Unprocessable
from cluster.graphs.chatting import MESSAGES
from cluster.graphs.following_on import is_under_way, under_way
from cluster.graphs.runs import NewRun, Runs
from cluster.graphs.states import ENDED, RunState
from cluster.graphs.storable import storable
from cluster.graphs.table import GraphRun
from cluster.specs.graph import GraphSpec
from cluster.stores.sql import AsyncSession

LANGGRAPH = "langgraph"
AS_ASKED = "enqueue"


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that goes on. ``after``: number of the latest event that whoever asked for it has nothing to do with."""

    placed: Placed
    after: int = 0


class RunMaker:
    """For one person. Each step is a transaction of its own; what is checked in one may be otherwise in the next, and then the last one
    refuses it."""

    def __init__(self, graphs: Graphs, who: Principal, origin: Origin) -> None:
        self._graphs = graphs
        self._who = who
        self._origin = origin
        self._settings = graphs.parts.settings.graphs
        self._database = graphs.parts.stores.database
        self._launcher = Launcher(graphs, who, origin)

    async def make(self, thread_id: uuid.UUID | None, body: RunBody) -> Begun:
        """Raises what our own endpoints raise for such a run, and NotFound for a thread that there is not."""
        need_offered(body)
        labels = storable(_labels(body), int(self._settings.input_bytes), "The metadata", "input_bytes")
        body = body.model_copy(update={"metadata": labels})
        if thread_id is None:
            return await self._alone(body)
        async with self._database.session() as session:
            thread = await self._thread(session, thread_id, body)
            old = await self._old(session, thread, body)
        return old if old is not None else await self._new(thread_id, body)

    async def _alone(self, body: RunBody) -> Begun:
        if body.command is not None or body.checkpoint is not None or body.checkpoint_id is not None:
            raise Unprocessable("Only a run in a thread can be resumed or begin at a checkpoint; name the thread.").about("command")
        place = _Placing(None, body, None)
        return await self._launched(await self._spec(body), dict(body.input or {}), [], body, place)

    async def _thread(self, session: AsyncSession, thread_id: uuid.UUID, body: RunBody) -> ClientThread:
        """Locked, and whoever asks may run something in it, or answer what it asks."""
        service = self._threads(session)
        there = await Threads(session, self._who.organisation_id).get(thread_id) is not None
        if body.if_not_exists == "create" and not there and await service.make(thread_id, {}) is None:
            raise Conflict(f"The id {thread_id} is taken; choose another for the thread.").about("thread_id")
        resumes = body.command is not None and "resume" in body.command.model_fields_set
        return await (service.get(thread_id, lock=True) if resumes else service.mine(thread_id))

    async def _old(self, session: AsyncSession, thread: ClientThread, body: RunBody) -> Begun | None:
        """The run of the thread that goes on: it was answered, or stopped somewhere. None: a new one is to be made."""
        if body.command is not None and "resume" in body.command.model_fields_set:
            return await self._resumed(session, thread, body)
        if body.input is not None:
            return None
        service = self._threads(session)
        wanted = body.checkpoint_id or (body.checkpoint.checkpoint_id if body.checkpoint is not None else None)
        standing = await service.standing(thread, wanted)
        if standing is None:
            return None
        if wanted is not None or standing.edited:
            return await self._forked(session, thread, standing, body)
        return await self._again(session, thread, standing.placed[0])

    async def _resumed(self, session: AsyncSession, thread: ClientThread, body: RunBody) -> Begun:
        assert body.command is not None
        rows = Threads(session, self._who.organisation_id)
        halted = await rows.runs(thread.id, 1, states=(GraphRun.state == RunState.WAITING.value) & ~under_way())
        if not halted:
            raise Conflict("The thread asks nothing now: somebody answered, or no run of it waits for a person.").about("command.resume")
        run, _ = halted[0]
        runs, before = self._runs(session), run.changes
        for node, answer in answers_to(run, body.command.resume):
            await runs.answer(run.id, AnswerBody(node=node, answer=answer))
        return await self._went_on(rows, thread, run.id, before)

    async def _again(self, session: AsyncSession, thread: ClientThread, run: GraphRun) -> Begun:
        """The latest run of the thread, from where it stopped."""
        rows, runs, before = Threads(session, self._who.organisation_id), self._runs(session), run.changes
        if run.state in (RunState.FAILED, RunState.CANCELLED):
            await runs.retry(run.id, RetryBody(node=None))
        elif run.state == RunState.PAUSED:
            await runs.resume(run.id)
        elif run.state == RunState.SUCCEEDED:
            raise Conflict("The thread's run has ended; give an input, or a checkpoint to begin at.").about("input")
        elif not is_under_way(run):
            raise Conflict("The thread waits for an answer; give it as command={'resume': ...}.").about("input")
        return await self._went_on(rows, thread, run.id, before)

    async def _forked(self, session: AsyncSession, thread: ClientThread, standing: Standing, body: RunBody) -> Begun:
        """A run that goes on at a checkpoint, with what was changed put over its state."""
        assert standing.moment is not None
        run, place = standing.placed
        rows = Threads(session, self._who.organisation_id)
        busy = await self._make_room(session, rows, thread, body)
        if busy is not None and body.multitask_strategy != "interrupt":
            raise Conflict(f"The run {busy} of the thread is under way; go back to a checkpoint when it has ended, or take 'interrupt'.")
        told = await self._runs(session).fork(run.id, ForkBody(checkpoint=standing.moment.id, state=dict(standing.values)))
        edited = thread.edit["messages"] if standing.edited and thread.edit is not None else None
        said = edited if edited is not None else place.messages
        await rows.place(ThreadRun(run_id=told.id, thread_id=thread.id, labels=_labels(body), strategy=_strategy(body), messages=said))
        return await self._went_on(rows, thread, told.id, 0)

    async def _went_on(self, rows: Threads, thread: ClientThread, run_id: uuid.UUID, after: int) -> Begun:
        await rows.touch(thread, edit=None)
        placed = await rows.placed(run_id)
        assert placed is not None
        return Begun(placed, after)

    async def _new(self, thread_id: uuid.UUID, body: RunBody) -> Begun:
        spec = await self._spec(body)
        async with self._database.session() as session:
            service = self._threads(session)
            thread = await service.get(thread_id)
            wanted = body.checkpoint_id or (body.checkpoint.checkpoint_id if body.checkpoint is not None else None)
            said = service.conversation(thread, await service.standing(thread, wanted))
        return await self._launched(spec, dict(body.input or {}), said, body, _Placing(thread_id, body, self))

    async def _launched(self, spec: GraphSpec, given: JsonObject, said: list[dict[str, Any]], body: RunBody, placing: _Placing) -> Begun:
        model, limits = options_of(body)
        if MESSAGES in given:
            most = int(self._settings.input_bytes)
            placing.messages = storable(appended(said, kept_messages(given[MESSAGES])), most, "The conversation", "input_bytes")
            given = spoken_input(spec, given, placing.messages)
        order = Order(spec, given, model=model, limits=limits, task_type=LANGGRAPH, placing=placing.around)
        run = await self._launcher.launch(order)
        async with self._database.session() as session:
            placed = await Threads(session, self._who.organisation_id).placed(run.id)
        if placed is None:
            raise NotFound(f"The run {run.id} was removed meanwhile.")
        return Begun(placed)

    async def _spec(self, body: RunBody) -> GraphSpec:
        async with self._database.session() as session:
            return await Assistants(session, self._who, self._graphs).spec(body.assistant_id)

    async def _make_room(self, session: AsyncSession, rows: Threads, thread: ClientThread, body: RunBody) -> uuid.UUID | None:
        """What the strategy says of the runs under way; the run that the new one comes after."""
        kept = await rows.runs(thread.id, self._settings.thread_runs)
        busy = [run for run, _ in kept if is_under_way(run)]
        if busy and body.multitask_strategy == "reject":
            raise Conflict(f"The run {busy[0].id} of the thread is under way; wait for it, cancel it, or take 'enqueue'.")
        runs = Runs(session, self._settings)
        for run, _ in kept:
            halted = run.state not in ENDED and not is_under_way(run)
            if halted or (run.state not in ENDED and body.multitask_strategy == "interrupt"):
                await runs.cancel(await runs.get(self._who.organisation_id, run.id, lock=True))
        if len(kept) >= self._settings.thread_runs:
            raise Overloaded(f"The thread has {len(kept)} runs (setting graphs.thread_runs); begin another, or delete some of its runs.")
        return busy[0].id if busy else None

    def _threads(self, session: AsyncSession) -> ThreadService:
        return ThreadService(session, self._who, Trail(session, self._origin, self._who), self._graphs)

    def _runs(self, session: AsyncSession) -> RunService:
        return RunService(session, self._who, Trail(session, self._origin, self._who), self._graphs)

    async def placed_in(self, session: AsyncSession, thread_id: uuid.UUID, new: NewRun, body: RunBody) -> NewRun:
        """``new`` as it is to be written, in the thread, which is locked from here on."""
        rows = Threads(session, self._who.organisation_id)
        thread = await self._threads(session).mine(thread_id)
        after = await self._make_room(session, rows, thread, body)
        await rows.touch(thread, edit=None, labels={"graph_id": new.graph, "assistant_id": body.assistant_id} | thread.labels)
        return replace(new, after_id=after)


class _Placing:
    """What is written with a new run. ``messages``: the conversation, where the client speaks in messages."""

    def __init__(self, thread_id: uuid.UUID | None, body: RunBody, maker: RunMaker | None) -> None:
        self.messages: list[dict[str, Any]] | None = None
        self._thread_id = thread_id
        self._body = body
        self._maker = maker

    @asynccontextmanager
    async def around(self, session: AsyncSession, new: NewRun) -> AsyncIterator[NewRun]:
        if self._thread_id is not None and self._maker is not None:
            new = await self._maker.placed_in(session, self._thread_id, new, self._body)
        yield replace(new, delay_s=float(self._body.after_seconds or 0))
        place = ThreadRun(run_id=new.id, thread_id=self._thread_id, labels=_labels(self._body), strategy=_strategy(self._body))
        place.messages = self.messages
        await Threads(session, new.organisation_id).place(place)


def _labels(body: RunBody) -> dict[str, Any]:
    return dict(body.metadata or {})


def _strategy(body: RunBody) -> str:
    return body.multitask_strategy or AS_ASKED
