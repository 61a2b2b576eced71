"""Documents of a collection that say the same, whenever they came in: exactly by the hash of their words, nearly by their MinHash.

Two documents are compared where they share a band: a few numbers of their signatures, at the same place (locality-sensitive hashing). Of
two that share 85 % of their groups of words one of 21 bands of 6 is equal with a chance of 99.99 %; of two that share half, 28 %. The bands
stand in the database, in an index of their own: nothing has to be kept in memory, and what was not compared yet is compared by whoever
comes next. (datasketch can keep its index in Redis, where it would be found apart from the rows.)
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy import CTE, ColumnElement, Float, Select, Subquery, bindparam, delete, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from cluster.knowledge.tables import DocumentPrint, DocumentRow, DocumentState
from cluster.stores.sql import AsyncSession
from cluster.text.duplicates import LOWEST

BANDS, ROWS = 21, 6
# Older documents that one is compared with, the oldest first: of ten thousand that are alike a few are enough.
MOST_COMPARED = 50
READY = DocumentState.READY.value
Repeats = Sequence[tuple[uuid.UUID, uuid.UUID, float]]


class Prints:
    """Those of one collection, in the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession, collection_id: uuid.UUID) -> None:
        self._session = session
        self._collection_id = collection_id

    async def keep(self, document: uuid.UUID, signature: Sequence[int]) -> None:
        """What is known of the document's present version. Those that repeated another version of it are to be compared again."""
        repeating = update(DocumentRow).where(DocumentRow.duplicate_of == document).values(duplicate_of=None, similarity=None)
        freed = list(await self._session.scalars(repeating.returning(DocumentRow.id)))
        if freed:
            await self._session.execute(update(DocumentPrint).where(DocumentPrint.document_id.in_(freed)).values(is_compared=False))
        if not signature:
            await self._session.execute(delete(DocumentPrint).where(DocumentPrint.document_id == document))
            return
        packed = np.array(signature, np.uint32).tobytes()
        values = {"signature": packed, "bands": bands(self._collection_id, packed), "is_compared": False}
        writing = insert(DocumentPrint).values(document_id=document, **values)
        await self._session.execute(writing.on_conflict_do_update(index_elements=["document_id"], set_=values))

    async def compare(self, most: int) -> int:
        """Marks, of at most ``most`` documents that were not compared yet, those that repeat an older one; how many there were."""
        chosen = (
            select(DocumentPrint.document_id)
            .join(DocumentRow, DocumentRow.id == DocumentPrint.document_id)
            .where(~DocumentPrint.is_compared, DocumentRow.collection_id == self._collection_id, DocumentRow.state == READY)
            .limit(most)
        )
        waiting = list(await self._session.scalars(chosen))
        if not waiting:
            return 0
        exact = await self._equal(waiting)
        await self._mark(exact)
        known = {document for document, _, _ in exact}
        await self._mark(await self._alike([document for document in waiting if document not in known]))
        await self._session.execute(update(DocumentPrint).where(DocumentPrint.document_id.in_(waiting)).values(is_compared=True))
        return len(waiting)

    async def _equal(self, documents: Sequence[uuid.UUID]) -> Repeats:
        """Those whose words an older document has exactly, with the oldest."""
        return [(row[0], row[1], 1.0) for row in await self._session.execute(equal(self._collection_id, documents))]

    async def _alike(self, documents: Sequence[uuid.UUID]) -> Repeats:
        """Those that share enough with an older one, with the one they share most with."""
        best: dict[uuid.UUID, tuple[uuid.UUID, float]] = {}
        for document, signature, other, other_signature in await self._session.execute(alike(self._collection_id, documents)):
            share = similarity(signature, other_signature)
            if share > max(LOWEST, best.get(document, (None, 0.0))[1]):
                best[document] = (other, share)
        return [(document, other, share) for document, (other, share) in best.items()]

    async def _mark(self, repeats: Iterable[tuple[uuid.UUID, uuid.UUID, float]]) -> None:
        told = [{"its_id": document, "first": first, "how": how} for document, first, how in repeats]
        if told:
            marking = (
                update(DocumentRow)
                .where(DocumentRow.id == bindparam("its_id"))
                .values(duplicate_of=bindparam("first"), similarity=bindparam("how", type_=Float))
            )
            await (await self._session.connection()).execute(marking, told)


