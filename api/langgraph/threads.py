"""Threads: runs that follow each other, each from where the one before left off."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.base.id import uuid6

from api.audit.trail import Trail
from api.langgraph.messages import answered, appended, kept_messages
from api.langgraph.repository import Placed, Threads, WantedThreads, of_status
from api.langgraph.schemas import CheckpointBody, HistoryBody, StateBody, ThreadBody, ThreadPatch, ThreadSearch
from api.langgraph.shapes import Shape, checkpoint_shape, empty_state, run_shape, selected, state_shape, thread_shape, values_of
from api.langgraph.tables import ClientThread
from api.web.principal import Principal, Role
from api.workflows.install import Graphs
from cluster.contracts.generation import Json
from cluster.errors import Conflict, Forbidden, NotFound, Overloaded, Unprocessable
from cluster.graphs.chatting import MESSAGES
from cluster.graphs.checkpoints import Moment
from cluster.graphs.following_on import under_way
from cluster.graphs.runs import Runs
from cluster.graphs.storable import storable
from cluster.stores.sql import AsyncSession

SORTS = ("thread_id", "status", "created_at", "updated_at", "state_updated_at")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a thread stands: a checkpoint of a run, with values put over its state. ``edited``: it is not where the run itself stands."""

    placed: Placed
    moment: Moment | None
    values: dict[str, Json]
    id: str | None
    edited: bool = False


