"""Tasks: the runs that were handed in as such."""

from __future__ import annotations

import uuid

from api.agents.task_schemas import (
    HistoryEntry,
    HistoryQuery,
    TaskAnswer,
    TaskEntry,
    TaskHistory,
    TaskPage,
    TaskQuery,
    TaskResult,
)
from api.audit.trail import Trail
from api.conversations.cursors import position_of
from api.web.principal import Principal
from api.workflows.install import Graphs
from api.workflows.runs import RunService, next_page
from cluster.errors import NotFound
from cluster.graphs.runs import Runs, Wanted
from cluster.graphs.states import NO_TASKS
from cluster.graphs.table import GraphRun
from cluster.stores.sql import AsyncSession


class Tasks:
    """For one person, in the transaction of ``session``. What they may steer is as with runs."""

    def __init__(self, session: AsyncSession, who: Principal, trail: Trail, graphs: Graphs) -> None:
        self._who = who
        self._runs = Runs(session, graphs.parts.settings.graphs)
        self._service = RunService(session, who, trail, graphs)

    async def page(self, asked: TaskQuery) -> TaskPage:
        wanted = Wanted(asked.status, None, asked.task_type, before=position_of(asked.cursor), others=NO_TASKS)
        found = await self._runs.page(self._who.organisation_id, wanted, asked.limit + 1)
        return TaskPage(tasks=[TaskEntry.of(run) for run in found[: asked.limit]], next_cursor=next_page(found, asked.limit))

    async def one(self, run_id: uuid.UUID) -> TaskAnswer:
        return TaskAnswer.of(await self._get(run_id))

    async def result(self, run_id: uuid.UUID) -> TaskResult:
        return TaskResult.of(await self._get(run_id))

    async def history(self, run_id: uuid.UUID, asked: HistoryQuery) -> TaskHistory:
        run = await self._get(run_id)
        return TaskHistory(events=[HistoryEntry.of(event) for event in await self._runs.events(run.id, asked.after, asked.limit)])

    async def cancel(self, run_id: uuid.UUID) -> TaskAnswer:
        await self._get(run_id)
        await self._service.cancel(run_id)
        return TaskAnswer.of(await self._get(run_id))

    async def _get(self, run_id: uuid.UUID) -> GraphRun:
        run = await self._runs.get(self._who.organisation_id, run_id)
        if run.task_type in NO_TASKS:
            raise NotFound(f"There is no task '{run_id}'; GET /api/v1/tasks lists those there are.")
        return run
