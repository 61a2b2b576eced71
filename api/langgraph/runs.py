"""What LangGraph's clients do with runs. No transaction is held while a run is followed or waited for."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial

from starlette.responses import Response

from api.audit.trail import Origin, Trail
from api.langgraph.refusing import modes_of
from api.langgraph.repository import Placed, Threads
from api.langgraph.responding import Followed, json, place, waited
from api.langgraph.running import Begun, RunMaker
from api.langgraph.schemas import CancelBody, RunBody
from api.langgraph.shapes import Shape, run_shape
from api.langgraph.streaming import Asked, RunFeed, parts
from api.web.principal import Principal, Role
from api.workflows.install import Graphs
from api.workflows.runs import RunService
from cluster.errors import NotFound, Unprocessable


class ThreadRuns:
    """For one person."""

    def __init__(self, graphs: Graphs, who: Principal, origin: Origin) -> None:
        self._graphs = graphs
        self._who = who
        self._origin = origin
        self._maker = RunMaker(graphs, who, origin)
        self._database = graphs.parts.stores.database

    async def create(self, thread_id: uuid.UUID | None, body: RunBody) -> Response:
        modes_of(body.stream_mode)
        begun = await self._maker.make(thread_id, body)
        return json(run_shape(*begun.placed), {"Content-Location": place(begun.placed)})

    async def batch(self, bodies: Sequence[RunBody]) -> Response:
        """One after the other; the first that is refused ends it, and those before it go on."""
        return json([run_shape(*(await self._maker.make(body.thread_id, body)).placed) for body in bodies])

    async def stream(self, thread_id: uuid.UUID | None, body: RunBody) -> Response:
        modes = modes_of(body.stream_mode)
        begun = await self._maker.make(thread_id, body)
        asked = Asked(modes, begun.after, fresh=True, subgraphs=body.stream_subgraphs)
        return self._followed(begun, asked, cancels=body.on_disconnect == "cancel")

    async def wait(self, thread_id: uuid.UUID | None, body: RunBody) -> Response:
        begun = await self._maker.make(thread_id, body)
        return self._waited(begun.placed, cancels=body.on_disconnect == "cancel")

    async def one(self, thread_id: uuid.UUID, run_id: uuid.UUID) -> Shape:
        return run_shape(*await self._placed(thread_id, run_id))

    async def join(self, thread_id: uuid.UUID, run_id: uuid.UUID) -> Response:
        return self._waited(await self._placed(thread_id, run_id), cancels=False)

    async def join_stream(self, thread_id: uuid.UUID, run_id: uuid.UUID, modes: Sequence[str], after: int, *, cancels: bool) -> Response:
        placed = await self._placed(thread_id, run_id)
        asked = Asked(modes_of([mode for mode in modes if mode]), after, fresh=after == 0)
        return self._followed(Begun(placed, after), asked, cancels=cancels)

    async def cancel(self, thread_id: uuid.UUID, run_id: uuid.UUID, *, wait: bool, remove: bool) -> None:
        await self._placed(thread_id, run_id)
        await self._cancel(run_id)
        if wait or remove:
            await self._over(run_id)
        if remove:
            await self._remove(run_id)

    async def cancel_many(self, asked: CancelBody, *, remove: bool) -> None:
        """Those named, or all of a status that are yours; an admin's are everybody's."""
        if (asked.status is None) == (asked.run_ids is None):
            raise Unprocessable("Give 'thread_id' with 'run_ids', or 'status', one of them.").about("run_ids")
        if asked.run_ids is not None:
            if asked.thread_id is None:
                raise Unprocessable("Name the thread of the runs in 'thread_id'.").about("thread_id")
            ids = [(await self._placed(asked.thread_id, run_id))[0].id for run_id in asked.run_ids]
        else:
            statuses = ("pending", "running") if asked.status == "all" else (str(asked.status),)
            mine = None if self._who.role.includes(Role.ADMIN) else self._who.user_id
            async with self._database.session() as session:
                found = await Threads(session, self._who.organisation_id).open_runs(statuses, mine)
            ids = [run.id for run, _ in found]
        for run_id in ids:
            await self._cancel(run_id)
        for run_id in ids if remove else ():
            await self._over(run_id)
            await self._remove(run_id)

    async def remove(self, thread_id: uuid.UUID, run_id: uuid.UUID) -> None:
        await self._placed(thread_id, run_id)
        await self._remove(run_id)

    async def _placed(self, thread_id: uuid.UUID, run_id: uuid.UUID) -> Placed:
        async with self._database.session() as session:
            found = await Threads(session, self._who.organisation_id).placed(run_id, thread_id)
        if found is None:
            raise NotFound(f"There is no run '{run_id}' in the thread {thread_id}; runs.list shows those there are.")
        return found

    def _followed(self, begun: Begun, asked: Asked, *, cancels: bool) -> Response:
        run_id = begun.placed[0].id
        left = partial(self._cancel, run_id) if cancels else None
        return Followed(self._graphs, parts(self._feed(run_id), asked), begun.placed, left=left)

    def _waited(self, placed: Placed, *, cancels: bool) -> Response:
        run_id = placed[0].id
        left = partial(self._cancel, run_id) if cancels else None
        return Followed(self._graphs, waited(self._feed(run_id)), placed, whole=True, left=left)

    def _feed(self, run_id: uuid.UUID) -> RunFeed:
        return RunFeed(self._graphs, self._who.organisation_id, run_id)

    async def _over(self, run_id: uuid.UUID) -> None:
        """Until it has stopped."""
        async with aclosing(self._feed(run_id).settled()) as settled:
            async for _ in settled:
                pass

    async def _cancel(self, run_id: uuid.UUID) -> None:
        async with self._database.session() as session:
            await RunService(session, self._who, Trail(session, self._origin, self._who), self._graphs).cancel(run_id)

    async def _remove(self, run_id: uuid.UUID) -> None:
        async with self._database.session() as session:
            await RunService(session, self._who, Trail(session, self._origin, self._who), self._graphs).remove(run_id)
