"""The graphs that an organisation has, as pictures: the library's and its own."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from cluster.errors import NotFound
from cluster.graphs.definitions import Definitions
from cluster.graphs.drawing import mermaid
from cluster.graphs.library import GraphLibrary
from cluster.settings import GraphSettings
from cluster.specs.graph import GraphSpec
from cluster.specs.loader import nearest
from cluster.stores.sql import Database


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
