"""The index follows the database: what was committed is written to it afterwards, again and again until it is done.

Every change counts an item's ``revision`` up; a loop in each API process follows items whose ``indexed_revision`` is behind. A process that
dies at any moment leaves an item that is behind, and another process, or the same one after its start, follows it: writing to the index can
be repeated. The database notes every item that is deleted, and the note goes when the index has nothing of the item.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

import structlog
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from api.knowledge.access import COLLECTION, access_of, lasting
from api.knowledge.finding import Finding
from api.knowledge.repository import IndexRows, Reader
from api.knowledge.suggesting import NEAR, suggested
from api.knowledge.tables import KnowledgeItem, KnowledgeShare
from api.semantic.models import Asking, space_of
from api.web.deps import Parts
from cluster.contracts.retrieval import ChunkRecord, Point, Span
from cluster.ending import end
from cluster.errors import HearthError, ModelNotFound
from cluster.stores.sql import AsyncSession
from cluster.text.chunking import Chunking, chunk
from cluster.text.plain import plain

log = structlog.get_logger(__name__)


class Indexer:
    """Belongs to one event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings = parts.settings.knowledge
        self._chunking = Chunking.of(parts.settings.ingest)
        self._asking = Asking(parts)
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._model = ""

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._run())]

    async def stop(self) -> None:
        """What is being followed is left to others, or to the next start."""
        await end(self._tasks)

    def after(self, session: AsyncSession) -> None:
        """Look as soon as ``session`` has committed."""
        event.listen(session.sync_session, "after_commit", lambda _: self.wake(), once=True)

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    async def sweep(self) -> int:
        """Follows what is due; how many items were brought up to date."""
        model = await self._current_model()
        async with self._parts.stores.database.session() as session:
            rows = IndexRows(session)
            gone, due = await rows.gone(self._settings.batch), await rows.due(self._settings.batch)
        done = [await self._forget(item_id) for item_id in gone] + [await self._follow(item_id, model) for item_id in due]
        return sum(done)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                while await self.sweep():
                    pass
            except (HearthError, SQLAlchemyError, OSError) as error:
                log.warning("items could not be indexed; it is tried again", error=type(error).__name__)
            await self._until_woken()

    async def _until_woken(self) -> None:
        try:
            async with asyncio.timeout(self._settings.sweep_s):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _current_model(self) -> str:
        """After a change of the profile, everything is due again. Empty where there is none: items are removed all the same."""
        try:
            model = await lasting(self._parts.gateway)
        except ModelNotFound:
            return ""
        if model != self._model:
            async with self._parts.stores.database.session() as session:
                await IndexRows(session).again(model)
            self._model = model
        return model

    async def _forget(self, item_id: uuid.UUID) -> bool:
        """A deleted item's chunks go, then the note that it is gone."""
        async with self._parts.stores.database.session() as session:
            rows = IndexRows(session)
            gone = await rows.claim_gone(item_id)
            if gone is not None:
                await self._parts.vectors.delete_document(str(gone.organisation_id), str(item_id))
                await rows.forget(gone)
        return gone is not None

    async def _follow(self, item_id: uuid.UUID, model: str) -> bool:
        try:
            async with self._parts.stores.database.session() as session:
                rows = IndexRows(session)
                row = await rows.claim(item_id)
                if row is not None:
                    await self._write(row, await rows.shares(item_id), model)
                    await rows.followed(item_id, row.revision, model)
            if row is not None and row.category is None and row.proposal is None:
                await self._propose(row)
        except HearthError as error:
            log.warning("an item could not be indexed; it is tried again later", item=str(item_id), code=error.code)
            async with self._parts.stores.database.session() as session:
                limits = self._settings.first_retry_s, self._settings.longest_retry_s
                await IndexRows(session).failed(item_id, error.message, *limits)
            return False
        return row is not None

    async def _propose(self, row: KnowledgeItem) -> None:
        """A category and tags as items have that say something alike, as far as the owner sees them; for somebody to confirm."""
        finding = Finding(self._asking, Reader(row.organisation_id, row.owner_id))
        text = f"{row.title}\n{row.content}"[: self._chunking.size]
        try:
            near = [one for one in await finding.neighbours(text, self._settings.suggestions, row.id) if one.score >= NEAR]
        except HearthError as error:
            # Anybody can still ask for a proposal.
            log.info("no category was proposed", item=str(row.id), code=error.code)
            return
        proposal = suggested(text, near, await finding.tags_of([one.item_id for one in near]), {})
        if proposal.category is not None or proposal.tags:
            async with self._parts.stores.database.session() as session:
                await IndexRows(session).propose(row.id, row.version, proposal.model_dump(mode="json"))

    async def _write(self, row: KnowledgeItem, shares: Sequence[KnowledgeShare], model: str) -> None:
        """All chunks of this revision, and then none of an earlier one."""
        if not model:
            raise ModelNotFound("No embedding model of this machine can run; add one to the profile.")
        pieces = await asyncio.to_thread(lambda: list(chunk(plain(row.content), self._chunking)))
        # The title gives each chunk its subject, and is found by itself, too.
        texts = [row.title, *(f"{row.title}\n{piece.text}" for piece in pieces)]
        found = await self._asking.embed(texts, model)
        spans = [("", Span(0, 0)), *((piece.text, Span(piece.start, piece.end)) for piece in pieces)]
        access, space = access_of(row, shares), space_of(model, found)
        organisation, item = str(row.organisation_id), str(row.id)
        points = [
            Point(
                ChunkRecord(
                    organisation,
                    COLLECTION,
                    item,
                    row.revision,
                    number,
                    text or row.title,
                    span,
                    tags=access,
                    attributes={"kind": row.kind} | ({} if row.category is None else {"category": row.category}),
                ),
                vector,
            )
            for number, ((text, span), vector) in enumerate(zip(spans, found.vectors, strict=True))
        ]
        most = self._parts.settings.vectors.points_per_write
        for start in range(0, len(points), most):
            await self._parts.vectors.upsert(organisation, space, points[start : start + most])
        await self._parts.vectors.delete_document(organisation, item, keep_version=row.revision)
