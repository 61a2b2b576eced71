"""The tools of an organisation's MCP servers: found, listed, called, over connections that are opened when they are needed."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

import structlog
from mcp.client._transport import TransportStreams
from mcp_types import CallToolResult
from sqlalchemy.exc import SQLAlchemyError

from cluster.contracts.generation import JsonObject
from cluster.errors import Conflict, HearthError, NotFound
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Asker
from cluster.secrets.source import SecretSource
from cluster.settings import Settings
from cluster.stores.sql import Database
from cluster.tools.remote.answering import Answering
from cluster.tools.remote.connection import Connection, is_unsent
from cluster.tools.remote.http import http_transport, sign_in
from cluster.tools.remote.listing import listing_of, names_in
from cluster.tools.remote.logins import SecretLogins, WithoutTokens, login_name
from cluster.tools.remote.oauth import ClientCredentials, Logins, OwnLogin, Person, PersonLogin, Signing
from cluster.tools.remote.results import result_of
from cluster.tools.remote.servers import McpServers, Reach, reach_of
from cluster.tools.remote.stdio import stdio_transport
from cluster.tools.tables import McpServer
from cluster.tools.tool import ToolCaller, ToolResult, ToolSpec
from cluster.tools.workspaces import Workspaces

log = structlog.get_logger(__name__)

ATTEMPTS = 2
# Seconds until a server that could not be listed is tried again by itself, and after which a change of its tools is looked at.
AGAIN_S = 30.0
SETTLE_S = 0.5
Key = tuple[uuid.UUID, int]
# What a tool gave back, and the secrets of its server.
Answered = tuple[CallToolResult, tuple[str, ...]]


class McpTools:
    """RemoteTools. Belongs to one event loop. Connections are this process's own; what servers list is everybody's, in the database."""

    def __init__(self, database: Database, outgoing: Outgoing, secrets: SecretSource, workspaces: Workspaces, settings: Settings) -> None:
        self.servers = McpServers(database)
        self._outgoing = outgoing
        self._secrets = secrets
        self._workspaces = workspaces
        self._settings = settings
        self._connections: dict[Key, Connection] = {}
        self._locks: dict[Key, asyncio.Lock] = {}
        self._tried: dict[Key, float] = {}
        self._looking: dict[Key, asyncio.Task[None]] = {}

    async def specs(self, organisation_id: uuid.UUID) -> Sequence[ToolSpec]:
        """As they were listed last; servers that were never listed are asked now, and left out where they do not answer."""
        rows = await self.servers.all(organisation_id, enabled=True)
        new = [row for row in rows if row.tools is None and time.monotonic() - self._tried.get(_key(row), -AGAIN_S) >= AGAIN_S]
        if new:
            await asyncio.gather(*(self._try(row) for row in new))
            rows = await self.servers.all(organisation_id, enabled=True)
        return [spec for _, spec, _ in names_in(rows).values()]

    async def call(self, spec: ToolSpec, arguments: JsonObject, caller: ToolCaller, timeout_s: float) -> ToolResult:
        server, tool = await self._named(caller.organisation_id, spec)
        seconds = min(timeout_s, server.timeout_s or timeout_s)
        async with asyncio.timeout(seconds):
            given, secrets = await self._called(server, tool, arguments, caller)
        workspace = partial(self._workspaces.of, caller.organisation_id, caller.workspace)
        return await result_of(given, spec, workspace, secrets, int(self._settings.tools.result_bytes))

    async def refresh(self, server: McpServer) -> None:
        """Asks the server for its tools, and keeps them. Raises what reaching it raises; that is kept as its problem."""
        self._tried[_key(server)] = time.monotonic()
        try:
            connection = await self._connected(server, None)
            async with asyncio.timeout(self._settings.tools.connect_s):
                tools = await connection.list()
        except TimeoutError:
            error = Conflict(f"The MCP server '{server.name}' did not list its tools within {self._settings.tools.connect_s:g} s.")
            await self.servers.failed(server, error.message)
            raise error from None
        except HearthError as error:
            await self.servers.failed(server, error.message)
            raise
        await self.servers.listed(server, *listing_of(tools, self._settings.tools.listed))

    async def sign_in(self, server: McpServer, person: Person, user_id: uuid.UUID) -> None:
        """Returns when ``person`` has signed in, and lists the server's tools then. Raises Conflict where nobody is asked to."""
        reach = await reach_of(server, self._secrets, self._settings.tools)
        auth = self._signing(reach, person)
        if not isinstance(auth, PersonLogin):
            raise Conflict(f"Nobody signs in at the MCP server '{server.name}'; its 'auth' is not of the kind 'authorization_code'.")
        await sign_in(reach, auth, self._outgoing, self._settings, self._asker(reach, user_id))
        await self.forget(server.id)
        await self._try(server)

    async def sign_out(self, server: McpServer) -> bool:
        """Forgets what signing in gave; whether anybody was."""
        await self.forget(server.id)
        return await self._secrets.forget(server.organisation_id, login_name(server.name))

    async def forget(self, server_id: uuid.UUID) -> None:
        """Closes its connections of this process; others do when they next look."""
        for key in [key for key in self._connections if key[0] == server_id]:
            await self._drop(key)

    async def close(self) -> None:
        for task in self._looking.values():
            task.cancel()
        await asyncio.gather(*self._looking.values(), return_exceptions=True)
        await asyncio.gather(*(self._drop(key) for key in list(self._connections)))

    async def _named(self, organisation_id: uuid.UUID, spec: ToolSpec) -> tuple[McpServer, str]:
        found = names_in(await self.servers.all(organisation_id, enabled=True)).get(spec.name)
        if found is None:
            raise NotFound(f"The tool '{spec.name}' is not there any more: its server lists others now, or was removed.")
        return found[0], found[2]

    async def _called(self, server: McpServer, tool: str, arguments: JsonObject, caller: ToolCaller) -> Answered:
        for attempt in range(ATTEMPTS):
            connection = await self._connected(server, caller.user_id)
            answering = Answering(server.name, trusted=server.trusted, client=caller.client)
            try:
                return await connection.call(tool, arguments, answering), connection.secrets()
            except HearthError as error:
                if not connection.alive:
                    await self._drop(_key(server))
                # What reached the server is not sent again: nobody knows what it did.
                if attempt + 1 == ATTEMPTS or not is_unsent(error):
                    raise
        raise AssertionError("unreachable")

    async def _connected(self, server: McpServer, user_id: uuid.UUID | None) -> Connection:
        key = _key(server)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            await self._drop_older(key)
            known = self._connections.get(key)
            if known is not None and known.alive:
                return known
            if known is not None:
                await self._drop(key)
            reach = await reach_of(server, self._secrets, self._settings.tools)
            auth = self._signing(reach)
            made = Connection(
                server.name,
                self._transport(reach, auth, user_id),
                self._settings.tools,
                partial(self._look_again, server),
                lambda: reach.secrets + (auth.secrets if auth is not None else ()),
                Answering(server.name, trusted=server.trusted),
            )
            await made.open()
            self._connections[key] = made
            return made

    def _transport(
        self, reach: Reach, auth: Signing | None, user_id: uuid.UUID | None
    ) -> Callable[[], AbstractAsyncContextManager[TransportStreams]]:
        if reach.command is not None:
            return partial(stdio_transport, reach, int(self._settings.tools.message_bytes))
        return partial(http_transport, reach, self._outgoing, self._settings, self._asker(reach, user_id), auth)

    def _asker(self, reach: Reach, user_id: uuid.UUID | None) -> Asker:
        return Asker(reach.organisation_id, user_id, f"mcp:{reach.name}")

    def _signing(self, reach: Reach, person: Person | None = None) -> Signing | None:
        """``person``: who signs in anew; else what somebody did before is used."""
        if reach.auth is None or reach.url is None:
            return None
        if isinstance(reach.auth, ClientCredentials):
            assert reach.auth_secret is not None
            return OwnLogin(reach.url, reach.auth, reach.auth_secret)
        logins: Logins = SecretLogins(self._secrets, reach.organisation_id, reach.name, reach.url)
        return PersonLogin(reach.url, WithoutTokens(logins) if person is not None else logins, person, reach.auth, reach.auth_secret)

    async def _try(self, server: McpServer) -> None:
        try:
            await self.refresh(server)
        except HearthError as error:
            log.info("an MCP server could not be listed", server=server.name, why=error.message)

    def _look_again(self, server: McpServer) -> None:
        """Once for many changes that come together."""
        key = _key(server)
        if key not in self._looking:
            self._looking[key] = task = asyncio.create_task(self._settled(server))
            task.add_done_callback(lambda _: self._looking.pop(key, None))

    async def _settled(self, server: McpServer) -> None:
        await asyncio.sleep(SETTLE_S)
        try:
            await self._try(server)
        except (SQLAlchemyError, OSError) as error:
            log.warning("the changed tools of an MCP server could not be kept", server=server.name, error=type(error).__name__)

    async def _drop_older(self, key: Key) -> None:
        for other in [other for other in self._connections if other[0] == key[0] and other != key]:
            await self._drop(other)

    async def _drop(self, key: Key) -> None:
        known = self._connections.pop(key, None)
        if known is not None:
            await known.close()


def _key(server: McpServer) -> Key:
    return server.id, server.version
