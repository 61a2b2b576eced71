"""What somebody may do with batches: see those of the organisation, make some as an editor, and cancel their own; an admin cancels any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.audit.trail import Trail
from api.batches.schemas import BatchBody, BatchObject, BatchPage, BatchQuery
from api.jobs.install import JobDesk
from api.web.principal import Principal, Role
from cluster.batches.files import Files
from cluster.batches.names import batch_id_of, file_id_of
from cluster.batches.store import KIND, PRIORITY, Batches
from cluster.batches.tables import Batch
from cluster.errors import BadInput, Forbidden, Overloaded
from cluster.jobs.store import NewJob
from cluster.settings import BatchSettings
from cluster.stores.sql import AsyncSession


class BatchService:
    def __init__(self, session: AsyncSession, principal: Principal, trail: Trail, desk: JobDesk, settings: BatchSettings) -> None:
        self._session = session
        self._batches = Batches(session)
        self._files = Files(session)
        self._principal = principal
        self._trail = trail
        self._desk = desk
        self._settings = settings

    async def add(self, asked: BatchBody) -> BatchObject:
        """The batch and its job, in one transaction. The file is examined by the job: it may be large."""
        who = self._principal
        source = await self._files.get(who.organisation_id, file_id_of(asked.input_file_id))
        if source.purpose != "batch":
            raise BadInput(f"The file has the purpose '{source.purpose}'; upload it with 'batch'.").about("input_file_id")
        if await self._batches.count_open(who.organisation_id) >= self._settings.open_per_organisation:
            most = self._settings.open_per_organisation
            raise Overloaded(
                f"{most} batches of your organisation are open, the most there may be (batches.open_per_organisation); retry in 60 s."
            )
        batch = Batch(
            organisation_id=who.organisation_id,
            owner_id=who.user_id,
            key_id=who.key_id,
            endpoint=asked.endpoint,
            completion_window=asked.completion_window,
            labels=asked.metadata,
            input_file_id=source.id,
            output_kept_s=asked.output_expires_after.seconds if asked.output_expires_after else None,
            expires_at=datetime.now(UTC) + timedelta(seconds=self._settings.window_s),
        )
        batch = await self._batches.add(batch)
        told = NewJob(KIND, who.organisation_id, who.user_id, {"batch_id": str(batch.id)}, PRIORITY)
        batch.job_id = (await self._desk.enqueue(self._session, told)).id
        self._trail.record("batch.created", f"batch:{batch.id}", endpoint=batch.endpoint, input_file=str(source.id))
        return BatchObject.of(batch)

    async def page(self, asked: BatchQuery) -> BatchPage:
        after = await self._get(asked.after) if asked.after is not None else None
        found = await self._batches.page(self._principal.organisation_id, after, asked.limit + 1)
        shown = [BatchObject.of(batch) for batch in found[: asked.limit]]
        first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
        return BatchPage(data=shown, first_id=first, last_id=last, has_more=len(found) > asked.limit)

    async def one(self, name: str) -> BatchObject:
        return BatchObject.of(await self._get(name))

    async def cancel(self, name: str) -> BatchObject:
        """What has ended stays as it ended, so that cancelling twice is no mistake."""
        batch = await self._get(name, lock=True)
        if batch.owner_id != self._principal.user_id and not self._principal.role.includes(Role.ADMIN):
            raise Forbidden("The batch is somebody else's; ask them, or an admin of your organisation.")
        self._trail.record("batch.cancelled", f"batch:{batch.id}")
        cancelled = await self._batches.cancel(batch)
        self._desk.wake()
        return BatchObject.of(cancelled)

    async def _get(self, name: str, *, lock: bool = False) -> Batch:
        return await self._batches.get(self._principal.organisation_id, batch_id_of(name), lock=lock)
