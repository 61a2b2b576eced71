"""Configuring MCP servers: for admins, because a server sees what it is called with, and secrets are sent to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from api.audit.trail import Origin, Trail
from api.mcp_servers.login import LoginDesk
from api.mcp_servers.schemas import (
    REACH,
    LoginForgotten,
    LoginStarted,
    ServerAnswer,
    ServerBody,
    ServerList,
    ServerPatch,
    ServerRemoved,
    ServerTested,
    ServerTools,
)
from api.tools.install import ToolDesk
from api.web.deps import Parts
from api.web.principal import Principal
from cluster.errors import HearthError, Unprocessable
from cluster.stores.sql import AsyncSession
from cluster.tools.remote.servers import REFERENCE, add_server, change_server, check_environment, check_place, remove_server


class ServerService:
    """Holds no database session while a server is asked."""

    def __init__(self, parts: Parts, desk: ToolDesk, who: Principal, origin: Origin) -> None:
        self._database = parts.stores.database
        self._settings = parts.settings.tools
        self._remote = desk.servers
        self._who = who
        self._here = who.organisation_id
        self._origin = origin

    async def all(self) -> ServerList:
        return ServerList(servers=[ServerAnswer.of(row) for row in await self._remote.servers.all(self._here)])

    async def one(self, name: str) -> ServerAnswer:
        return ServerAnswer.of(await self._remote.servers.get(self._here, name))

    async def tools(self, name: str) -> ServerTools:
        """As they were listed last."""
        return ServerTools.of(await self._remote.servers.get(self._here, name))

    async def add(self, body: ServerBody) -> ServerAnswer:
        values = body.model_dump()
        self._check(values)
        async with self._database.session() as session:
            most = self._settings.servers_per_organisation
            row = await add_server(session, self._here, {**values, "owner_id": self._who.user_id}, most)
            self._note(session, "mcp_server.added", body.name, values)
        return ServerAnswer.of(row)

    async def change(self, name: str, patch: ServerPatch) -> ServerAnswer:
        """A server that is reached otherwise is asked for its tools anew."""
        row = await self._remote.servers.get(self._here, name)
        values = patch.model_dump(include=patch.model_fields_set)
        merged = {field: values.get(field, getattr(row, field)) for field in ("url", "command", "environment", "headers", "auth")}
        if (merged["url"] is None) == (merged["command"] is None):
            raise Unprocessable("A server has a 'url' or a 'command'; set the other one to null.").about("url")
        self._check(merged)
        if REACH & set(values):
            values |= {"tools": None, "listed_at": None, "problem": None}
        async with self._database.session() as session:
            changed = await change_server(session, row, values)
            self._note(session, "mcp_server.changed", name, values)
        await self._remote.forget(row.id)
        return ServerAnswer.of(changed)

    async def remove(self, name: str) -> ServerRemoved:
        row = await self._remote.servers.get(self._here, name)
        async with self._database.session() as session:
            await remove_server(session, row)
            self._note(session, "mcp_server.removed", name, {})
        await self._remote.sign_out(row)
        return ServerRemoved(name=name)

    async def refresh(self, name: str) -> ServerTools:
        """Raises what reaching it raises."""
        await self._remote.refresh(await self._remote.servers.get(self._here, name))
        return await self.tools(name)

    async def test(self, name: str) -> ServerTested:
        """Whether it is reached, and why not."""
        row, begun = await self._remote.servers.get(self._here, name), time.monotonic()
        try:
            await self._remote.refresh(row)
        except HearthError as error:
            return ServerTested(reachable=False, tools=0, ms=_since(begun), problem=error.message)
        now = await self.one(name)
        return ServerTested(reachable=True, tools=now.tools or 0, ms=_since(begun), problem=now.problem)

    async def login(self, name: str, logins: LoginDesk, back: str) -> LoginStarted:
        """``back``: where the browser is to come. Raises what reaching the server raises."""
        row = await self._remote.servers.get(self._here, name)
        url = await logins.begin(self._remote, row, self._who.user_id, back)
        async with self._database.session() as session:
            self._note(session, "mcp_server.login_started", name, {})
        return LoginStarted(url=url, expires_in_s=self._settings.login_s)

    async def logout(self, name: str) -> LoginForgotten:
        row = await self._remote.servers.get(self._here, name)
        known = await self._remote.sign_out(row)
        async with self._database.session() as session:
            self._note(session, "mcp_server.login_forgotten", name, {})
        return LoginForgotten(name=name, was_signed_in=known)

    def _check(self, values: Mapping[str, Any]) -> None:
        check_place(values["url"], values["command"], self._settings)
        check_environment(values["environment"])
        if values["auth"] is not None and values["url"] is None:
            raise Unprocessable("A program is not signed in at; 'auth' is of servers with a 'url'.").about("auth")
        if values["auth"] is not None and any(header.lower() == "authorization" for header in values["headers"]):
            raise Unprocessable("Give 'auth' or a header Authorization, not both.").about("auth")

    def _note(self, session: AsyncSession, action: str, name: str, values: Mapping[str, Any]) -> None:
        given = [text for field in ("headers", "environment") for text in values.get(field, {}).values()]
        auth = values.get("auth") or {}
        given += [auth["client_secret"]] if auth.get("client_secret") else []
        used = sorted({reference for text in given for reference in REFERENCE.findall(text)})
        Trail(session, self._origin, self._who).record(action, f"mcp_server:{name}", fields=sorted(values), secrets=used or None)


def _since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