class ThreadService:
    """For one person, in the transaction of ``session``. Everybody of an organisation sees its threads; what is done in one is for whoever
    made it, and for admins."""

    def __init__(self, session: AsyncSession, who: Principal, trail: Trail, graphs: Graphs) -> None:
        self._session = session
        self._who = who
        self._trail = trail
        self._graphs = graphs
        self._settings = graphs.parts.settings.graphs
        self._rows = Threads(session, who.organisation_id)

    async def create(self, body: ThreadBody) -> Shape:
        if body.supersteps:
            raise Unprocessable("A thread begins empty; run a graph in it.").about("supersteps")
        if body.ttl is not None:
            raise Unprocessable("Threads stay as long as their runs (setting graphs.kept_days); leave 'ttl' out.").about("ttl")
        thread_id = body.thread_id or uuid.uuid4()
        made = await self.make(thread_id, dict(body.metadata or {}))
        if made is None:
            made = await self._rows.get(thread_id) if body.if_exists == "do_nothing" else None
            if made is None:
                raise Conflict(f"There is a thread {thread_id} already; choose another id, or if_exists 'do_nothing'.").about("thread_id")
        return await self._shape(made)

    async def make(self, thread_id: uuid.UUID, labels: dict[str, Any]) -> ClientThread | None:
        """None where that id is taken. Raises Overloaded."""
        most = self._settings.threads_per_organisation
        if await self._rows.count_after_removing(self._settings.kept_days) >= most:
            raise Overloaded(f"The organisation has {most} threads (setting graphs.threads_per_organisation); delete some.")
        return await self._rows.add(thread_id, self._who.user_id, self.kept(labels, "The metadata"))

    async def one(self, thread_id: uuid.UUID) -> Shape:
        return await self._shape(await self.get(thread_id))

    async def change(self, thread_id: uuid.UUID, body: ThreadPatch) -> Shape:
        thread = await self.mine(thread_id)
        if body.ttl is not None:
            raise Unprocessable("Threads stay as long as their runs (setting graphs.kept_days); leave 'ttl' out.").about("ttl")
        await self._rows.touch(thread, labels=self.kept(thread.labels | dict(body.metadata), "The metadata"))
        return await self._shape(thread)

    async def remove(self, thread_id: uuid.UUID) -> None:
        """With its runs. Raises Conflict while one is open."""
        thread = await self.mine(thread_id)
        runs = Runs(self._session, self._settings)
        for run, _ in await self._rows.runs(thread.id, self._settings.thread_runs):
            if not await runs.remove(run):
                raise Conflict(f"The run {run.id} of the thread is {run.state}; cancel it first, and remove the thread when it has ended.")
            await self._graphs.checkpoints.delete(run.thread)
        await self._rows.remove(thread)
        self._trail.record("graph.thread.removed", f"thread:{thread.id}")

    async def search(self, asked: ThreadSearch) -> list[Shape]:
        if asked.extract:
            raise Unprocessable("Nothing is extracted here; take 'select', or read it from 'values'.").about("extract")
        if asked.sort_by is not None and asked.sort_by not in SORTS:
            raise Unprocessable(f"'sort_by' is to be one of {', '.join(SORTS)}.").about("sort_by")
        descending = (asked.sort_order or "desc") == "desc"
        found = await self._rows.search(
            wanted_of(asked), asked.sort_by or "updated_at", descending=descending, most=asked.limit, skip=asked.offset
        )
        return [selected(await self._shape(thread), asked.select) for thread in found]

    async def count(self, asked: ThreadSearch) -> int:
        return await self._rows.count(wanted_of(asked))

    async def copy(self, thread_id: uuid.UUID) -> Shape:
        """A thread that stands where this one does. Its runs stay this one's."""
        thread = await self.get(thread_id)
        made = await self.make(uuid.uuid4(), dict(thread.labels))
        assert made is not None
        standing = await self.standing(thread)
        if standing is not None and standing.moment is not None:
            await self._rows.touch(made, edit=self._edit(standing, standing.id or str(uuid6(clock_seq=-1)), {}))
        return await self._shape(made)

    async def runs(self, thread_id: uuid.UUID, status: str | None, most: int, skip: int, select: Sequence[str] | None) -> list[Shape]:
        thread = await self.get(thread_id)
        states = of_status(status) if status is not None else None
        return [selected(run_shape(*one), select) for one in await self._rows.runs(thread.id, most, skip, states)]

    async def state(self, thread_id: uuid.UUID, checkpoint_id: str | None = None) -> Shape:
        thread = await self.get(thread_id)
        standing = await self.standing(thread, checkpoint_id)
        if standing is None or standing.moment is None:
            return empty_state(thread) if standing is None else self._begun(thread, standing.placed)
        latest = checkpoint_id is None or await self._is_latest(standing)
        earlier = await self._graphs.checkpoints.history(standing.placed[0].thread, 1, standing.moment.id)
        parent = standing.moment.id if standing.edited else earlier[0].id if earlier else None
        shape = state_shape(thread.id, standing.placed, standing.moment, parent, latest=latest and not standing.edited)
        if standing.edited:
            shape |= {"values": self._values(thread, standing), "checkpoint": checkpoint_shape(thread.id, standing.id)}
            shape["metadata"] |= {"source": "update"}
        return shape

    async def history(self, thread_id: uuid.UUID, asked: HistoryBody) -> list[Shape]:
        """Checkpoints of all its runs, the latest first."""
        thread = await self.get(thread_id)
        before = asked.before.checkpoint_id if isinstance(asked.before, CheckpointBody) else asked.before
        found: list[Shape] = []
        for place, placed in enumerate(await self._rows.runs(thread.id, self._settings.thread_runs)):
            left = asked.limit - len(found)
            moments = await self._graphs.checkpoints.history(placed[0].thread, left + 1, before)
            for number, moment in enumerate(moments[:left]):
                parent = moments[number + 1].id if number + 1 < len(moments) else None
                latest = place == 0 and number == 0 and before is None
                ended = number == 0 and before is None
                found.append(state_shape(thread.id, placed, moment, parent, latest=latest or ended))
            if len(found) >= asked.limit:
                break
        return [selected(one, asked.select) for one in found]

    async def edit(self, thread_id: uuid.UUID, body: StateBody) -> Shape:
        """What the next run begins with: it forks from there where it is given no input."""
        thread = await self.mine(thread_id)
        if body.as_node is not None:
            raise Unprocessable("The state is changed as it stands between nodes; leave 'as_node' out.").about("as_node")
        wanted = body.checkpoint_id or (body.checkpoint.checkpoint_id if body.checkpoint is not None else None)
        standing = await self.standing(thread, wanted)
        if standing is None or standing.moment is None:
            raise Conflict("Nothing was run in this thread yet; give the values as the input of a run.")
        if not standing.edited and await self._rows.runs(thread.id, 1, states=under_way()):
            raise Conflict("A run of the thread is under way; wait for it, or cancel it, and change the state then.")
        made, values = str(uuid6(clock_seq=-1)), body.values
        put: dict[str, Any] = {}
        for one in values if isinstance(values, list) else [values or {}]:
            put |= one
        await self._rows.touch(thread, edit=self._edit(standing, made, self.kept(put, "What is changed")))
        return {"checkpoint": checkpoint_shape(thread.id, made)}

    async def standing(self, thread: ClientThread, checkpoint_id: str | None = None) -> Standing | None:
        """None: nothing was run. Raises NotFound for a checkpoint that is not the thread's."""
        edit = thread.edit
        edited = await self._edited(edit) if edit is not None and checkpoint_id in (None, edit["id"]) else None
        if edited is not None:
            return edited
        runs = await self._rows.runs(thread.id, self._settings.thread_runs if checkpoint_id else 1)
        if checkpoint_id is None:
            return await self._of_latest(runs[0]) if runs else None
        for placed in runs:
            try:
                return Standing(placed, await self._graphs.checkpoints.at(placed[0].thread, checkpoint_id), {}, checkpoint_id)
            except NotFound:
                continue
        raise NotFound(f"There is no checkpoint '{checkpoint_id[:64]}' in this thread; its history lists those there are.")

    def conversation(self, thread: ClientThread, standing: Standing | None) -> list[dict[str, Any]]:
        """The messages that a new one is put behind."""
        if standing is None:
            return []
        if standing.edited and thread.edit is not None and thread.edit["messages"] is not None:
            return list(thread.edit["messages"])
        run, place = standing.placed
        return answered(run.id, place.messages or [], run.output)

    def kept(self, value: Any, what: str) -> Any:
        """As it may be written down. Raises TooLarge over ``graphs.input_bytes``."""
        return storable(value, int(self._settings.input_bytes), what, "input_bytes")

    async def get(self, thread_id: uuid.UUID, *, lock: bool = False) -> ClientThread:
        """Raises NotFound, also for one of another organisation."""
        found = await self._rows.get(thread_id, lock=lock)
        if found is None:
            raise NotFound(f"There is no thread '{thread_id}'; create it, or run with if_not_exists 'create'.")
        return found

    async def mine(self, thread_id: uuid.UUID) -> ClientThread:
        """Locked. Raises Forbidden for somebody else's, unless an admin asks."""
        thread = await self.get(thread_id, lock=True)
        if thread.owner_id != self._who.user_id and not self._who.role.includes(Role.ADMIN):
            raise Forbidden("The thread is somebody else's; ask them, or somebody with the role 'admin', or copy it.")
        return thread

    def _edit(self, standing: Standing, made: str, put: dict[str, Any]) -> dict[str, Any]:
        """What is kept of a change; the conversation apart from the state, to which it need not belong."""
        assert standing.moment is not None
        run, place = standing.placed
        put = dict(put)
        messages = answered(run.id, place.messages or [], run.output) if place.messages is not None else None
        if MESSAGES in put:
            messages = appended(messages or [], kept_messages(put.pop(MESSAGES)))
        values = {**standing.values, **put}
        return {"id": made, "run_id": str(run.id), "checkpoint_id": standing.moment.id, "values": values, "messages": messages}

    async def _edited(self, edit: dict[str, Any]) -> Standing | None:
        """None where the run, or its checkpoint, is gone by now: then the thread stands where its latest run does."""
        placed = await self._rows.placed(uuid.UUID(edit["run_id"]))
        if placed is None:
            return None
        try:
            moment = await self._graphs.checkpoints.at(placed[0].thread, edit["checkpoint_id"])
        except NotFound:
            return None
        return Standing(placed, moment, dict(edit["values"]), edit["id"], edited=True)

    async def _of_latest(self, placed: Placed) -> Standing:
        moments = await self._graphs.checkpoints.history(placed[0].thread, 1)
        return Standing(placed, moments[0] if moments else None, {}, moments[0].id if moments else None)

    async def _is_latest(self, standing: Standing) -> bool:
        moments = await self._graphs.checkpoints.history(standing.placed[0].thread, 1)
        return standing.moment is not None and moments[0].id == standing.moment.id

    def _begun(self, thread: ClientThread, placed: Placed) -> Shape:
        """Of a run without a checkpoint: it has not begun, or they are too old."""
        return empty_state(thread) | {"values": values_of(placed, {})}

    def _values(self, thread: ClientThread, standing: Standing) -> dict[str, Any]:
        values = values_of(standing.placed, standing.moment.values if standing.moment is not None else {}) | standing.values
        said = thread.edit["messages"] if standing.edited and thread.edit is not None else None
        return values if said is None else values | {MESSAGES: said}

    async def _shape(self, thread: ClientThread) -> Shape:
        standing = await self.standing(thread)
        busy = [run for run, _ in await self._rows.runs(thread.id, 1, states=under_way())]
        last = [standing.placed[0]] if standing is not None and not standing.edited else []
        values = self._values(thread, standing) if standing is not None else None
        return thread_shape(thread, [*busy, *last], values)


def wanted_of(asked: ThreadSearch) -> WantedThreads:
    return WantedThreads(dict(asked.metadata or {}), dict(asked.values or {}), asked.ids, asked.status)
