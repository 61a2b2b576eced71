"""The graphs that an organisation has, as pictures: the library's and its own."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from mcp_types import Completion, Resource, ResourceTemplate, TextResourceContents

from api.mcp.content import Contents
from api.mcp.shelf import NOTHING
from api.web.principal import Principal
from cluster.errors import NotFound
from cluster.graphs.definitions import Definitions
from cluster.graphs.drawing import mermaid
from cluster.graphs.library import GraphLibrary
from cluster.settings import GraphSettings
from cluster.specs.graph import GraphSpec
from cluster.specs.loader import nearest
from cluster.stores.sql import Database

URI = re.compile(r"hearth://graphs/([^/?#]{1,200})/diagram")
MERMAID = "text/vnd.mermaid"
TEMPLATE = ResourceTemplate(
    name="diagram",
    title="A graph's diagram",
    uri_template="hearth://graphs/{graph}/diagram",
    description="Nodes and edges of a graph, in Mermaid's notation.",
    mime_type=MERMAID,
)


class GraphDiagrams:
    def __init__(self, database: Database, library: GraphLibrary, settings: GraphSettings) -> None:
        self._database = database
        self._library = library
        self._settings = settings

    async def names(self, organisation_id: uuid.UUID) -> Sequence[str]:
        """In order."""
        async with self._database.session() as session:
            own = await Definitions(session, self._settings).page(organisation_id, self._settings.definitions_per_organisation)
        return sorted({*(spec.name for spec in self._library), *(graph.name for graph in own)})

    async def diagram(self, organisation_id: uuid.UUID, name: str) -> str:
        """In Mermaid's notation. Raises NotFound."""
        if name in self._library:
            return mermaid(self._library.get(name))
        async with self._database.session() as session:
            definitions = Definitions(session, self._settings)
            if await definitions.find(organisation_id, name) is not None:
                _, version = await definitions.get(organisation_id, name)
                return mermaid(GraphSpec.model_validate(version.spec))
        hint = nearest(name, await self.names(organisation_id))
        raise NotFound(f"There is no graph '{name[:100]}'" + (f"; did you mean '{hint}'?" if hint else "."))


class DiagramShelf:
    """A Shelf of them, by name."""

    name = "graphs"
    templates = (TEMPLATE,)

    def __init__(self, diagrams: GraphDiagrams) -> None:
        self._diagrams = diagrams

    def holds(self, uri: str) -> bool:
        return URI.fullmatch(uri) is not None

    async def page(self, who: Principal, after: str | None, most: int) -> Sequence[tuple[str, Resource]]:
        names = [name for name in await self._diagrams.names(who.organisation_id) if after is None or name > after]
        return [(name, _drawn(name)) for name in names[:most]]

    async def read(self, who: Principal, uri: str) -> Contents:
        found = URI.fullmatch(uri)
        assert found is not None
        drawn = await self._diagrams.diagram(who.organisation_id, found[1])
        return TextResourceContents(uri=uri, mime_type=MERMAID, text=drawn)

    async def complete(self, who: Principal, template: str, argument: str, begun: str) -> Completion:
        if argument != "graph":
            return NOTHING
        names = [name for name in await self._diagrams.names(who.organisation_id) if name.startswith(begun)]
        return Completion(values=names[:100], total=len(names), has_more=len(names) > 100)


def _drawn(name: str) -> Resource:
    return Resource(name=name, title=f"Diagram of {name}", uri=f"hearth://graphs/{name}/diagram", mime_type=MERMAID)
