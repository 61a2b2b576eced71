"""Tools at work in an organisation of one's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from api.web.principal import Role as PersonRole
from cluster.contracts.generation import JsonObject
from cluster.errors import NotFound
from cluster.fakes.gateway import FakeGateway
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Journal
from cluster.settings import Settings, ToolSettings
from cluster.stores.clients import StoreClients
from cluster.tools.builtin.base import Around
from cluster.tools.calls import Wanted
from cluster.tools.starting import StartedRun
from cluster.tools.tables import ToolCallRow
from cluster.tools.tool import Role, ToolCaller, ToolResult
from cluster.tools.toolbox import HearthTools, RemoteTools
from cluster.tools.workspaces import Workspaces
from cluster.vectors import VectorStore
from tests.api.fixtures.people import Person, add_person


@dataclass
class FakeStarter:
    """A GraphStarter whose runs have ended after ``looks`` looks."""

    looks: int = 2
    runs: dict[str, StartedRun] = field(default_factory=dict)
    callers: list[ToolCaller] = field(default_factory=list)

    async def start(self, graph: str, given: JsonObject, caller: ToolCaller, *, task: bool = False) -> StartedRun:
        self.callers.append(caller)
        if graph != "greet":
            raise NotFound(f"There is no graph '{graph}'; did you mean 'greet'?")
        return self.runs.setdefault(caller.key, StartedRun(uuid.uuid4(), graph, "queued"))

    async def look(self, organisation_id: uuid.UUID, run_id: uuid.UUID) -> StartedRun:
        for run in self.runs.values():
            if run.run_id == run_id:
                self.looks -= 1
                return replace(run, state="succeeded", output={"answer": "Hello."}) if self.looks <= 0 else replace(run, state="running")
        raise NotFound("There is no such run.")


@dataclass
class Bench:
    person: Person
    tools: HearthTools
    around: Around
    gateway: FakeGateway
    starter: FakeStarter
    stores: StoreClients

    def caller(self, role: Role = "editor", key: str | None = None, **changes: Any) -> ToolCaller:
        person = self.person
        return ToolCaller(person.organisation_id, person.user_id, role, "run-1", key or uuid.uuid4().hex, **changes)

    async def call(self, tool: str, /, **arguments: Any) -> ToolResult:
        return await self.tools.call(tool, arguments, self.caller())

    async def rows(self) -> Sequence[ToolCallRow]:
        """The latest first."""
        return await self.tools.history.page(self.person.organisation_id, Wanted(), 100)

    def with_settings(self, remote: RemoteTools | None = None, **tools: Any) -> Bench:
        """The same with other settings of tools; nothing of it needs closing but ``remote``."""
        settings = self.around.settings.model_copy(update={"tools": ToolSettings(**tools)})
        around = replace(self.around, settings=settings, workspaces=Workspaces(settings.home / uuid.uuid4().hex, settings.tools))
        return replace(self, tools=HearthTools(around, remote), around=around)


@asynccontextmanager
async def benched(stores: StoreClients, settings: Settings, vectors: VectorStore, folder: Path) -> AsyncIterator[Bench]:
    person = await add_person(stores, PersonRole.ADMIN)
    gateway, starter = FakeGateway(), FakeStarter()
    outgoing = Outgoing(settings, Journal(stores.database))
    around = Around(settings, gateway, vectors, stores.database, outgoing, Workspaces(folder, settings.tools), starter)
    tools = HearthTools(around)
    yield Bench(person, tools, around, gateway, starter, stores)
    await tools.close()
    await outgoing.close()
