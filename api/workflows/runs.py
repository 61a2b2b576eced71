"""What somebody may do with runs: see those of the organisation, and steer their own; an admin steers all, an editor answers all."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from api.audit.trail import Trail
from api.conversations.cursors import cursor_of, position_of
from api.web.principal import Principal, Role
from api.workflows.install import Graphs
from api.workflows.launching import may_act
from api.workflows.pages import page_of
from api.workflows.run_schemas import (
    AnswerBody,
    CheckpointEntry,
    CheckpointPage,
    ForkBody,
    RetryBody,
    RunDetail,
    RunEntry,
    RunPage,
    RunQuery,
    StepAnswer,
    StepPage,
    StepQuery,
)
from cluster.errors import BadInput, Conflict, Forbidden, Unprocessable
from cluster.graphs.pending import questions
from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.runs import Runs, Wanted
from cluster.graphs.table import GraphRun
from cluster.stores.sql import AsyncSession

CHECKPOINTS = 200


class RunService:
    """In the transaction of ``session``. Whoever carries runs on is woken before it is committed: if they look too early, they find it the
    next time, which is soon."""

    def __init__(self, session: AsyncSession, who: Principal, trail: Trail, graphs: Graphs) -> None:
        self._session = session
        self._who = who
        self._trail = trail
        self._graphs = graphs
        self._settings = graphs.parts.settings.graphs
        self._runs = Runs(session, self._settings)

    async def page(self, asked: RunQuery) -> RunPage:
        mine = self._who.user_id if asked.mine else None
        wanted = Wanted(asked.state, asked.graph, asked.task_type, owner_id=mine, before=position_of(asked.cursor))
        found = await self._runs.page(self._who.organisation_id, wanted, asked.limit + 1)
        return RunPage(runs=[RunEntry.of(run) for run in found[: asked.limit]], next_cursor=next_page(found, asked.limit))

    async def one(self, run_id: uuid.UUID) -> RunDetail:
        return await page_of(self._session, self._settings, self._who.organisation_id, run_id)

    async def steps(self, run_id: uuid.UUID, asked: StepQuery) -> StepPage:
        run = await self._get(run_id)
        found = await self._runs.steps(run.id, asked.limit + 1, position_of(asked.cursor))
        shown = found[: asked.limit]
        cursor = cursor_of(shown[-1].started_at, shown[-1].id) if len(found) > asked.limit else None
        return StepPage(steps=[StepAnswer.of(step) for step in shown], next_cursor=cursor)

    async def cancel(self, run_id: uuid.UUID) -> RunDetail:
        """What has ended stays as it ended, so that cancelling twice is no mistake."""
        run = await self._mine(run_id)
        return await self._changed(await self._runs.cancel(run), "cancelled")

    async def pause(self, run_id: uuid.UUID) -> RunDetail:
        run = await self._mine(run_id)
        return await self._changed(await self._runs.pause(run), "paused")

    async def resume(self, run_id: uuid.UUID) -> RunDetail:
        run = await self._mine(run_id)
        return await self._changed(await self._runs.resume(run), "resumed")

    async def retry(self, run_id: uuid.UUID, body: RetryBody) -> RunDetail:
        run = await self._mine(run_id)
        if body.node is None:
            return await self._changed(await self._runs.retry(run), "retried")
        if body.node not in ResolvedGraph.from_json(run.spec).main.nodes:
            raise Unprocessable(f"The graph has no node '{body.node}'; GET the run to see its nodes.").about("node")
        moment = await self._graphs.checkpoints.before(run.thread, body.node)
        return await self._changed(await self._runs.retry(run, from_checkpoint=moment.id, visits=moment.visits), "retried")

    async def fork(self, run_id: uuid.UUID, body: ForkBody) -> RunDetail:
        run = await self._mine(run_id)
        thread = uuid.uuid4()
        moment = await self._graphs.checkpoints.fork(run.thread, body.checkpoint, thread, body.state or {})
        role = may_act(self._who)
        forked = await self._runs.fork(run, thread=thread, visits=moment.visits, owner_id=self._who.user_id, role=role.value)
        return await self._changed(forked, "forked")

    async def answer(self, run_id: uuid.UUID, body: AnswerBody) -> RunDetail:
        run = await self._mine(run_id, Role.EDITOR)
        asked = [one.node for one in questions(run)]
        if body.node is None and len(asked) > 1:
            raise Unprocessable(f"The run asks several things: {', '.join(asked)}; name one in 'node'.").about("node")
        if body.node is None and not asked:
            raise Conflict(f"The run is {run.state}, and asks nothing now.")
        try:
            answered = await self._runs.answer(run, body.node or asked[0], body.answer)
        except BadInput as error:
            raise Unprocessable(error.message).about("answer") from None
        return await self._changed(answered, "answered")

    async def checkpoints(self, run_id: uuid.UUID) -> CheckpointPage:
        run = await self._get(run_id)
        moments = await self._graphs.checkpoints.history(run.thread, CHECKPOINTS)
        found = [
            CheckpointEntry(id=one.id, created_at=one.at, step=one.step, next=sorted(one.coming), state=dict(one.values)) for one in moments
        ]
        return CheckpointPage(checkpoints=found)

    async def remove(self, run_id: uuid.UUID) -> None:
        run = await self._mine(run_id)
        if not await self._runs.remove(run):
            raise Conflict(f"The run is {run.state}; cancel it first, and remove it when it has ended.")
        await self._graphs.checkpoints.delete(run.thread)
        self._trail.record("graph.run.removed", f"run:{run.id}", graph=run.graph)

    async def _changed(self, run: GraphRun, what: str) -> RunDetail:
        self._trail.record(f"graph.run.{what}", f"run:{run.id}", graph=run.graph)
        self._graphs.aside(self._graphs.runtime.wake())
        return await self.one(run.id)

    async def _get(self, run_id: uuid.UUID, *, lock: bool = False) -> GraphRun:
        return await self._runs.get(self._who.organisation_id, run_id, lock=lock)

    async def _mine(self, run_id: uuid.UUID, others: Role = Role.ADMIN) -> GraphRun:
        """The run, locked. Raises Forbidden for somebody else's, unless who asks has the role ``others``."""
        run = await self._get(run_id, lock=True)
        if run.owner_id != self._who.user_id and not self._who.role.includes(others):
            raise Forbidden(f"The run is somebody else's; ask them, or somebody with the role '{others}'.")
        return run


def next_page(found: Sequence[GraphRun], limit: int) -> str | None:
    return cursor_of(found[limit - 1].created_at, found[limit - 1].id) if len(found) > limit else None
