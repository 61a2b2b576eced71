"""Runs that tools and messages begin, in the name of whoever the tool was called for, or handed the message in."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from string import Template

from sqlalchemy import JSON, Integer, String, Text, Uuid, and_, column, select, table

from cluster.contracts.generation import JsonObject
from cluster.errors import BadInput, NotFound, Unprocessable
from cluster.graphs.definitions import Definitions
from cluster.graphs.library import GraphLibrary
from cluster.graphs.resolved import ResolvedGraph, resolve
from cluster.graphs.runs import NewRun, Runs
from cluster.graphs.table import GraphRun
from cluster.json_schema import check_value
from cluster.settings import GraphSettings
from cluster.specs.graph import GraphSpec
from cluster.specs.graph_text import read_graph
from cluster.stores.sql import AsyncSession, Database
from cluster.tools.starting import StartedRun
from cluster.tools.tool import Role, ToolCaller
from cluster.tracing import parent_here

# Kept by api/prompts.
_PROMPTS = table(
    "system_prompts", column("id", Uuid()), column("organisation_id", Uuid()), column("name", String), column("version", Integer)
)
_VERSIONS = table(
    "prompt_versions", column("prompt_id", Uuid()), column("version", Integer), column("text", Text), column("variables", JSON)
)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run for whom. ``graph``: its name, or ``name@version``; the others as in NewRun."""

    graph: str
    input: JsonObject
    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    role: Role
    model: str | None = None
    priority: int = 0
    parent_id: uuid.UUID | None = None
    depth: int = 0
    idempotency_key: str | None = None
    traceparent: str | None = None


class RunStarter:
    """Implements cluster.tools.starting.GraphStarter."""

    def __init__(self, database: Database, settings: GraphSettings, library: GraphLibrary) -> None:
        self._database = database
        self._settings = settings
        self._library = library
        self._wake: Callable[[], None] = lambda: None

    def wakes(self, wake: Callable[[], None]) -> None:
        """``wake`` is called whenever a run was written down."""
        self._wake = wake

    async def start(self, graph: str, given: JsonObject, caller: ToolCaller) -> StartedRun:
        order = Order(
            graph=graph,
            input=given,
            organisation_id=caller.organisation_id,
            owner_id=caller.user_id,
            role=caller.role,
            parent_id=caller.run_id,
            depth=caller.depth + 1,
            idempotency_key=caller.key,
            traceparent=parent_here(),
        )
        async with self._database.session() as session:
            run = await self.begin(session, order)
        self._wake()
        return _started(run)

    async def begin(self, session: AsyncSession, order: Order) -> GraphRun:
        """A queued run, in the caller's transaction. Raises as ``start`` does."""
        resolved = await self._resolved(session, order.graph, order.organisation_id)
        main = resolved.main
        try:
            check_value(order.input, main.input, what="input")
        except BadInput as error:
            raise BadInput(f"The input does not fit the graph '{main.name}': {error.message}").about(error.param) from None
        new = NewRun(
            graph=main.name,
            version=main.version,
            spec=resolved.to_json(),
            input=order.input,
            organisation_id=order.organisation_id,
            owner_id=order.owner_id,
            role=order.role,
            model=order.model,
            priority=order.priority,
            parent_id=order.parent_id,
            depth=order.depth,
            idempotency_key=order.idempotency_key,
            traceparent=order.traceparent,
        )
        return await Runs(session, self._settings).enqueue(new)

    async def look(self, organisation_id: uuid.UUID, run_id: uuid.UUID) -> StartedRun:
        async with self._database.session() as session:
            return _started(await Runs(session, self._settings).get(organisation_id, run_id))

    async def _resolved(self, session: AsyncSession, name: str, organisation_id: uuid.UUID) -> ResolvedGraph:
        definitions = Definitions(session, self._settings)

        async def graph(called: str) -> GraphSpec:
            plain, _, version = called.partition("@")
            if plain in self._library and await definitions.find(organisation_id, plain) is None:
                return self._library.get(called)
            _, found = await definitions.get(organisation_id, plain, _number(called, version))
            return read_graph(found.spec, f"the graph '{plain}'")

        async def prompt(called: str) -> str:
            plain, _, version = called.partition("@")
            return await _prompt(session, organisation_id, plain, _number(called, version))

        return await resolve(await graph(name), graph, prompt, depth=self._settings.depth)


async def _prompt(session: AsyncSession, organisation_id: uuid.UUID, name: str, version: int | None) -> str:
    """With its defaults filled in. Raises NotFound, and Unprocessable where a variable has none."""
    wanted = _PROMPTS.c.version if version is None else version
    joined = _VERSIONS.join(_PROMPTS, and_(_VERSIONS.c.prompt_id == _PROMPTS.c.id, _VERSIONS.c.version == wanted))
    chosen = select(_VERSIONS.c.text, _VERSIONS.c.variables).select_from(joined)
    row = (await session.execute(chosen.where(_PROMPTS.c.organisation_id == organisation_id, _PROMPTS.c.name == name))).one_or_none()
    if row is None:
        raise NotFound(f"There is no system prompt '{name[:100]}'" + (f" in version {version}." if version is not None else "."))
    try:
        return Template(row.text).substitute(row.variables or {})
    except (KeyError, ValueError):
        raise Unprocessable(f"The system prompt '{name}' has variables without a value; give them defaults.") from None


def _number(name: str, version: str) -> int | None:
    if not version:
        return None
    if not version.isascii() or not version.isdigit() or not 0 < int(version[:10]) < 2**31:
        raise BadInput(f"'{name[:100]}': what stands behind the @ is a version, such as @1.")
    return int(version)


def _started(run: GraphRun) -> StartedRun:
    return StartedRun(run.id, run.graph, run.state, run.output, run.error)
