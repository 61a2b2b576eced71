"""What somebody may do with jobs: see those of the organisation, and, as an editor, steer their own; an admin steers all."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from api.audit.trail import Trail
from api.conversations.cursors import cursor_of, position_of
from api.jobs.schemas import HistoryLine, HistoryQuery, JobDetail, JobEntry, JobLog, JobPage, JobQuery, LogHistory, LogLine, LogQuery
from api.web.principal import Principal, Role
from cluster.errors import BadInput, Conflict, Forbidden
from cluster.jobs.store import Jobs, Line, Wanted
from cluster.jobs.table import Job
from cluster.stores.sql import AsyncSession


class JobService:
    """``wake``: has a dispatcher look at the jobs soon. If it looks before the transaction is committed, it finds it the next time."""

    def __init__(self, session: AsyncSession, principal: Principal, trail: Trail, wake: Callable[[], None]) -> None:
        self._jobs = Jobs(session)
        self._principal = principal
        self._trail = trail
        self._wake = wake

    async def page(self, asked: JobQuery) -> JobPage:
        wanted = Wanted(asked.state, asked.kind, position_of(asked.cursor))
        found = await self._jobs.page(self._principal.organisation_id, wanted, asked.limit + 1)
        shown = found[: asked.limit]
        more = len(found) > asked.limit
        return JobPage(
            jobs=[JobEntry.of(job) for job in shown], next_cursor=cursor_of(shown[-1].created_at, shown[-1].id) if more else None
        )

    async def one(self, job_id: uuid.UUID) -> JobDetail:
        return JobDetail.of(await self._get(job_id))

    async def log(self, job_id: uuid.UUID, asked: LogQuery) -> JobLog:
        job = await self._get(job_id)
        return JobLog(lines=[LogLine.of(line) for line in await self._jobs.events(job.id, asked.after, asked.limit, "log")])

    async def history(self, asked: HistoryQuery) -> LogHistory:
        """Of all jobs of the organisation."""
        before = _line_of(asked.cursor)
        found = await self._jobs.lines(self._principal.organisation_id, asked.kind, before, asked.limit + 1)
        shown = [HistoryLine(task_id=line.job_id, kind=kind, **LogLine.of(line).model_dump()) for line, kind in found[: asked.limit]]
        last = shown[-1] if len(found) > asked.limit else None
        cursor = f"{last.number}.{cursor_of(last.time, last.task_id)}" if last is not None else None
        return LogHistory(lines=shown, next_cursor=cursor)

    async def cancel(self, job_id: uuid.UUID) -> JobDetail:
        """What has ended stays as it ended, so that cancelling twice is no mistake."""
        job = await self._mine(job_id)
        self._trail.record("job.cancelled", f"job:{job.id}", kind=job.kind)
        cancelled = await self._jobs.cancel(job)
        self._wake()
        return JobDetail.of(cancelled)

    async def retry(self, job_id: uuid.UUID) -> JobDetail:
        job = await self._mine(job_id)
        queued = await self._jobs.retry(job)
        if queued is None:
            raise Conflict(f"The job is {job.state}; only one that has failed or was cancelled can be tried again.")
        self._trail.record("job.retried", f"job:{job.id}", kind=job.kind)
        self._wake()
        return JobDetail.of(queued)

    async def remove(self, job_id: uuid.UUID) -> None:
        job = await self._mine(job_id)
        if not await self._jobs.remove(job):
            raise Conflict(f"The job is {job.state}; cancel it first, and remove it when it has ended.")
        self._trail.record("job.removed", f"job:{job.id}", kind=job.kind)

    async def _get(self, job_id: uuid.UUID, *, lock: bool = False) -> Job:
        return await self._jobs.get(self._principal.organisation_id, job_id, lock=lock)

    async def _mine(self, job_id: uuid.UUID) -> Job:
        """The job, locked. Raises Forbidden for somebody else's, unless an admin asks."""
        job = await self._get(job_id, lock=True)
        if job.owner_id != self._principal.user_id and not self._principal.role.includes(Role.ADMIN):
            raise Forbidden("The job is somebody else's; ask them, or an admin of your organisation.")
        return job


def _line_of(cursor: str | None) -> Line | None:
    """Raises BadInput for what no page gave."""
    if cursor is None:
        return None
    number, _, rest = cursor.partition(".")
    place = position_of(rest)
    if place is None or not number.isascii() or not number.isdigit() or len(number) > 9:
        raise BadInput("'cursor' is not one that a list gave; leave it out to begin at the first page.").about("cursor")
    return *place, int(number)
