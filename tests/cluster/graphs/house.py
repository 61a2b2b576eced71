"""Where runs of the tests live: an organisation, a queue without anybody else's runs, and settings that are quick."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from cluster.graphs.claims import Claims
from cluster.graphs.owning import Ownership, is_alive
from cluster.graphs.pending import Pending
from cluster.graphs.runs import NewRun, Runs
from cluster.graphs.steps import StepLog
from cluster.graphs.table import GraphEvent, GraphRun, GraphStep
from cluster.settings import GraphSettings, Settings
from cluster.stores.clients import StoreClients
from cluster.stores.sql import Database
from tests.organisations import new_organisation
from tests.patience import PATIENCE_S

QUICK = GraphSettings(look_s=0.05, keepalive_s=0.2, concurrent_per_organisation=2, max_attempts=3)
SPEC = {"main": {"name": "letters"}, "graphs": {}, "prompts": {}}


@dataclass(frozen=True)
class House:
    stores: StoreClients
    settings: Settings
    organisation_id: uuid.UUID
    owner_id: uuid.UUID

    @property
    def database(self) -> Database:
        return self.stores.database

    @property
    def graphs(self) -> GraphSettings:
        return self.settings.graphs

    @property
    def claims(self) -> Claims:
        return Claims(self.database, self.graphs)

    async def neighbour(self, **changes: Any) -> House:
        graphs = self.graphs.model_copy(update=changes)
        return await found(self.stores, self.settings.model_copy(update={"graphs": graphs}))

    def limited(self, **changes: Any) -> House:
        """The same with other settings."""
        settings = self.settings.model_copy(update={"graphs": self.graphs.model_copy(update=changes)})
        return House(self.stores, settings, self.organisation_id, self.owner_id)

    def new(self, **changes: Any) -> NewRun:
        fixed: dict[str, Any] = {"graph": "letters", "version": 1, "spec": SPEC, "input": {"question": "who?"}, "role": "editor"}
        return NewRun(organisation_id=self.organisation_id, owner_id=self.owner_id, **(fixed | changes))

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[Runs]:
        async with self.database.session() as session:
            yield Runs(session, self.graphs)

    async def add(self, **changes: Any) -> GraphRun:
        async with self.runs() as runs:
            return await runs.enqueue(self.new(**changes))

    async def look(self, run: GraphRun) -> GraphRun:
        async with self.runs() as runs:
            return await runs.get(self.organisation_id, run.id)

    async def act(self, what: str, run: GraphRun, *words: Any, **more: Any) -> GraphRun:
        """One of the methods of Runs that take a locked run."""
        async with self.runs() as runs:
            locked = await runs.get(self.organisation_id, run.id, lock=True)
            acted: GraphRun = await getattr(runs, what)(locked, *words, **more)
            return acted

    async def events(self, run: GraphRun, kind: str | None = None) -> list[GraphEvent]:
        async with self.runs() as runs:
            return [event for event in await runs.events(run.id, 0, 1000) if kind in (None, event.kind)]

    async def states(self, run: GraphRun) -> list[str]:
        return [event.data["state"] for event in await self.events(run, "state")]

    async def steps(self, run: GraphRun) -> dict[str, GraphStep]:
        async with self.runs() as runs:
            return {step.key: step for step in await runs.steps(run.id, 1000)}

    async def running(self, worker: int = 1, **changes: Any) -> GraphRun:
        """A run that somebody carries on."""
        run = await self.add(**changes)
        (claimed,) = await self.claims.claim(worker, 1)
        assert claimed.id == run.id
        return claimed

    def log(self, run: GraphRun, attempt: int | None = None) -> StepLog:
        return StepLog(self.database, self.graphs, run.id, run.attempt if attempt is None else attempt)

    async def asking(self, *nodes: str) -> GraphRun:
        """A run that waits for a person."""
        run = await self.running()
        asks = [Pending(node, f"{node}#1", "human", "Shall it?", None, {"type": "boolean"}) for node in nodes]
        waiting = await self.claims.wait(run.id, run.attempt, asks, None)
        assert waiting is not None
        return waiting

    @asynccontextmanager
    async def process(self) -> AsyncIterator[Ownership]:
        """One that lives for as long as the block lasts, and not a moment longer."""
        ownership = Ownership(self.settings)
        await ownership.start()
        try:
            yield ownership
        finally:
            await ownership.stop()
            await self.until_gone(ownership.worker)

    async def alive(self, worker: int) -> bool:
        async with self.database.session() as session:
            return await is_alive(session, worker)

    async def until_gone(self, worker: int) -> None:
        """PostgreSQL notices a moment later that a connection was closed."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.alive(worker):  # noqa: ASYNC110 - PostgreSQL tells nobody
                await asyncio.sleep(0.01)

    async def execute(self, statement: str, **values: Any) -> list[Any]:
        async with self.database.session() as session:
            done: Any = await session.execute(text(statement), values)
            return list(done.all()) if done.returns_rows else []


async def found(stores: StoreClients, settings: Settings) -> House:
    """A new organisation with one member."""
    organisation, user = await new_organisation(stores.database)
    return House(stores, settings, organisation, user)


async def forget_runs(stores: StoreClients) -> None:
    """Whoever claims, claims any organisation's."""
    async with stores.database.session() as session:
        await session.execute(text("DELETE FROM graph_runs"))
