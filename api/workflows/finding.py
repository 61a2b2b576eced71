"""Graphs and prompts by name, and what there is for a graph to name."""

from __future__ import annotations

from collections.abc import Mapping

from api.prompts.repository import PromptRepository
from api.prompts.template import render
from api.web.principal import Principal
from api.workflows.install import Graphs
from cluster.errors import BadInput, NotFound, Unprocessable
from cluster.graphs.checking import Finding, Known, check, require
from cluster.graphs.definitions import Definitions
from cluster.graphs.resolved import graphs_of, prompts_of, tools_of
from cluster.graphs.table import GraphVersion
from cluster.specs.graph import GraphSpec
from cluster.specs.graph_text import read_graph
from cluster.specs.loader import nearest
from cluster.specs.retrieval import retrieval_settings
from cluster.specs.yaml_text import Lines
from cluster.stores.sql import AsyncSession


class Finder:
    """For one person, in the transaction of ``session``."""

    def __init__(self, session: AsyncSession, graphs: Graphs, who: Principal) -> None:
        self._graphs = graphs
        self._who = who
        self._definitions = Definitions(session, graphs.parts.settings.graphs)
        self._prompts = PromptRepository(session)

    async def graph(self, name: str) -> GraphSpec:
        """By name, ``name@version``, or id: the organisation's, else the library's. Raises NotFound, naming the nearest."""
        plain, _, version = name.partition("@")
        if await self._definitions.find(self._who.organisation_id, plain) is None:
            if plain in self._graphs.library:
                return self._graphs.library.get(name)
            raise NotFound(await self._missing(plain))
        number = version_of(name, version) if version else None
        _, found = await self._definitions.get(self._who.organisation_id, plain, number)
        return spec_of(found)

    async def prompt(self, name: str) -> str:
        """The text of a system prompt, `name` or `name@version`, with its defaults filled in."""
        plain, _, version = name.partition("@")
        row = await self._prompts.named(self._who.organisation_id, plain)
        if row is None:
            hint = nearest(plain, [one.name for one in await self._prompts.all(self._who.organisation_id)])
            raise Unprocessable(f"There is no system prompt '{plain}'" + (f"; did you mean '{hint}'?" if hint else "."))
        found = await self._prompts.version(row.id, version_of(name, version) if version else row.version)
        if found is None:
            raise Unprocessable(f"The system prompt '{plain}' has no version {version}; its latest is {row.version}.")
        return render(found.text, found.variables)

    async def need_sound(self, spec: GraphSpec, lines: Lines | None = None, *, names: bool = True) -> list[Finding]:
        """Warnings. Raises Unprocessable with all that is wrong. ``names``: also what there is not by that name."""
        try:
            return require(spec, lines, await self.known(spec) if names else None)
        except BadInput as error:
            raise Unprocessable(error.message).about(error.param) from None

    async def findings(self, spec: GraphSpec, lines: Lines | None = None) -> list[Finding]:
        return check(spec, lines, await self.known(spec))

    async def known(self, spec: GraphSpec) -> Known:
        """Models are left out: whether they can be served is looked at apart (see resources.py)."""
        toolbox, tools = self._graphs.toolbox, None
        if tools_of(spec):  # for those of MCP servers these are asked
            tools = {tool.name: tool for tool in await toolbox.specs(self._who.organisation_id)}
        ways = [way.name for way in retrieval_settings(self._graphs.parts.settings.home)]
        prompts = [row.name for row in await self._prompts.all(self._who.organisation_id)] if prompts_of(spec) else []
        return Known(tools=tools, graphs=await self._named(spec), retrieval=ways, prompts=prompts)

    async def _named(self, spec: GraphSpec) -> Mapping[str, GraphSpec]:
        """The library's, and those of the organisation that ``spec`` names, and that they name."""
        found, waiting = dict(self._graphs.library.specs), [*graphs_of(spec)]
        while waiting and len(found) < len(self._graphs.library) + self._graphs.parts.settings.graphs.definitions_per_organisation:
            plain = waiting.pop().partition("@")[0]
            if plain not in found and await self._definitions.find(self._who.organisation_id, plain) is not None:
                found[plain] = await self.graph(plain)
                waiting += graphs_of(found[plain])
        return found

    async def _missing(self, name: str) -> str:
        own = await self._definitions.page(self._who.organisation_id, 1000)
        hint = nearest(name, [*self._graphs.library.specs, *(row.name for row in own)])
        return f"There is no graph '{name[:100]}'" + (
            f"; did you mean '{hint}'?" if hint else "; `hearth graph list` shows those there are."
        )


def spec_of(version: GraphVersion) -> GraphSpec:
    return read_graph(version.spec, "the graph")


def version_of(name: str, version: str) -> int:
    """Raises Unprocessable for what is no number."""
    if not version.isascii() or not version.isdigit() or not 0 < int(version[:10]) < 2**31:
        raise Unprocessable(f"'{name[:100]}': what stands behind the @ is a version, such as @1.")
    return int(version)
