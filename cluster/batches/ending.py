"""How a batch ends: its answers become two files, and its rows of answers go, in one transaction.

    all lines answered -> completed      cancelled, or its job was -> cancelled
    its time is up     -> expired        its job failed            -> failed

Whatever the end, what was answered is in the files, each line once. A line without an answer is in the file of errors, with the reason.
Several processes may try at once; one does it, the others find it done.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, cast

from sqlalchemy import delete, insert, select, update

from cluster.batches.answers import Answer
from cluster.batches.lines import examine
from cluster.batches.names import batch_name, request_name
from cluster.batches.tables import Batch, BatchAnswer, BatchStatus, FileRow
from cluster.batches.tally import Tally
from cluster.errors import NotFound
from cluster.files import FileStore
from cluster.jobs.states import JobState
from cluster.jobs.table import Job
from cluster.settings import BatchSettings
from cluster.stores.sql import AsyncSession, Database

PAGE = 200
_REASONS = {
    BatchStatus.CANCELLED: ("batch_cancelled", "The batch was cancelled before this request was answered."),
    BatchStatus.EXPIRED: ("batch_expired", "The batch's time was up before this request was answered."),
    BatchStatus.FAILED: ("batch_failed", "The batch ended before this request was answered."),
}


@dataclass(frozen=True, slots=True)
class Written:
    """Files that are being made, and what was noticed on the way."""

    output: BinaryIO
    errors: BinaryIO
    lines: set[int]
    tally: Tally


class Ending:
    def __init__(self, database: Database, files: FileStore, settings: BatchSettings) -> None:
        self._database = database
        self._files = files
        self._settings = settings

    async def end(self, batch_id: uuid.UUID) -> BatchStatus | None:
        """How it ended; None when it is not to be ended now: it has ended, somebody is at it, or its job goes on."""
        async with self._database.session() as session:
            locked = select(Batch, Job).outerjoin(Job, Job.id == Batch.job_id).where(Batch.id == batch_id, Batch.ended_at.is_(None))
            found = (await session.execute(locked.with_for_update(of=Batch, key_share=True, skip_locked=True))).one_or_none()
            if found is None:
                return None
            batch, job = found
            status = _how(batch, job, datetime.now(UTC))
            if status is not None:
                told = _told(batch, job) if status is BatchStatus.FAILED else batch.errors
                ended = {"status": status.value, "errors": told, "ended_at": datetime.now(UTC)} | await self._write(session, batch, status)
                await session.execute(update(Batch).where(Batch.id == batch.id).values(**ended))
                await session.execute(delete(BatchAnswer).where(BatchAnswer.batch_id == batch.id))
            return status

    async def _write(self, session: AsyncSession, batch: Batch, status: BatchStatus) -> dict[str, Any]:
        """The files; what the batch's row says of them."""
        with ExitStack() as stack:
            output, errors = (cast("BinaryIO", stack.enter_context(tempfile.TemporaryFile())) for _ in range(2))
            written = Written(output, errors, set(), Tally())
            await self._answers(session, batch, written)
            if status in _REASONS and batch.total > len(written.lines):
                await asyncio.to_thread(self._unanswered, batch, status, written)
            return {
                "output_file_id": await self._kept(session, batch, output, "output"),
                "error_file_id": await self._kept(session, batch, errors, "error"),
                "usage": written.tally.usage(),
            }

    async def _answers(self, session: AsyncSession, batch: Batch, written: Written) -> None:
        last = 0
        while True:
            chosen = (
                select(BatchAnswer.line, BatchAnswer.is_error, BatchAnswer.content)
                .where(BatchAnswer.batch_id == batch.id, BatchAnswer.line > last)
                .order_by(BatchAnswer.line)
                .limit(PAGE)
            )
            page = [Answer(*row) for row in await session.execute(chosen)]
            if not page:
                return
            await asyncio.to_thread(_append, page, written)
            last = page[-1].line

    def _unanswered(self, batch: Batch, status: BatchStatus, written: Written) -> None:
        """Nothing is said of them where the input is no longer there."""
        code, message = _REASONS[status]
        try:
            file = self._files.open(batch.organisation_id, batch.input_file_id)
        except NotFound:
            return
        with file:
            for request in examine(file, batch.endpoint, None, self._settings).requests:
                if request.line not in written.lines:
                    told = {
                        "id": request_name(batch.id, request.line),
                        "custom_id": request.custom_id,
                        "response": None,
                        "error": {"code": code, "message": message},
                    }
                    written.errors.write(json.dumps(told).encode() + b"\n")

    async def _kept(self, session: AsyncSession, batch: Batch, file: BinaryIO, what: str) -> uuid.UUID | None:
        """The id of the file, None for an empty one. Its bytes are on disk before its row is committed."""
        if file.tell() == 0:
            return None
        file.seek(0)
        stored = await asyncio.to_thread(self._files.write, batch.organisation_id, file)
        kept = batch.output_kept_s or self._settings.output_kept_days * 86400
        # In one statement: the unit of work would want to know the tables that it refers to, which stand in a room above.
        row = {
            "id": stored.id,
            "organisation_id": batch.organisation_id,
            "owner_id": batch.owner_id,
            "purpose": "batch_output",
            "filename": f"{batch_name(batch.id)}_{what}.jsonl",
            "bytes": stored.bytes,
            "sha256": stored.sha256,
            "expires_at": datetime.now(UTC) + timedelta(seconds=kept),
        }
        await session.execute(insert(FileRow).values(**row))
        return stored.id


def _how(batch: Batch, job: Job | None, now: datetime) -> BatchStatus | None:
    """None while its job may still go on."""
    if batch.total and batch.completed + batch.failed >= batch.total:
        return BatchStatus.COMPLETED
    if now >= batch.expires_at:
        return BatchStatus.EXPIRED
    if job is None or job.state in {JobState.CANCELLED, JobState.FAILED, JobState.SUCCEEDED}:
        asked = batch.cancelling_at is not None or (job is not None and job.state == JobState.CANCELLED)
        return BatchStatus.CANCELLED if asked else BatchStatus.FAILED
    return None


def _told(batch: Batch, job: Job | None) -> dict[str, Any]:
    message = (job.error if job is not None else None) or "The job of the batch is gone; make the batch again."
    return {"object": "list", "data": [{"code": "batch_failed", "message": message, "param": None, "line": None}]}


def _append(page: Sequence[Answer], written: Written) -> None:
    for answer in page:
        (written.errors if answer.is_error else written.output).write(answer.content.encode() + b"\n")
        written.lines.add(answer.line)
        if not answer.is_error:
            written.tally.add(json.loads(answer.content)["response"]["body"].get("usage"))
