"""Graphs that an organisation has written itself, in versions. The library's are everybody's, and their names are taken."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, null, select, text, update

from cluster.contracts.generation import JsonObject
from cluster.errors import Conflict, NotFound, Overloaded
from cluster.graphs.storable import storable
from cluster.graphs.table import Graph, GraphVersion
from cluster.settings import GraphSettings
from cluster.specs.loader import nearest
from cluster.stores.sql import AsyncSession

# First half of an advisory lock of two numbers, the other one is the organisation: its graphs are counted by one at a time.
COUNTING = 48_884
_OPTIONS: dict[str, Any] = {"synchronize_session": False, "populate_existing": True}


@dataclass(frozen=True, slots=True)
class Content:
    """A graph as somebody wrote it, checked. ``spec``: JSON of a GraphSpec; its ``version`` is set here. ``source``: the text it was
    written as. ``about``: of an agent, what it was made from. ``note``: what the author says of the change."""

    spec: JsonObject
    title: str = ""
    description: str = ""
    source: str = ""
    about: JsonObject | None = None
    note: str = ""


Defined = tuple[Graph, GraphVersion]


class Definitions:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession, settings: GraphSettings) -> None:
        self._session = session
        self._settings = settings

    async def create(
        self,
        organisation_id: uuid.UUID,
        owner_id: uuid.UUID,
        name: str,
        content: Content,
        *,
        library: Collection[str],
        kind: str = "workflow",
    ) -> Defined:
        """Version 1 of a new graph. Raises Conflict for a name that is taken, also in the ``library``; Overloaded over
        ``graphs.definitions_per_organisation``; TooLarge over ``graphs.spec_bytes``."""
        if name in library:
            raise Conflict(f"'{name}' is a graph of the library; take another name.").about("name")
        await self._need_room(organisation_id)
        about = {"title": content.title, "description": content.description, "kind": kind, "version": 1}
        new = {"id": uuid.uuid4(), "organisation_id": organisation_id, "owner_id": owner_id, "name": name, **about}
        taken = await self._session.scalar(select(Graph.id).where(Graph.organisation_id == organisation_id, Graph.name == name))
        if taken is not None:
            raise Conflict(f"There is a graph '{name}' already; change it, or take another name.").about("name")
        graph = (await self._session.scalars(insert(Graph).values(**new).returning(Graph))).one()
        return graph, await self._write(graph, owner_id, content)

    async def get(self, organisation_id: uuid.UUID, which: str | uuid.UUID, version: int | None = None) -> Defined:
        """By name or id; ``version`` None: the latest. Raises NotFound, naming the nearest."""
        graph = await self.find(organisation_id, which)
        if graph is None:
            names = (await self._session.scalars(select(Graph.name).where(Graph.organisation_id == organisation_id))).all()
            hint = nearest(str(which), names)
            raise NotFound(f"There is no graph '{str(which)[:100]}'" + (f"; did you mean '{hint}'?" if hint else "."))
        return graph, await self._version(graph, version or graph.version)

    async def find(self, organisation_id: uuid.UUID, which: str | uuid.UUID, *, lock: bool = False) -> Graph | None:
        """By name or id."""
        named = Graph.id == _id(which) if _id(which) is not None else Graph.name == str(which)
        chosen = select(Graph).where(Graph.organisation_id == organisation_id, named)
        chosen = chosen.with_for_update() if lock else chosen
        return (await self._session.scalars(chosen, execution_options={"populate_existing": True})).one_or_none()

    async def page(self, organisation_id: uuid.UUID, most: int, *, kind: str | None = None, after: str | None = None) -> Sequence[Graph]:
        """By name. ``after``: the name of the last one of the page before."""
        chosen = select(Graph).where(Graph.organisation_id == organisation_id).order_by(Graph.name).limit(most)
        if kind is not None:
            chosen = chosen.where(Graph.kind == kind)
        if after is not None:
            chosen = chosen.where(Graph.name > after)
        return (await self._session.scalars(chosen)).all()

    async def change(self, graph: Graph, author_id: uuid.UUID, content: Content, *, expected: int | None = None) -> Defined:
        """A new version. ``expected``: the version that the author has seen; None: whichever. Raises Conflict when it is another by now,
        TooLarge over ``graphs.spec_bytes``. Of two at once one gets the Conflict, or both have their versions."""
        changed = update(Graph).where(Graph.id == graph.id, *([] if expected is None else [Graph.version == expected]))
        about = {"title": content.title, "description": content.description}
        changed = changed.values(version=Graph.version + 1, updated_at=func.now(), **about).returning(Graph)
        current = (await self._session.scalars(changed, execution_options=_OPTIONS)).one_or_none()
        if current is None:
            latest = await self._session.scalar(select(Graph.version).where(Graph.id == graph.id))
            now = f"is at version {latest} now, not {expected}; look at what changed" if latest is not None else "was removed meanwhile"
            raise Conflict(f"The graph '{graph.name}' {now}.").about("version")
        return current, await self._write(current, author_id, content)

    async def versions(self, graph: Graph, most: int, before: int | None = None) -> Sequence[GraphVersion]:
        """The latest first. ``before``: the number of the last one of the page before."""
        chosen = select(GraphVersion).where(GraphVersion.graph_id == graph.id).order_by(GraphVersion.version.desc()).limit(most)
        if before is not None:
            chosen = chosen.where(GraphVersion.version < before)
        return (await self._session.scalars(chosen)).all()

    async def revert(self, graph: Graph, author_id: uuid.UUID, version: int, *, expected: int | None = None) -> Defined:
        """A new version that says what ``version`` said. Raises NotFound, and as ``change`` does."""
        old = await self._version(graph, version)
        title, description = str(old.spec.get("title", "")), str(old.spec.get("description", ""))
        content = Content(old.spec, title, description, old.source, old.about, f"as version {version} was")
        return await self.change(graph, author_id, content, expected=expected)

    async def delete(self, graph: Graph) -> None:
        """With all its versions. Its runs stay, and go on: they have what they need."""
        await self._session.execute(delete(Graph).where(Graph.id == graph.id))

    async def _version(self, graph: Graph, version: int) -> GraphVersion:
        chosen = select(GraphVersion).where(GraphVersion.graph_id == graph.id, GraphVersion.version == version)
        found = (await self._session.scalars(chosen)).one_or_none()
        if found is None:
            raise NotFound(f"The graph '{graph.name}' has no version {version}; its latest is {graph.version}.")
        return found

    async def _write(self, graph: Graph, author_id: uuid.UUID, content: Content) -> GraphVersion:
        most = int(self._settings.spec_bytes)
        spec = storable({**content.spec, "version": graph.version}, most, "The graph", "spec_bytes")
        about = null() if content.about is None else storable(content.about, most, "What the agent is made from", "spec_bytes")
        texts = {"source": content.source.replace("\x00", "\ufffd"), "note": content.note.replace("\x00", "\ufffd")[:500]}
        new = {"id": uuid.uuid4(), "graph_id": graph.id, "version": graph.version, "spec": spec, "about": about, "author_id": author_id}
        return (await self._session.scalars(insert(GraphVersion).values(**new, **texts).returning(GraphVersion))).one()

    async def _need_room(self, organisation_id: uuid.UUID) -> None:
        counting = text("SELECT pg_advisory_xact_lock(:counting, hashtext(:organisation))")
        await self._session.execute(counting, {"counting": COUNTING, "organisation": str(organisation_id)})
        there = await self._session.scalar(select(func.count()).select_from(Graph).where(Graph.organisation_id == organisation_id)) or 0
        most = self._settings.definitions_per_organisation
        if there >= most:
            raise Overloaded(
                f"The organisation has {there} graphs, and may keep {most} (setting graphs.definitions_per_organisation); remove one."
            )


def _id(which: str | uuid.UUID) -> uuid.UUID | None:
    if isinstance(which, uuid.UUID):
        return which
    try:
        return uuid.UUID(which)
    except ValueError:
        return None
