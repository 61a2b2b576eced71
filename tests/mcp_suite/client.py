"""Our MCP client, as the protocol's conformance suite drives it: ``python -m tests.mcp_suite.client URL``.

It lists a server's tools and calls each of them, over our own connection and through the gate of everything that goes out. Where the server
wants somebody to sign in, the browser is played here."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import uuid
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
from mcp.shared.auth import AuthorizationCodeResult

from cluster.errors import RemoteFailed
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Account, Asker, Journal
from cluster.settings import OutgoingSettings, Settings, ToolSettings
from cluster.tools.remote.answering import Answering
from cluster.tools.remote.connection import Connection
from cluster.tools.remote.http import http_transport
from cluster.tools.remote.listing import listing_of
from cluster.tools.remote.oauth import AuthorizationCode, ClientCredentials, Login, OwnLogin, PersonLogin
from cluster.tools.remote.servers import Reach

REDIRECT = "http://localhost:3000/callback"
# What the suite takes for a document about a client.
DOCUMENT = "https://conformance-test.local/client-metadata.json"
VALUES: dict[str, Any] = {"string": "text", "integer": 3, "number": 5, "boolean": True, "array": [], "object": {}, "null": None}


class MemoryLogins:
    """For as long as this process lives."""

    def __init__(self) -> None:
        self.login: Login | None = None

    async def load(self) -> Login | None:
        return self.login

    async def save(self, login: Login) -> None:
        self.login = login


class Unwritten(Journal):
    """A journal that nobody reads."""

    def __init__(self) -> None:
        return

    async def begin(self, who: Asker, method: str, url: str, host: str, sent_bytes: int) -> uuid.UUID:
        return uuid.uuid4()

    async def end(self, request_id: uuid.UUID, account: Account) -> None:
        return


class Browser:
    """A Person who agrees to everything."""

    redirect = REDIRECT

    def __init__(self) -> None:
        self._answer = AuthorizationCodeResult(code="", state=None)

    async def open(self, url: str) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.get(url)
        found = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        self._answer = AuthorizationCodeResult(code=found.get("code", ""), state=found.get("state"), iss=found.get("iss"))

    async def answered(self) -> AuthorizationCodeResult:
        return self._answer


def signing_in(url: str, given: dict[str, Any], scenario: str) -> httpx2.Auth:
    if scenario.startswith("auth/client-credentials"):
        # Whoever configures a server knows who gave out its credentials.
        told = httpx.get(url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")).json()
        issuer = told["authorization_servers"][0]
        own = ClientCredentials(kind="client_credentials", client_id=given["client_id"], client_secret="secret:X", issuer=issuer)
        return OwnLogin(url, own, given["client_secret"])
    person = AuthorizationCode(kind="authorization_code", client_id=given.get("client_id"))
    return PersonLogin(url, MemoryLogins(), Browser(), person, given.get("client_secret"), DOCUMENT)


def arguments_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Something for each property that is needed."""
    properties = schema.get("properties", {})
    return {name: VALUES.get(properties.get(name, {}).get("type"), "text") for name in schema.get("required", ())}


async def drive(url: str, scenario: str, given: dict[str, Any], home: Path) -> None:
    everywhere = OutgoingSettings(allowed=("localhost", "127.0.0.1"), ports=tuple(range(1, 65536)))
    # The machine may have much else to do.
    settings = Settings(home=home, outgoing=everywhere, tools=ToolSettings(connect_s=100.0))
    outgoing = Outgoing(settings, Unwritten())
    reach = Reach("suite", uuid.uuid4(), url, {}, None, (), {}, ())
    auth = signing_in(url, given, scenario) if scenario.startswith("auth/") else None
    transport = partial(http_transport, reach, outgoing, settings, Asker(reach.organisation_id, None, "mcp:suite"), auth)
    connection = Connection("suite", transport, settings.tools, lambda: None, answering=Answering("suite", trusted=True))
    try:
        await connection.open()
        listed, _ = listing_of(await connection.list(), settings.tools.listed)
        calls = given.get("toolCalls") or [{"name": tool["name"], "arguments": arguments_of(tool["parameters"])} for tool in listed]
        for call in calls:
            try:
                await connection.call(call["name"], call["arguments"])
            except RemoteFailed as error:
                # As a model is told of it; one tool that answers wrongly is no reason not to call the next.
                sys.stderr.write(f"{call['name']}: {error.message}\n")
    finally:
        await connection.close()
        await outgoing.close()


def main() -> None:
    given = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(drive(sys.argv[-1], os.environ.get("MCP_CONFORMANCE_SCENARIO", ""), given, Path(home)))


if __name__ == "__main__":
    main()