def equal(collection_id: uuid.UUID, documents: Sequence[uuid.UUID]) -> Select[uuid.UUID, uuid.UUID]:
    """Those of ``documents`` whose words an older one has exactly, each with the oldest."""
    older, mine = aliased(DocumentRow), DocumentRow
    same = (
        select(older.id)
        .where(older.collection_id == collection_id, older.words_hash == mine.words_hash, older.state == READY, _before(older, mine))
        .order_by(older.created_at, older.id)
        .limit(1)
        .correlate(mine)
        .scalar_subquery()
    )
    return select(mine.id, same).where(mine.id.in_(documents), mine.words_hash.is_not(None), same.is_not(None))


def alike(collection_id: uuid.UUID, documents: Sequence[uuid.UUID]) -> Select[uuid.UUID, bytes, uuid.UUID, bytes]:
    """Each of ``documents`` with its signature, and the older ones that share a band with it, with theirs."""
    mine, its, candidates = aliased(DocumentPrint), aliased(DocumentPrint), _candidates(collection_id, _sharing(documents))
    return (
        select(mine.document_id, mine.signature, its.document_id, its.signature)
        .select_from(candidates)
        .join(mine, mine.document_id == candidates.c.document)
        .join(its, its.document_id == candidates.c.other)
        .where(candidates.c.place <= MOST_COMPARED)
    )


def _sharing(documents: Sequence[uuid.UUID]) -> CTE:
    """Each of ``documents`` with every other that shares a band with it. The planner has no say in what comes first: where it knows nothing
    of a table yet, as when a collection is filled, it went through the collection by age and looked for the bands again at each row."""
    mine, its = aliased(DocumentPrint), aliased(DocumentPrint)
    found = select(its.document_id.label("other")).where(its.bands.overlap(mine.bands)).correlate(mine).offset(0).lateral()
    since = select(DocumentRow.created_at).where(DocumentRow.id == mine.document_id).correlate(mine).scalar_subquery()
    pairs = select(mine.document_id.label("document"), since.label("since"), found.c.other).join(found, true())
    return pairs.where(mine.document_id.in_(documents)).cte("sharing").prefix_with("MATERIALIZED")


def _candidates(collection_id: uuid.UUID, sharing: CTE) -> Subquery:
    """The older ones of them, those of each document numbered by age."""
    # By id and nothing else: the planner takes a whole collection for a row or two.
    row = aliased(DocumentRow, select(DocumentRow).where(DocumentRow.id == sharing.c.other).correlate(sharing).offset(0).lateral())
    older = or_(row.created_at < sharing.c.since, (row.created_at == sharing.c.since) & (row.id < sharing.c.document))
    # Copies of another are as alike as that other.
    original = or_(row.similarity.is_(None), row.similarity < 1)
    place = func.row_number().over(partition_by=sharing.c.document, order_by=(row.created_at, row.id))
    numbered = select(sharing.c.document, sharing.c.other, place.label("place")).join(row, true())
    return numbered.where(row.collection_id == collection_id, row.state == READY, original, older).subquery()


def _before(one: type[DocumentRow], other: type[DocumentRow]) -> ColumnElement[bool]:
    return or_(one.created_at < other.created_at, (one.created_at == other.created_at) & (one.id < other.id))


def bands(collection_id: uuid.UUID, signature: bytes) -> list[int]:
    """Of a packed signature. Those of different collections are never equal."""
    size = ROWS * np.dtype(np.uint32).itemsize
    parts = [signature[at * size : (at + 1) * size] for at in range(BANDS)]
    hashed = [
        hashlib.blake2b(part, digest_size=8, salt=bytes([at]).ljust(16, b"\0"), key=collection_id.bytes) for at, part in enumerate(parts)
    ]
    return [int.from_bytes(one.digest(), signed=True) for one in hashed]


def similarity(one: bytes, other: bytes) -> float:
    """Share of equal groups of words that two packed signatures tell of."""
    return float(np.mean(np.frombuffer(one, np.uint32) == np.frombuffer(other, np.uint32)))
