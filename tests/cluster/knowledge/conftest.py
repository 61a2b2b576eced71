from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from cluster.knowledge.shelf import Outcome, Shelf
from cluster.knowledge.tables import Collection, DocumentRow
from cluster.stores.clients import StoreClients
from tests.api.fixtures.people import add_person

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Library:
    """One collection of somebody's."""

    stores: StoreClients
    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    collection_id: uuid.UUID

    async def on_shelf(self, do: Callable[[Shelf], Awaitable[ResultT]]) -> ResultT:
        async with self.stores.database.session() as session:
            return await do(Shelf(session, self.collection_id))

    async def upload(self, path: str, **values: Any) -> DocumentRow:
        told: dict[str, Any] = {"content_hash": path, "file_id": uuid.uuid4(), **values}
        row = DocumentRow(
            id=uuid.uuid4(),
            organisation_id=self.organisation_id,
            owner_id=self.owner_id,
            collection_id=self.collection_id,
            path=path,
            **told,
        )
        async with self.stores.database.session() as session:
            session.add(row)
        return row

    async def change(self, row: DocumentRow, **values: Any) -> None:
        async with self.stores.database.session() as session:
            found = await session.get_one(DocumentRow, row.id)
            for name, value in values.items():
                setattr(found, name, value)

    async def look(self, document: uuid.UUID) -> DocumentRow | None:
        async with self.stores.database.session() as session:
            return await session.get(DocumentRow, document)

    def outcome(self, row: DocumentRow, **values: Any) -> Outcome:
        told: dict[str, Any] = {"version": row.version, "path": row.path, "content_hash": row.content_hash, "chunks": 2, **values}
        return Outcome(row.id, row.id, **told)


@pytest.fixture
async def library(stores: StoreClients) -> Library:
    person = await add_person(stores)
    row = Collection(
        id=uuid.uuid4(),
        organisation_id=person.organisation_id,
        owner_id=person.user_id,
        name="books",
        embedding_model="tiny",
        chunking={},
    )
    async with stores.database.session() as session:
        session.add(row)
    return Library(stores, person.organisation_id, person.user_id, row.id)
