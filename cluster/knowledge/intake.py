"""Files that become documents of a collection: rows and the job that ingests them, in one transaction.

What uploads and connectors share. The bytes are on disk before (see cluster/files.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import func, insert, select, update

from cluster.errors import Conflict, NotFound, TooLarge
from cluster.files import Stored
from cluster.jobs.states import JobState
from cluster.jobs.store import NewJob
from cluster.jobs.table import Job
from cluster.knowledge.tables import Collection, DocumentRow, DocumentState
from cluster.settings import IngestSettings
from cluster.stores.sql import AsyncSession

KIND = "ingest"
# What was loaded stays as it was.
APART = {"synchronize_session": False}
READY, PENDING, REMOVING = DocumentState.READY.value, DocumentState.PENDING.value, DocumentState.REMOVING.value
Outcome = Literal["new", "changed", "unchanged"]
Enqueue = Callable[[AsyncSession, NewJob], Awaitable[Job]]


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one file: ``new``, ``changed`` (another version of what was there), or ``unchanged``."""

    document_id: uuid.UUID
    path: str
    version: int
    outcome: Outcome

    @classmethod
    def of(cls, row: DocumentRow, outcome: Outcome) -> Entry:
        return cls(row.id, row.path, row.version, outcome)


@dataclass(slots=True)
class Entered:
    """``unused``: files that no row names now. ``job_id``: that ingests what was entered; none when nothing waits."""

    entries: list[Entry] = field(default_factory=list)
    unused: list[uuid.UUID] = field(default_factory=list)
    job_id: uuid.UUID | None = None

    @property
    def changed(self) -> int:
        return sum(one.outcome != "unchanged" for one in self.entries)


class Intake:
    """Of one collection, in the transaction of ``session``, which belongs to the caller."""

    def __init__(
        self,
        session: AsyncSession,
        collection_id: uuid.UUID,
        organisation_id: uuid.UUID,
        owner_id: uuid.UUID,
        settings: IngestSettings,
        enqueue: Enqueue,
    ) -> None:
        self._session = session
        self._collection_id = collection_id
        self._organisation_id = organisation_id
        self._owner_id = owner_id
        self._settings = settings
        self._enqueue = enqueue

    async def enter(self, files: Mapping[str, Stored]) -> Entered:
        """Raises NotFound for no such collection, TooLarge for too many documents, Conflict while one of the same path is being removed.
        Then nothing was entered."""
        await self._lock()
        known = await self._known(list(files))
        self._refuse_too_many(await self._count() + len(files) - len(known))
        entered = Entered()
        for path, stored in files.items():
            entry, left = await self._one(path, stored, known.get(path))
            entered.entries.append(entry)
            entered.unused += [left] if left is not None else []
        waiting = any(row.state == PENDING for row in known.values())
        if entered.changed or waiting:
            entered.job_id = await self.job(begun=not entered.changed)
        return entered

    async def job(self, *, begun: bool = False) -> uuid.UUID:
        """One that has not begun yet, held back until this transaction ends so that it finds what is written here, or a new one. ``begun``:
        one that is at work will do, because nothing is new to it."""
        running = Job.state == JobState.RUNNING.value
        # A row says "running" as soon as a process is asked for; what the process finds, it finds once it has begun.
        wanted = running if begun else running & Job.started_at.is_(None)
        chosen = select(Job).where(
            Job.organisation_id == self._organisation_id,
            Job.kind == KIND,
            (Job.state == JobState.QUEUED.value) | wanted,
            Job.cancel_requested_at.is_(None),
            Job.spec["collection"].as_string() == str(self._collection_id),
        )
        # Whoever changes a job has it locked for a moment only. One that is at work is not held: it is to go on.
        found = await self._session.scalar(chosen.limit(1) if begun else chosen.limit(1).with_for_update())
        if found is not None:
            return found.id
        new = NewJob(KIND, self._organisation_id, self._owner_id, {"collection": str(self._collection_id)})
        return (await self._enqueue(self._session, new)).id

    async def _lock(self) -> None:
        """So that two intakes of the same path come one after the other."""
        chosen = select(Collection.id).where(
            Collection.id == self._collection_id, Collection.organisation_id == self._organisation_id, Collection.is_removing.is_(False)
        )
        if await self._session.scalar(chosen.with_for_update()) is None:
            raise NotFound(f"There is no collection '{self._collection_id}'; GET /api/v1/collections lists those there are.")

    async def _known(self, paths: list[str]) -> dict[str, DocumentRow]:
        chosen = select(DocumentRow).where(
            DocumentRow.collection_id == self._collection_id, DocumentRow.root_id.is_(None), DocumentRow.path.in_(paths)
        )
        return {row.path: row for row in await self._session.scalars(chosen)}

    async def _count(self) -> int:
        chosen = select(func.count()).where(DocumentRow.collection_id == self._collection_id, DocumentRow.root_id.is_(None))
        return await self._session.scalar(chosen) or 0

    async def _one(self, path: str, stored: Stored, row: DocumentRow | None) -> tuple[Entry, uuid.UUID | None]:
        """Statements, not objects: jobs know no tables of the API, which a flush would look for."""
        content = {"file_id": stored.id, "bytes": stored.bytes, "content_hash": stored.sha256}
        if row is None:
            entry = Entry(uuid.uuid4(), path, 1, "new")
            owned = {"organisation_id": self._organisation_id, "owner_id": self._owner_id, "collection_id": self._collection_id}
            values = {"id": entry.document_id, "path": path, "version": entry.version} | owned | content
            await self._session.execute(insert(DocumentRow).values(values))
            return entry, None
        if row.state == REMOVING:
            raise Conflict(f"The document '{path[:200]}' is just being removed; upload it again in a moment.")
        if row.content_hash == stored.sha256 and row.state in (READY, PENDING):
            return Entry.of(row, "unchanged"), stored.id
        changed = {"state": PENDING, "reason": None, "version": row.version + 1}
        await self._session.execute(update(DocumentRow).where(DocumentRow.id == row.id).values(changed | content), execution_options=APART)
        return Entry(row.id, path, row.version + 1, "changed"), row.file_id

    def _refuse_too_many(self, documents: int) -> None:
        most = self._settings.documents
        if documents > most:
            raise TooLarge(f"The collection would have {documents} documents, at most {most} are taken (setting ingest.documents).")
