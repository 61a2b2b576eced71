"""What there is for a graph to name, and whether a graph is sound with it."""

from __future__ import annotations

from api.web.principal import Principal
from api.workflows.install import Graphs
from cluster.errors import BadInput, Unprocessable
from cluster.graphs.checking import Finding, Known, check, require
from cluster.graphs.named import Named
from cluster.graphs.resolved import prompts_of, tools_of
from cluster.specs.graph import GraphSpec
from cluster.specs.retrieval import retrieval_settings
from cluster.specs.yaml_text import Lines
from cluster.stores.sql import AsyncSession


class Finder:
    """For one person, in the transaction of ``session``. ``named``: graphs and prompts of theirs by name."""

    def __init__(self, session: AsyncSession, graphs: Graphs, who: Principal) -> None:
        self._graphs = graphs
        self._who = who
        self.named = Named(session, graphs.parts.settings.graphs, graphs.library, who.organisation_id)

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
        prompts = await self.named.prompts() if prompts_of(spec) else []
        return Known(tools=tools, graphs=await self.named.within_reach(spec), retrieval=ways, prompts=prompts)
