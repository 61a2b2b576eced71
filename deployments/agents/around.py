"""What runs reach beyond models and tools: collections, and files."""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from collections.abc import Sequence

from cluster.batches.files import Files, file_store
from cluster.batches.names import file_id_of
from cluster.contracts.generation import JsonObject
from cluster.errors import TooLarge, Unprocessable
from cluster.gateway import ModelGateway
from cluster.home import Home
from cluster.knowledge.searching import KnowledgeSearch, Where
from cluster.retrieval.passages import Found, Passage
from cluster.settings import Settings
from cluster.stores.sql import Database
from cluster.tools.workspaces import Workspaces
from cluster.vectors import VectorStore
from deployments.agents.services import Passages

DATA = "data:"


class CollectionSearch:
    """Implements Finding."""

    def __init__(self, gateway: ModelGateway, vectors: VectorStore, database: Database, settings: Settings) -> None:
        self._gateway = gateway
        self._vectors = vectors
        self._database = database
        self._home = settings.home

    async def find(
        self, organisation_id: uuid.UUID, question: str, collections: Sequence[str] | None, settings: str, limit: int | None
    ) -> Passages:
        search = KnowledgeSearch(organisation_id, self._gateway, self._vectors, self._database, self._home)
        where = await search.where(collections, settings)
        found = await search.find(where, question, limit=limit)
        return Passages(tuple(_told(number, one, where) for number, one in enumerate(found.passages, start=1)), _spent(found))


def _told(number: int, passage: Passage, where: Where) -> JsonObject:
    collection = passage.chunk.collection
    return {
        "number": number,
        "text": passage.text,
        "document": passage.chunk.document,
        "path": passage.path,
        "page": passage.page,
        "score": passage.score,
        "collection": where.names.get(collection, collection),
    }


def _spent(found: Found) -> tuple[tuple[str, int], ...]:
    return found.spent


class StoredMedia:
    """Implements Media."""

    def __init__(self, database: Database, settings: Settings) -> None:
        home = Home(settings.home)
        self._database = database
        self._most = int(settings.tools.file_bytes)
        self._files = file_store(home)
        self._workspaces = Workspaces(home.workspaces, settings.tools)

    async def read(self, organisation_id: uuid.UUID, workspace: str, place: str) -> bytes:
        if place.startswith(DATA):
            return self._within(place)
        file_id = file_id_of(place)
        if file_id is not None:
            return await self._uploaded(organisation_id, file_id)
        return await asyncio.to_thread(self._workspaces.of(organisation_id, workspace).read, place)

    def _within(self, url: str) -> bytes:
        head, _, content = url.partition(",")
        if not head.endswith(";base64"):
            raise Unprocessable("A 'data:' URL is to be in Base64: data:image/png;base64,...")
        if len(content) > self._most * 4 // 3 + 4:
            raise self._too_large(len(content) * 3 // 4)
        try:
            return base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise Unprocessable(f"A 'data:' URL is not Base64 ({error}); encode the file's bytes once.") from None

    async def _uploaded(self, organisation_id: uuid.UUID, file_id: uuid.UUID) -> bytes:
        async with self._database.session() as session:
            row = await Files(session).get(organisation_id, file_id)
        if row.bytes > self._most:
            raise self._too_large(row.bytes)
        return await asyncio.to_thread(self._files.path(organisation_id, file_id).read_bytes)

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(f"The file has {size} bytes, at most {self._most} are taken (setting tools.file_bytes).")
