"""What somebody may do with collections: all of the organisation's, which an editor may change."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy.exc import IntegrityError

from api.audit.trail import Trail
from api.documents.repository import CollectionRepository
from api.documents.schemas import ChunkingBody, CollectionAnswer, CollectionBody, CollectionPatch
from api.web.deps import Parts
from api.web.principal import Principal
from cluster.contracts.models import ModelKind, ModelState
from cluster.contracts.perception import TokenSpansRequest
from cluster.errors import Conflict, TooLarge, Unprocessable
from cluster.knowledge.shelf import Shelf
from cluster.knowledge.tables import Collection
from cluster.specs.loader import nearest
from cluster.stores.sql import AsyncSession

PROBE = "How many tokens this model reads."
# A collection's embedding model, and how its documents are cut.
Indexing = tuple[str, dict[str, Any]]


class Collections:
    def __init__(self, session: AsyncSession, parts: Parts, who: Principal, trail: Trail) -> None:
        self._rows = CollectionRepository(session, who.organisation_id)
        self._session = session
        self._parts = parts
        self._who = who
        self._trail = trail

    async def create(self, body: CollectionBody) -> CollectionAnswer:
        """Raises Conflict for a name that is taken, TooLarge when there are ``ingest.collections`` already."""
        # The model first: it may have to be loaded, which no transaction waits for.
        model = await self._embedding_model(body.embedding_model)
        chunking = await self._chunking(body.chunking, model)
        most = self._parts.settings.ingest.collections
        if await self._rows.count() >= most:
            raise TooLarge(f"The organisation has {most} collections, and no more are made (setting ingest.collections); remove one.")
        row = Collection(
            id=uuid.uuid4(),
            organisation_id=self._who.organisation_id,
            owner_id=self._who.user_id,
            name=body.name,
            description=body.description,
            embedding_model=model,
            chunking=chunking,
            retrieval=body.retrieval,
        )
        self._rows.add(row)
        await self._flush(body.name)
        self._trail.record("collection.created", f"collection:{row.id}")
        return CollectionAnswer.of(row, {})

    async def all(self, after: str | None, most: int) -> list[CollectionAnswer]:
        rows = await self._rows.page(after, most)
        states = await self._rows.states([row.id for row in rows])
        return [CollectionAnswer.of(row, states[row.id]) for row in rows]

    async def get(self, collection_id: uuid.UUID) -> CollectionAnswer:
        return await self._answer(await self._rows.get(collection_id))

    async def change(self, collection_id: uuid.UUID, body: CollectionPatch) -> tuple[CollectionAnswer, bool]:
        """And whether its documents wait to be indexed again. Raises Conflict when somebody else changed how it is indexed meanwhile."""
        indexing = await self._indexing(collection_id, body)
        row = await self._rows.get(collection_id, lock=True)
        for name, value in body.model_dump(exclude_none=True, include={"name", "description", "retrieval"}).items():
            setattr(row, name, value)
        again = indexing is not None and self._index_by(row, *indexing)
        await self._flush(row.name)
        if again:
            await Shelf(self._session, row.id).again()
        self._trail.record("collection.changed", f"collection:{row.id}", fields=sorted(body.model_fields_set))
        return await self._answer(row), again

    async def mark(self, collection_id: uuid.UUID) -> None:
        """From now on it is found nowhere; whoever sees the mark removes it."""
        row = await self._rows.get(collection_id, lock=True)
        row.is_removing = True
        # Its name is free at once.
        row.name = f"{row.id}"
        self._trail.record("collection.deleted", f"collection:{row.id}")

    async def _answer(self, row: Collection) -> CollectionAnswer:
        return CollectionAnswer.of(row, (await self._rows.states([row.id]))[row.id])

    async def _indexing(self, collection_id: uuid.UUID, body: CollectionPatch) -> tuple[Indexing, Indexing] | None:
        """How the collection is indexed and how it is to be, where ``body`` says so.

        Read in a transaction of its own: the model that is asked may have to be loaded, and nobody's row is locked meanwhile.
        """
        if body.embedding_model is None and body.chunking is None:
            return None
        async with self._parts.stores.database.session() as session:
            row = await CollectionRepository(session, self._who.organisation_id).get(collection_id)
            before = (row.embedding_model, row.chunking)
        model = before[0] if body.embedding_model is None else await self._embedding_model(body.embedding_model)
        return before, (model, await self._chunking(body.chunking or ChunkingBody(**before[1]), model))

    def _index_by(self, row: Collection, before: Indexing, wanted: Indexing) -> bool:
        """Whether that changes anything."""
        if (row.embedding_model, row.chunking) != before:
            raise Conflict(f"How the collection '{row.name}' is indexed was changed by somebody else meanwhile; look, and send it again.")
        row.embedding_model, row.chunking = wanted
        return wanted != before

    async def _flush(self, name: str) -> None:
        try:
            await self._rows.flush()
        except IntegrityError:
            raise Conflict(f"There is a collection '{name}' already; choose another name.") from None

    async def _embedding_model(self, asked: str | None) -> str:
        """The one that is asked for, or the profile's first that can answer."""
        models = [model for model in await self._parts.gateway.models() if model.kind is ModelKind.EMBEDDING]
        usable = [model.id for model in models if model.state not in {ModelState.NOT_PULLED, ModelState.REJECTED}]
        if asked is None and usable:
            return usable[0]
        if asked in usable:
            return asked
        hint = nearest(asked, usable) if asked and usable else None
        known = f"did you mean '{hint}'?" if hint else f"there is: {', '.join(usable) or 'none; add one to the profile'}."
        raise Unprocessable(f"No embedding model '{asked or ''}' can answer here; {known}").about("embedding_model")

    async def _chunking(self, body: ChunkingBody, model: str) -> dict[str, Any]:
        _check(body)
        if body.strategy == "tokens":
            most = (await self._parts.gateway.token_spans(TokenSpansRequest(model, PROBE))).most
            if body.size > most:
                raise Unprocessable(f"Chunks of {body.size} tokens are longer than the {most} that '{model}' reads.").about("chunking.size")
        return body.model_dump()


def _check(body: ChunkingBody) -> None:
    if body.overlap >= body.size:
        raise Unprocessable(f"An overlap of {body.overlap} does not fit chunks of {body.size}: make it smaller than they are.").about(
            "chunking.overlap"
        )
    if body.strategy == "parents" and body.parent_size <= body.size:
        raise Unprocessable(f"Parents of {body.parent_size} are no larger than chunks of {body.size}.").about("chunking.parent_size")
