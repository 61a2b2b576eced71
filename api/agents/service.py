"""An organisation's agents, in versions; each is kept as the graph that it is made into."""

from __future__ import annotations

from pydantic import ValidationError

from api.agents.schemas import AgentAnswer, AgentBody, AgentPage, AgentPut, AgentQuery, AgentWords
from api.audit.trail import Trail
from api.web.principal import Principal
from api.workflows.definitions import expected, versions_of
from api.workflows.finding import Finder
from api.workflows.install import Graphs
from api.workflows.schemas import VersionEntry
from cluster.errors import NotFound, Unprocessable
from cluster.graphs import definitions as store
from cluster.graphs.agents import AGENT, agent_graph
from cluster.graphs.chatting import PREFIX
from cluster.graphs.definitions import Content, Defined
from cluster.graphs.resolved import spec_json
from cluster.graphs.table import Graph, GraphVersion
from cluster.specs.graph import GraphSpec
from cluster.specs.loader import explain, nearest
from cluster.stores.sql import AsyncSession


class Agents:
    """For one person, in the transaction of ``session``."""

    def __init__(self, session: AsyncSession, who: Principal, trail: Trail, graphs: Graphs) -> None:
        self._who = who
        self._trail = trail
        self._graphs = graphs
        self._rows = store.Definitions(session, graphs.parts.settings.graphs)
        self._finder = Finder(session, graphs, who)

    async def page(self, asked: AgentQuery) -> AgentPage:
        rows = await self._rows.page(self._who.organisation_id, asked.limit + 1, kind=AGENT, after=asked.cursor)
        items = [_answer(await self._rows.get(self._who.organisation_id, row.id)) for row in rows[: asked.limit]]
        return AgentPage(items=items, next_cursor=items[-1].name if len(rows) > asked.limit else None)

    async def one(self, name: str, version: int | None = None) -> AgentAnswer:
        row = await self._get(name)
        return _answer(await self._rows.get(self._who.organisation_id, row.id, version))

    async def create(self, body: AgentBody) -> AgentAnswer:
        spec = await self._sound(body.name, body)
        who, library = self._who, self._graphs.library.specs
        made = await self._rows.create(who.organisation_id, who.user_id, body.name, _content(spec, body), library=library, kind=AGENT)
        self._trail.record("agent.created", f"graph:{made[0].id}", name=body.name)
        return _answer(made)

    async def change(self, name: str, body: AgentPut, if_match: int | None) -> AgentAnswer:
        row = await self._get(name, lock=True)
        spec = await self._sound(row.name, body)
        made = await self._rows.change(row, self._who.user_id, _content(spec, body), expected=expected(body.version, if_match))
        self._trail.record("agent.changed", f"graph:{row.id}", name=row.name, version=made[0].version)
        return _answer(made)

    async def revert(self, name: str, version: int) -> AgentAnswer:
        row = await self._get(name, lock=True)
        made = await self._rows.revert(row, self._who.user_id, version)
        self._trail.record("agent.reverted", f"graph:{row.id}", name=row.name, version=version)
        return _answer(made)

    async def remove(self, name: str) -> None:
        row = await self._get(name, lock=True)
        await self._rows.delete(row)
        self._trail.record("agent.removed", f"graph:{row.id}", name=row.name)

    async def versions(self, name: str) -> list[VersionEntry]:
        return await versions_of(self._rows, await self._get(name))

    async def _sound(self, name: str, words: AgentWords) -> GraphSpec:
        """The graph of it. Raises Unprocessable for what could not run; tools, collections and models need not be there yet."""
        try:
            spec = agent_graph(name, words.title, words.description, words.agent())
        except ValidationError as error:
            raise Unprocessable(explain(error, GraphSpec, f"agent '{name}'")) from None
        await self._finder.need_sound(spec, names=False)
        return spec

    async def _get(self, name: str, *, lock: bool = False) -> Graph:
        row = await self._rows.find(self._who.organisation_id, name, lock=lock)
        if row is None or row.kind != AGENT:
            names = [one.name for one in await self._rows.page(self._who.organisation_id, 1000, kind=AGENT)]
            hint = nearest(name, names)
            raise NotFound(
                f"There is no agent '{name[:100]}'" + (f"; did you mean '{hint}'?" if hint else "; GET /api/v1/agents lists all.")
            )
        return row


def _content(spec: GraphSpec, words: AgentWords) -> Content:
    about = words.agent().model_dump(mode="json")
    return Content(spec_json(spec), words.title, words.description, about=about, note=words.note)


def _answer(defined: Defined) -> AgentAnswer:
    row, version = defined
    return AgentAnswer(
        id=row.id,
        name=row.name,
        title=_at_that_time(version, "title"),
        description=_at_that_time(version, "description"),
        model_name=f"{PREFIX}{row.name}",
        agent=version.about or {},
        version=version.version,
        note=version.note,
        author_id=version.author_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _at_that_time(version: GraphVersion, name: str) -> str:
    return str(version.spec.get(name, ""))
