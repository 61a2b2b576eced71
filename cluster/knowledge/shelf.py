"""Documents as the ingestion writes them: which wait, what became of each, what came out of archives."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from cluster.contracts.documents import Document
from cluster.contracts.retrieval import Space
from cluster.jobs.states import JobState
from cluster.jobs.table import Job
from cluster.knowledge.prints import Prints
from cluster.knowledge.tables import Collection, DocumentRow, DocumentState, DocumentText
from cluster.stores.sql import AsyncSession
from cluster.webhooks.events import hearing_of, tell

PENDING, READY, FAILED, REMOVING = (state.value for state in DocumentState)
REASON_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a document. ``root``: what it was uploaded as, or in. ``version``: of the root. ``unchanged``: the index had it
    already. ``failed``: nothing of it was taken, for ``reason``; else ``reason`` says what was left out. ``signature``: its MinHash."""

    document: uuid.UUID
    root: uuid.UUID
    version: int
    path: str
    content_hash: str = ""
    media_type: str | None = None
    chunks: int = 0
    chars: int = 0
    pages: int | None = None
    words_hash: str | None = None
    reason: str | None = None
    unchanged: bool = False
    failed: bool = False
    signature: tuple[int, ...] = ()


class Shelf:
    """The documents of one collection, in the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession, collection_id: uuid.UUID) -> None:
        self._session = session
        self._collection_id = collection_id
        self._prints = Prints(session, collection_id)

    async def collection(self) -> Collection | None:
        chosen = select(Collection).where(Collection.id == self._collection_id, Collection.is_removing.is_(False))
        return (await self._session.scalars(chosen)).one_or_none()

    async def use(self, space: Space) -> None:
        """From now on the vectors of the collection are there. What was in another space waits to be indexed again."""
        told = asdict(space)
        moved = update(Collection).where(Collection.id == self._collection_id, Collection.space.is_distinct_from(told))
        had = await self._session.scalar(select(Collection.space).where(Collection.id == self._collection_id))
        await self._session.execute(moved.values(space=told))
        if had is not None and had != told:
            await self.again()

    async def again(self) -> None:
        """All documents are to be indexed anew, as another version: what the index has of the present one goes when that is done."""
        mine = DocumentRow.collection_id == self._collection_id
        kept = DocumentRow.state != REMOVING
        await self._session.execute(update(DocumentRow).where(mine).values(indexed_hash=None))
        values = {"state": PENDING, "version": DocumentRow.version + 1, "reason": None}
        await self._session.execute(update(DocumentRow).where(mine, kept, DocumentRow.root_id.is_(None)).values(values))

    async def others_turn(self, job_id: uuid.UUID) -> bool:
        """Whether another job that began earlier is at work on the collection: it sees to what waits, and two would do everything twice."""
        mine, other = aliased(Job), aliased(Job)
        same = other.kind == mine.kind, other.spec["collection"].as_string() == str(self._collection_id)
        earlier = or_(other.started_at < mine.started_at, (other.started_at == mine.started_at) & (other.id < mine.id))
        running = other.state == JobState.RUNNING.value, other.organisation_id == mine.organisation_id
        chosen = select(other.id).where(mine.id == job_id, *same, *running, earlier).limit(1)
        return await self._session.scalar(chosen) is not None

    async def waiting(self, most: int) -> Sequence[DocumentRow]:
        """Uploads that are not indexed yet, the oldest first."""
        chosen = (
            select(DocumentRow)
            .where(DocumentRow.collection_id == self._collection_id, DocumentRow.state == PENDING, DocumentRow.root_id.is_(None))
            .order_by(DocumentRow.created_at, DocumentRow.id)
            .limit(most)
        )
        return (await self._session.scalars(chosen, execution_options={"populate_existing": True})).all()

    async def count_waiting(self) -> int:
        chosen = select(func.count()).where(
            DocumentRow.collection_id == self._collection_id, DocumentRow.state == PENDING, DocumentRow.root_id.is_(None)
        )
        return await self._session.scalar(chosen) or 0

    async def is_indexed(self, document: uuid.UUID, content_hash: str) -> bool:
        """Whether the index has exactly that content of it."""
        chosen = select(DocumentRow.id).where(
            DocumentRow.id == document,
            DocumentRow.collection_id == self._collection_id,
            DocumentRow.state == READY,
            DocumentRow.indexed_hash == content_hash,
        )
        return await self._session.scalar(chosen) is not None

    async def keep(self, document: Document, root: uuid.UUID) -> bool:
        """Its text, so that a citation can be opened. False when it was removed meanwhile."""
        own = uuid.UUID(document.id)
        if own != root and not await self._enter(Outcome(own, root, document.version, document.path, document.content_hash)):
            return False
        living = select(DocumentRow.id, literal(document.version), literal(document.text)).where(
            DocumentRow.id == own, DocumentRow.state != REMOVING
        )
        writing = insert(DocumentText).from_select(["document_id", "version", "text"], living)
        writing = writing.on_conflict_do_update(
            index_elements=["document_id"], set_={"version": writing.excluded.version, "text": writing.excluded.text}
        )
        return await self._session.scalar(writing.returning(DocumentText.document_id)) is not None

    async def settle(self, outcomes: Iterable[Outcome]) -> list[uuid.UUID]:
        """Writes what became of documents; the ids of those that were removed meanwhile, of which the index must have nothing."""
        settled = [(outcome, await self._written(outcome)) for outcome in outcomes]
        await self._tell([outcome for outcome, is_there in settled if is_there and not outcome.unchanged])
        return [outcome.document for outcome, is_there in settled if not is_there]

    async def _tell(self, outcomes: Sequence[Outcome]) -> None:
        organisation_id = await hearing_of(self._session, self._collection_id) if outcomes else None
        if organisation_id is None:
            return
        for outcome in outcomes:
            told: dict[str, Any] = {"document_id": str(outcome.document), "collection_id": str(self._collection_id), "path": outcome.path}
            told |= {"chunks": outcome.chunks, "reason": outcome.reason}
            await tell(self._session, organisation_id, "document.failed" if outcome.failed else "document.ready", told)

    async def _written(self, outcome: Outcome) -> bool:
        if outcome.document != outcome.root and not await self._enter(outcome):
            return False
        if not await self._settle(outcome):
            return not await self._is_gone(outcome.document)
        if not outcome.unchanged and not outcome.failed:
            await self._prints.keep(outcome.document, outcome.signature)
        return True

    async def stale(self, outcomes: Sequence[Outcome]) -> list[tuple[uuid.UUID, int | None]]:
        """Documents of which the index has another version, with the one that it is to keep; None: nothing."""
        written = [outcome.document for outcome in outcomes if not outcome.unchanged]
        indexed = DocumentRow.indexed_version
        chosen = select(DocumentRow.id, indexed).where(DocumentRow.id.in_(written), indexed.is_not(None))
        had = {row[0]: row[1] for row in await self._session.execute(chosen)}
        found = [outcome for outcome in outcomes if outcome.document in had]
        kept = [(outcome.document, None if outcome.failed else outcome.version) for outcome in found]
        return [(document, version) for document, version in kept if version != had[document]]

    async def unknown(self, documents: Iterable[uuid.UUID]) -> list[uuid.UUID]:
        """Those of which there is no row, or one that is marked to be removed."""
        given = set(documents)
        chosen = select(DocumentRow.id).where(DocumentRow.id.in_(given), DocumentRow.state != REMOVING)
        return list(given - set(await self._session.scalars(chosen)))

    async def close(self, roots: Mapping[uuid.UUID, int]) -> list[uuid.UUID]:
        """Uploads, by the version that was read, of which nothing more will come: archives are ready too. The ids of documents that were in
        an earlier version of them, and are no more: they are to be removed."""
        left: list[uuid.UUID] = []
        for root, version in roots.items():
            at = (DocumentRow.id == root, DocumentRow.version == version, DocumentRow.state == PENDING)
            values = {"state": READY, "indexed_version": version, "indexed_hash": DocumentRow.content_hash}
            await self._session.execute(update(DocumentRow).where(*at).values(values))
            lost = (DocumentRow.root_id == root, DocumentRow.seen < version)
            left += await self._session.scalars(update(DocumentRow).where(*lost).values(state=REMOVING).returning(DocumentRow.id))
        return left

    async def compare(self, most: int) -> int:
        """Looks for older documents that say the same, for at most ``most`` that were not compared yet; how many there were."""
        return await self._prints.compare(most)

    async def _is_gone(self, document: uuid.UUID) -> bool:
        state = await self._session.scalar(select(DocumentRow.state).where(DocumentRow.id == document))
        return state is None or state == REMOVING

    async def _enter(self, outcome: Outcome) -> bool:
        """A row for what lies in an upload; False when the upload is gone."""
        root = aliased(DocumentRow)
        given: dict[str, Any] = {
            "id": literal(outcome.document),
            "organisation_id": root.organisation_id,
            "owner_id": root.owner_id,
            "collection_id": root.collection_id,
            "root_id": root.id,
            "path": literal(outcome.path),
            "content_hash": literal(outcome.content_hash),
            "version": literal(outcome.version),
            "seen": literal(outcome.version),
        }
        source = select(*given.values()).where(root.id == outcome.root, root.state != REMOVING)
        writing = insert(DocumentRow).from_select(list(given), source)
        seen = {"seen": writing.excluded.seen}
        writing = writing.on_conflict_do_update(index_elements=["id"], set_=seen, where=DocumentRow.state != REMOVING)
        return await self._session.scalar(writing.returning(DocumentRow.id)) is not None

    async def _settle(self, outcome: Outcome) -> bool:
        values: dict[str, Any] = {"reason": (outcome.reason or "")[:REASON_CHARS] or None}
        at = [DocumentRow.id == outcome.document, DocumentRow.state != REMOVING]
        if outcome.document == outcome.root:
            at.append(DocumentRow.version == outcome.version)
        else:
            values["seen"] = outcome.version
            values |= {} if outcome.unchanged else {"version": outcome.version}
        if outcome.failed:
            values |= {
                "state": FAILED,
                "chunks": 0,
                "indexed_hash": None,
                "indexed_version": None,
                "duplicate_of": None,
                "similarity": None,
            }
        elif not outcome.unchanged:
            values |= _indexed(outcome)
        writing = update(DocumentRow).where(*at).values(values).returning(DocumentRow.id)
        return await self._session.scalar(writing) is not None


def _indexed(outcome: Outcome) -> dict[str, Any]:
    """What is known of a document that is in the index."""
    return {
        "state": READY,
        "content_hash": outcome.content_hash,
        "indexed_hash": outcome.content_hash,
        "indexed_version": outcome.version,
        "media_type": outcome.media_type,
        "chunks": outcome.chunks,
        "chars": outcome.chars,
        "pages": outcome.pages,
        "words_hash": outcome.words_hash,
        "duplicate_of": None,
        "similarity": None,
    }
