"""Graphs and prompts of an organisation, by what people and nodes call them: ``name`` or ``name@version``."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from cluster.errors import BadInput, NotFound, Unprocessable
from cluster.graphs.definitions import Definitions
from cluster.graphs.library import GraphLibrary
from cluster.graphs.resolved import ResolvedGraph, graphs_of, resolve
from cluster.graphs.table import GraphVersion
from cluster.prompts.store import StoredPrompts
from cluster.prompts.template import render
from cluster.settings import GraphSettings
from cluster.specs.graph import GraphSpec
from cluster.specs.graph_text import read_graph
from cluster.specs.loader import nearest
from cluster.stores.sql import AsyncSession


class Named:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession, settings: GraphSettings, library: GraphLibrary, organisation_id: uuid.UUID) -> None:
        self._settings = settings
        self._library = library
        self._organisation_id = organisation_id
        self._definitions = Definitions(session, settings)
        self._prompts = StoredPrompts(session)

    async def graph(self, name: str) -> GraphSpec:
        """By name, ``name@version``, or id: the organisation's, else the library's. Raises NotFound, naming the nearest."""
        plain, _, version = name.partition("@")
        if await self._definitions.find(self._organisation_id, plain) is None:
            if plain in self._library:
                return self._library.get(name)
            raise NotFound(await self._missing(plain))
        number = _number(name, version) if version else None
        _, found = await self._definitions.get(self._organisation_id, plain, number)
        return spec_of(found)

    async def prompt(self, name: str) -> str:
        """The text of a system prompt, with its defaults filled in. Raises Unprocessable where there is none, or a variable has none."""
        plain, _, version = name.partition("@")
        row = await self._prompts.named(self._organisation_id, plain)
        if row is None:
            hint = nearest(plain, await self.prompts())
            raise Unprocessable(f"There is no system prompt '{plain[:100]}'" + (f"; did you mean '{hint}'?" if hint else "."))
        found = await self._prompts.version(row.id, _number(name, version) if version else row.version)
        if found is None:
            raise Unprocessable(f"The system prompt '{plain}' has no version {version}; its latest is {row.version}.")
        try:
            return render(found.text, found.variables)
        except BadInput:
            raise Unprocessable(f"The system prompt '{plain}' has variables without a value; give them defaults.") from None

    async def resolved(self, spec: GraphSpec) -> ResolvedGraph:
        """``spec`` with all that it names. Raises what finding them raises, and BadInput as ``resolve`` does."""
        return await resolve(spec, self.graph, self.prompt, depth=self._settings.depth)

    async def within_reach(self, spec: GraphSpec) -> Mapping[str, GraphSpec]:
        """The library's graphs, and those of the organisation that ``spec`` names, and that they name."""
        found, waiting = dict(self._library.specs), [*graphs_of(spec)]
        while waiting and len(found) < len(self._library) + self._settings.definitions_per_organisation:
            plain = waiting.pop().partition("@")[0]
            if plain not in found and await self._definitions.find(self._organisation_id, plain) is not None:
                found[plain] = await self.graph(plain)
                waiting += graphs_of(found[plain])
        return found

    async def prompts(self) -> list[str]:
        """Names of all system prompts."""
        return [row.name for row in await self._prompts.all(self._organisation_id)]

    async def _missing(self, name: str) -> str:
        own = await self._definitions.page(self._organisation_id, 1000)
        hint = nearest(name, [*self._library.specs, *(row.name for row in own)])
        return f"There is no graph '{name[:100]}'" + (
            f"; did you mean '{hint}'?" if hint else "; `hearth graph list` shows those there are."
        )


def spec_of(version: GraphVersion) -> GraphSpec:
    return read_graph(version.spec, "the graph")


def _number(name: str, version: str) -> int:
    """Raises Unprocessable for what is no number."""
    if not version.isascii() or not version.isdigit() or not 0 < int(version[:10]) < 2**31:
        raise Unprocessable(f"'{name[:100]}': what stands behind the @ is a version, such as @1.")
    return int(version)
