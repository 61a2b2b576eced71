"""MCP servers of an organisation, good ones and others, as tests of them need it."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from api.audit.trail import Origin, Trail
from api.secrets.schemas import SecretBody
from api.secrets.service import Vault
from api.web.principal import Principal, Role
from cluster.home import Home
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Journal
from cluster.secrets.keyring import KeyRing
from cluster.secrets.source import SecretSource
from cluster.settings import OutgoingSettings, ToolSettings
from cluster.tools.builtin.base import Around
from cluster.tools.remote.client import McpTools
from cluster.tools.tables import McpServer
from cluster.tools.toolbox import HearthTools
from cluster.tools.workspaces import Workspaces
from tests.cluster.tools.bench import Bench
from tests.patience import PATIENCE_S

SERVERS = Path(__file__).parent / "servers"
GOOD, BAD = str(SERVERS / "good.py"), str(SERVERS / "bad.py")


class Servers:
    """MCP servers of the bench's organisation."""

    def __init__(self, bench: Bench, port: int) -> None:
        self.bench = bench
        self.port = port
        self.remote: McpTools
        self.tools: HearthTools
        self.configure()

    def configure(self, *, reachable: bool = True, **tools: Any) -> None:
        allowed = (f"127.0.0.1:{self.port}",) if reachable else ()
        settings = self.bench.around.settings.model_copy(
            update={
                "tools": ToolSettings(commands=[sys.executable], **{"message_bytes": 2**20, "connect_s": 60, **tools}),
                "outgoing": OutgoingSettings.model_validate({"allowed": allowed}),
            }
        )
        around = self.bench.around
        self.outgoing = Outgoing(settings, Journal(around.database))
        self.workspaces = Workspaces(settings.home / uuid.uuid4().hex, settings.tools)
        self.remote = McpTools(around.database, self.outgoing, secrets(self.bench), self.workspaces, settings)
        parts = Around(settings, around.gateway, around.vectors, around.database, self.outgoing, self.workspaces)
        self.tools = HearthTools(parts, self.remote)

    async def add(self, name: str, **values: Any) -> McpServer:
        row = {"id": uuid.uuid4(), "organisation_id": self.bench.person.organisation_id, "name": name, **values}
        async with self.bench.stores.database.session() as session:
            await session.execute(insert(McpServer).values(row))
        return await self.get(name)

    async def good(self, **values: Any) -> McpServer:
        return await self.add("good", command=sys.executable, arguments=[GOOD], **values)

    async def bad(self, how: str, *more: str, **values: Any) -> McpServer:
        return await self.add("bad", command=sys.executable, arguments=[BAD, how, *more], **values)

    async def get(self, name: str) -> McpServer:
        return await self.remote.servers.get(self.bench.person.organisation_id, name)

    async def change(self, name: str, **values: Any) -> None:
        mine = (McpServer.organisation_id == self.bench.person.organisation_id, McpServer.name == name)
        async with self.bench.stores.database.session() as session:
            await session.execute(update(McpServer).where(*mine).values(version=McpServer.version + 1, **values))

    async def names(self) -> set[str]:
        return {spec.name for spec in await self.remote.specs(self.bench.person.organisation_id)}

    async def call(self, tool: str, /, **arguments: Any) -> Any:
        return await self.tools.call(tool, arguments, self.bench.caller())

    async def until(self, so: Callable[[set[str]], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if so(await self.names()):
                    return
                await asyncio.sleep(0.05)


def secrets(bench: Bench) -> SecretSource:
    return SecretSource.of(bench.stores.database, Home(bench.around.settings.home))


async def keep_secret(bench: Bench, name: str, value: str) -> None:
    who = Principal(bench.person.user_id, bench.person.organisation_id, Role.ADMIN)
    ring = KeyRing(Home(bench.around.settings.home).keys / "secrets.key")
    async with bench.stores.database.session() as session:
        vault = Vault(session, who, ring, Trail(session, Origin(None, None), who))
        await vault.create(SecretBody(name=name, description="", value=value))
