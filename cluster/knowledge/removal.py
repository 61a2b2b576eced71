"""Taking documents out of everything that has something of them: index, files, rows, in this order.

A row that is marked is found nowhere any more. It goes last, so that whatever is interrupted is taken up again by whoever sees the mark.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from anyio import to_thread
from sqlalchemy import delete, select, update

from cluster.files import FileStore
from cluster.knowledge.tables import Collection, DocumentRow, DocumentState
from cluster.stores.sql import Database
from cluster.vectors import VectorStore

REMOVING = DocumentState.REMOVING.value
BATCH = 500


@dataclass(frozen=True, slots=True)
class Remover:
    """Belongs to one event loop. Any number may work at once, in any processes: each step finds done what another did."""

    database: Database
    vectors: VectorStore
    files: FileStore

    async def documents(self, marked: Iterable[uuid.UUID]) -> None:
        """Removes documents that are marked, with all that came in them."""
        rows = await self._with_members(list(marked))
        for row in rows:
            await self.vectors.delete_document(str(row.organisation_id), str(row.id))
            if row.file_id is not None:
                await to_thread.run_sync(self.files.remove, row.organisation_id, row.file_id)
        async with self.database.session() as session:
            await session.execute(delete(DocumentRow).where(DocumentRow.id.in_([row.id for row in rows])))

    async def collection(self, collection_id: uuid.UUID) -> None:
        """Removes a collection that is marked, with all its documents."""
        async with self.database.session() as session:
            organisation = await session.scalar(select(Collection.organisation_id).where(Collection.id == collection_id))
            of_it = DocumentRow.collection_id == collection_id
            await session.execute(update(DocumentRow).where(of_it).values(state=REMOVING))
            files = [file_id for file_id in await session.scalars(select(DocumentRow.file_id).where(of_it)) if file_id is not None]
        if organisation is None:
            return
        await self.vectors.delete_collection(str(organisation), str(collection_id))
        for file_id in files:
            await to_thread.run_sync(partial(self.files.remove, organisation, file_id))
        async with self.database.session() as session:
            await session.execute(delete(Collection).where(Collection.id == collection_id, Collection.is_removing))

    async def interrupted(self) -> None:
        """Takes up what is marked, of every organisation."""
        async with self.database.session() as session:
            collections = list(await session.scalars(select(Collection.id).where(Collection.is_removing).limit(BATCH)))
            documents = list(await session.scalars(select(DocumentRow.id).where(DocumentRow.state == REMOVING).limit(BATCH)))
        for collection_id in collections:
            await self.collection(collection_id)
        await self.documents(documents)

    async def unclaimed_files(self, older_s: float) -> int:
        """Removes documents' files that no row names, which interrupted uploads leave; how many there were."""
        found = await to_thread.run_sync(lambda: list(self.files.leftovers(older_s)))
        count = 0
        for start in range(0, len(found), BATCH):
            batch = found[start : start + BATCH]
            async with self.database.session() as session:
                chosen = select(DocumentRow.file_id).where(DocumentRow.file_id.in_([file_id for _, file_id in batch]))
                known = set(await session.scalars(chosen))
            for organisation_id, file_id in batch:
                if file_id not in known:
                    await to_thread.run_sync(self.files.remove, organisation_id, file_id)
                    count += 1
        return count

    async def _with_members(self, marked: Sequence[uuid.UUID]) -> list[DocumentRow]:
        async with self.database.session() as session:
            of_them = DocumentRow.id.in_(marked) | DocumentRow.root_id.in_(marked)
            await session.execute(update(DocumentRow).where(DocumentRow.root_id.in_(marked)).values(state=REMOVING))
            return list(await session.scalars(select(DocumentRow).where(of_them, DocumentRow.state == REMOVING)))
