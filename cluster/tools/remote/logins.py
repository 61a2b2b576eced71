"""Logins of people at MCP servers, kept among the organisation's secrets: sealed as those are, and sealed anew when keys change."""

from __future__ import annotations

import uuid

from cluster.errors import NotFound
from cluster.secrets.source import REFERENCE, SecretSource
from cluster.tools.remote.oauth import Login, Logins, read_login


class SecretLogins:
    """Logins of one server, at ``url``: what was given for another address is never sent to this one."""

    def __init__(self, secrets: SecretSource, organisation_id: uuid.UUID, server: str, url: str) -> None:
        self._secrets = secrets
        self._here = organisation_id
        self._server = server
        self._url = url

    async def load(self) -> Login | None:
        try:
            kept = read_login(await self._secrets.resolve(self._here, REFERENCE + login_name(self._server)))
        except NotFound:
            return None
        return kept if kept is not None and kept.url == self._url else None

    async def save(self, login: Login) -> None:
        text = login.model_copy(update={"url": self._url}).model_dump_json(exclude_none=True)
        about = f"What signing in at the MCP server '{self._server}' gave; Hearth renews it by itself."
        await self._secrets.keep(self._here, login_name(self._server), text, about)


class WithoutTokens:
    """The same logins for somebody who signs in anew: how we are registered stays."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    async def load(self) -> Login | None:
        known = await self._logins.load()
        return known.model_copy(update={"tokens": None, "expires_at": None}) if known is not None else None

    async def save(self, login: Login) -> None:
        await self._logins.save(login)


def login_name(server: str) -> str:
    """Of the secret."""
    return f"mcp.{server}.login"
