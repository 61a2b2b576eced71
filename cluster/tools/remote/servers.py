"""MCP servers as an organisation configures them, and as one of them is to be reached."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from cluster.errors import AddressRefused, Conflict, Forbidden, NotFound
from cluster.outgoing.urls import TELLING, Target
from cluster.secrets.source import SecretSource
from cluster.settings import ToolSettings
from cluster.specs.loader import nearest
from cluster.stores.sql import AsyncSession, Database
from cluster.tools.choices import Choice
from cluster.tools.remote.oauth import Auth
from cluster.tools.tables import McpServer

# Of programs that are given with a program's environment, as libraries or code to load.
TURNING = re.compile(
    r"(LD_|DYLD_|GCONV|GLIBC|MALLOC|PYTHON|NODE_|NPM_|DENO_|BUN_|PERL|RUBY|GEM_|BUNDLE|JAVA|_JAVA|JDK_|DOTNET|CORECLR|BASH|GIT_|SSL_|OPENSSL"
    r"|HEARTH_|RAY_|PATH$|HOME$|SHELL$|ENV$|IFS$|TMPDIR$)",
    re.IGNORECASE,
)
REFERENCE = re.compile(r"secret:[A-Za-z][A-Za-z0-9_.-]{0,99}")
PROBLEM_CHARS = 2000
AUTH: TypeAdapter[Auth | None] = TypeAdapter(Auth | None)


@dataclass(frozen=True, slots=True)
class Reach:
    """How a server is reached, with secrets in their places: by ``url`` and ``headers``, or as a program with ``arguments`` and
    ``environment``. ``secrets``: what is written down nowhere. ``auth``: how we sign in there, with the secret ``auth_secret``."""

    name: str
    organisation_id: uuid.UUID
    url: str | None
    headers: Mapping[str, str]
    command: str | None
    arguments: Sequence[str]
    environment: Mapping[str, str]
    secrets: tuple[str, ...]
    auth: Auth | None = None
    auth_secret: str | None = None


class McpServers:
    """The rows. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, organisation_id: uuid.UUID, *, enabled: bool = False) -> Sequence[McpServer]:
        """By name; ``enabled``: only those that are in use."""
        chosen = select(McpServer).where(McpServer.organisation_id == organisation_id).order_by(McpServer.name)
        if enabled:
            chosen = chosen.where(McpServer.enabled)
        async with self._database.session() as session:
            return (await session.scalars(chosen)).all()

    async def get(self, organisation_id: uuid.UUID, name: str) -> McpServer:
        """Raises NotFound naming the nearest."""
        rows = {row.name: row for row in await self.all(organisation_id)}
        if name not in rows:
            hint = nearest(name, rows)
            choice = f"did you mean '{hint}'?" if hint else "GET /api/v1/mcp/servers lists those there are."
            raise NotFound(f"There is no MCP server '{name[:100]}'; {choice}")
        return rows[name]

    async def listed(self, server: McpServer, tools: list[dict[str, Any]], problem: str | None) -> None:
        """What it listed now, unless its configuration changed meanwhile."""
        values = {"tools": tools, "listed_at": func.now(), "problem": problem[:PROBLEM_CHARS] if problem else None}
        await self._update(server, values)

    async def failed(self, server: McpServer, problem: str) -> None:
        """That it could not be listed; what it listed before stays."""
        await self._update(server, {"problem": problem[:PROBLEM_CHARS]})

    async def _update(self, server: McpServer, values: dict[str, Any]) -> None:
        same = (McpServer.id == server.id, McpServer.version == server.version)
        async with self._database.session() as session:
            await session.execute(update(McpServer).where(*same).values(**values, updated_at=McpServer.updated_at))


async def add_server(session: AsyncSession, organisation_id: uuid.UUID, values: dict[str, Any], most: int) -> McpServer:
    """In the caller's transaction. Raises Conflict for a name that is taken, and where the organisation has ``most`` already."""
    known = select(McpServer.name).where(McpServer.organisation_id == organisation_id)
    names = list(await session.scalars(known))
    if len(names) >= most:
        raise Conflict(f"The organisation has {most} MCP servers already (setting tools.servers_per_organisation); remove one.")
    writing = insert(McpServer).values(id=uuid.uuid4(), organisation_id=organisation_id, **values)
    row = (await session.scalars(writing.on_conflict_do_nothing().returning(McpServer))).one_or_none()
    if row is None:
        raise Conflict(f"There is an MCP server '{values['name']}' already; change that one, or choose another name.").about("name")
    return row


async def change_server(session: AsyncSession, server: McpServer, values: dict[str, Any]) -> McpServer:
    """In the caller's transaction. Connections to it as it was are used no more."""
    writing = update(McpServer).where(McpServer.id == server.id).values(**values, version=McpServer.version + 1).returning(McpServer)
    return (await session.scalars(writing, execution_options={"populate_existing": True})).one()


async def remove_server(session: AsyncSession, server: McpServer) -> None:
    await session.execute(delete(McpServer).where(McpServer.id == server.id))


def choice_of(server: McpServer) -> Choice:
    """Which of its tools are taken."""
    return Choice(None if server.allow is None else tuple(server.allow), tuple(server.deny))


def check_environment(names: Iterable[str]) -> None:
    """Raises Forbidden for what would make another program of the one that the operator named."""
    for name in names:
        if TURNING.match(name):
            raise Forbidden(f"'{name[:100]}' may not be set: it decides which code a program runs.").about("environment")


def check_place(url: str | None, command: str | None, settings: ToolSettings) -> None:
    """Raises AddressRefused or Unprocessable for an address that is not asked, Forbidden for a program that the operator did not name."""
    if url is not None:
        target = Target.of(url)
        if any(TELLING.search(pair.partition("=")[0]) for pair in target.target.partition("?")[2].split("&")):
            raise AddressRefused("The URL seems to hold a key or token; send it in a header, as `secret:NAME`.").about("url")
    if command is not None and command not in settings.commands:
        known = f"it named {', '.join(settings.commands)}" if settings.commands else "it named none"
        raise Forbidden(f"'{command[:200]}' is not a program that may be run; the operator names them in tools.commands ({known}).").about(
            "command"
        )


async def reach_of(server: McpServer, secrets: SecretSource, settings: ToolSettings) -> Reach:
    """Raises NotFound for a secret that there is not, Forbidden for a program that is no longer allowed."""
    check_place(server.url, server.command, settings)
    check_environment(server.environment)
    values: list[str] = []

    async def filled(given: Mapping[str, str]) -> dict[str, str]:
        made = {}
        for name, text in given.items():
            for reference in dict.fromkeys(REFERENCE.findall(text)):
                value = await secrets.resolve(server.organisation_id, reference)
                values.append(value)
                text = text.replace(reference, value)
            made[name] = text
        return made

    headers, environment = await filled(server.headers), await filled(server.environment)
    auth: Auth | None = AUTH.validate_python(server.auth)
    secret = (await filled({"": auth.client_secret}))[""] if auth is not None and auth.client_secret is not None else None
    return Reach(
        name=server.name,
        organisation_id=server.organisation_id,
        url=server.url,
        headers=headers,
        command=server.command,
        arguments=tuple(server.arguments),
        environment=environment,
        secrets=tuple(values),
        auth=auth,
        auth_secret=secret,
    )
