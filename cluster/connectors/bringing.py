"""From a source into a collection: what is new or changed becomes documents, the way an upload does."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from anyio import to_thread
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from cluster.connectors.base import Connector, Fetched, Item, said
from cluster.connectors.tables import BroughtItem
from cluster.errors import BadInput, Conflict, HearthError, NotFound, RemoteFailed
from cluster.files import FileStore, Stored
from cluster.jobs.kinds import JOB_KINDS
from cluster.jobs.store import Jobs, NewJob
from cluster.jobs.table import Job
from cluster.knowledge.intake import Intake
from cluster.knowledge.names import MOST_CHARS, checked
from cluster.settings import Settings
from cluster.stores.sql import AsyncSession, Database

# Of one item; whatever else is raised ends the run.
ITEM_TROUBLE = (BadInput, RemoteFailed, NotFound, Conflict)
Told = Callable[[Counter[str], str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Goal:
    """Where items are brought, on whose word. ``source``: see :func:`source_of`. ``wanted``: ids of items; empty: all there are, up
    to ``most``."""

    collection_id: uuid.UUID
    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    source: str
    wanted: Sequence[str] = ()
    most: int = 10_000


def source_of(connector: str, options: dict[str, Any]) -> str:
    """The same for the same connector with the same options."""
    return _digest(json.dumps([connector, options], sort_keys=True))


class Bringing:
    """One run. Belongs to one event loop. ``tell``: is called after each item, with the counts (``new``, ``changed``, ``unchanged``,
    ``failed``) and what is to be said of the item; what it raises ends the run."""

    def __init__(self, database: Database, files: FileStore, settings: Settings, goal: Goal, tell: Told) -> None:
        self._database = database
        self._files = files
        self._settings = settings
        self._goal = goal
        self._tell = tell
        self._counts: Counter[str] = Counter()
        self._paths: dict[str, str] = {}

    async def run(self, connector: Connector) -> dict[str, int]:
        """How many items were of which kind. Raises what looking at the source raises; what was brought stays, and the next run goes on."""
        async with aclosing(self._items(connector)) as items:
            async for item in items:
                await self._bring(connector, item)
                if self._counts.total() >= self._goal.most:
                    break
        return {name: self._counts[name] for name in ("new", "changed", "unchanged", "failed")}

    async def _items(self, connector: Connector) -> AsyncGenerator[Item]:
        left = set(self._goal.wanted)
        async with aclosing(connector.discover()) as found:
            async for item in found:
                if not self._goal.wanted:
                    yield item
                elif item.id in left:
                    left.discard(item.id)
                    yield item
                    if not left:
                        break
        for missing in sorted(left):
            yield Item(missing, missing, problem="The source has no such item.")

    async def _bring(self, connector: Connector, item: Item) -> None:
        try:
            outcome, remark = await self._brought(connector, item), ""
        except ITEM_TROUBLE as error:
            outcome, remark = "failed", f"{item.path}: {said(error)}"
        self._counts[outcome] += 1
        await self._tell(self._counts, remark)

    async def _brought(self, connector: Connector, item: Item) -> str:
        if item.problem is not None:
            raise RemoteFailed(item.problem)
        mark = await self._mark(item)
        if mark is not None and mark == item.mark:
            return "unchanged"
        fetched = item.found or await connector.fetch(item.id, mark)
        if fetched is None:
            return "unchanged"
        stored = await to_thread.run_sync(self._files.write, self._goal.organisation_id, io.BytesIO(fetched.content))
        unused = [stored.id]
        try:
            outcome, unused = await self._enter(item, fetched, stored)
        except HearthError:
            await self._forget(unused)
            raise
        await self._forget(unused)
        return outcome

    async def _enter(self, item: Item, fetched: Fetched, stored: Stored) -> tuple[str, list[uuid.UUID]]:
        """The document and the mark, in one transaction: neither is there without the other."""
        goal, path = self._goal, self._path(item)
        async with self._database.session() as session:
            intake = Intake(session, goal.collection_id, goal.organisation_id, goal.owner_id, self._settings.ingest, self._enqueue)
            entered = await intake.enter({path: stored})
            entry = entered.entries[0]
            key = {"collection_id": goal.collection_id, "source": goal.source, "item": _digest(item.id)}
            values = {"document_id": entry.document_id, "path": path, "mark": fetched.mark or item.mark, "brought_at": func.now()}
            writing = insert(BroughtItem).values(**key, **values)
            await session.execute(writing.on_conflict_do_update(index_elements=list(key), set_=values))
        return entry.outcome, entered.unused

    async def _mark(self, item: Item) -> str | None:
        chosen = select(BroughtItem.mark).where(
            BroughtItem.collection_id == self._goal.collection_id,
            BroughtItem.source == self._goal.source,
            BroughtItem.item == _digest(item.id),
        )
        async with self._database.session() as session:
            return await session.scalar(chosen)

    def _path(self, item: Item) -> str:
        """Of its own for each item of a run."""
        path = checked(item.path)
        if self._paths.setdefault(path, item.id) == item.id:
            return path
        stem, dot, ending = path.rpartition(".")
        stem, dot, ending = (stem, dot, ending) if dot and "/" not in ending else (path, "", "")
        return f"{stem[: MOST_CHARS - 40]}-{_digest(item.id)[:12]}{dot}{ending[:20]}"

    async def _enqueue(self, session: AsyncSession, new: NewJob) -> Job:
        return await Jobs(session).enqueue(new, JOB_KINDS, self._settings.jobs)

    async def _forget(self, files: Sequence[uuid.UUID]) -> None:
        for file_id in files:
            await to_thread.run_sync(partial(self._files.remove, self._goal.organisation_id, file_id))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
