"""What tests of the knowledge base do with items."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from sqlalchemy import func, select

from api.knowledge.access import COLLECTION
from api.knowledge.tables import KnowledgeGone, KnowledgeItem
from cluster.contracts.retrieval import ChunkRecord, Filters, Space
from cluster.fakes.answers import DIMENSIONS
from cluster.stores.clients import StoreClients
from cluster.vectors import VectorStore
from tests.api.fixtures.house import Someone
from tests.patience import PATIENCE_S

URL = "/api/v1/knowledge"
ITEMS = f"{URL}/items"
SPACE = Space("fake-embedder", "fake-float32", DIMENSIONS)


def data_of(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def keep(someone: Someone, **fields: object) -> dict[str, Any]:
    """A new item."""
    made: dict[str, Any] = data_of(await someone.client.post(ITEMS, json={"title": "Goats", "content": "Goats are fed at six."} | fields))
    return made


async def found(someone: Someone, query: str, **fields: object) -> list[str]:
    """Ids of the items that a search gives."""
    hits = data_of(await someone.client.post(f"{URL}/search", json={"query": query} | fields))["hits"]
    return [hit["item_id"] for hit in hits]


async def settled(stores: StoreClients, organisation_id: uuid.UUID) -> None:
    """Returns when the index has followed all changes of the organisation."""

    async def follows() -> bool:
        return not await _behind(stores, organisation_id)

    await until(follows)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds, or fail in the end."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - what is waited for does not know that anybody waits
            await asyncio.sleep(0.02)


async def _behind(stores: StoreClients, organisation_id: uuid.UUID) -> int:
    async with stores.database.session() as session:
        due = select(func.count()).where(
            KnowledgeItem.organisation_id == organisation_id, KnowledgeItem.indexed_revision < KnowledgeItem.revision
        )
        gone = select(func.count()).where(KnowledgeGone.organisation_id == organisation_id)
        return (await session.scalar(due) or 0) + (await session.scalar(gone) or 0)


async def indexed(vectors: VectorStore, someone: Someone, item_id: str) -> tuple[ChunkRecord, ...]:
    """What the index has of an item."""
    chosen = Filters(collections=(COLLECTION,), documents=(item_id,))
    return (await vectors.scroll(str(someone.organisation_id), SPACE, chosen)).chunks
