"""Searching the collections of an organisation, for whichever room asks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.contracts.retrieval import EVERYTHING, Filters, Space
from cluster.errors import NotFound
from cluster.gateway import ModelGateway
from cluster.knowledge.naming import Named, as_id, named, need_named
from cluster.knowledge.searched import KnowledgeRepository
from cluster.knowledge.tables import Collection
from cluster.retrieval.passages import Found, Place
from cluster.retrieval.retriever import Retriever
from cluster.specs.retrieval import DEFAULT, RetrievalSettings, RetrievalSpec, retrieval_settings
from cluster.stores.sql import Database
from cluster.vectors import VectorStore


@dataclass(frozen=True, slots=True)
class Where:
    """Collections, and how they are searched. ``notes``: what was left out. ``names``: of collections, by their ids."""

    places: tuple[Place, ...]
    spec: RetrievalSpec
    names: Mapping[str, str]
    notes: tuple[str, ...] = ()


class KnowledgeSearch:
    """What the documents of ``organisation_id`` say. Holds no transaction while models work. ``home``: whose ways to search there are
    beside ours."""

    def __init__(self, organisation_id: uuid.UUID, gateway: ModelGateway, vectors: VectorStore, database: Database, home: Path) -> None:
        self._organisation_id = organisation_id
        self._retriever = Retriever(gateway, vectors)
        self._database = database
        self._home = home

    @property
    def settings(self) -> RetrievalSettings:
        return retrieval_settings(self._home)

    async def where(self, collections: Sequence[str] | None, settings: str | None) -> Where:
        """The collections with these ids or names (None: all), and the settings of that name (None: those of the collections, or the
        default where they differ). Raises NotFound naming the nearest."""
        async with self._database.session() as session:
            known = KnowledgeRepository(session, self._organisation_id)
            rows = await known.all() if collections is None else await need_named(known, collections)
        return _where(rows, self.spec(settings or _common(rows)))

    async def where_left(self, collections: Sequence[str] | None, settings: str | None) -> Where:
        """The same of what was chosen earlier: what is gone since is left out, and noted."""
        async with self._database.session() as session:
            known = KnowledgeRepository(session, self._organisation_id)
            found = await named(known, collections) if collections is not None else Named(tuple(await known.all()), ())
        notes = [f"The collection {(collections or ())[at]} is attached, and is not there any more." for at in found.missing]
        try:
            spec = self.spec(settings or _common(found.rows))
        except NotFound as error:
            spec = self.spec(DEFAULT)
            notes.append(f"Searched with '{DEFAULT}' instead of '{settings}': {error.message}")
        return _where(found.rows, spec, notes)

    async def find(
        self, where: Where, question: str, filters: Filters = EVERYTHING, limit: int | None = None, *, request_id: str = ""
    ) -> Found:
        """Raises BadInput for a question without a word, and what gateway and index raise."""
        return await self._retriever.find(
            str(self._organisation_id),
            question,
            where.places,
            where.spec,
            filters=filters,
            limit=limit,
            paths=self._paths,
            request_id=request_id,
        )

    def spec(self, name: str) -> RetrievalSpec:
        """Raises NotFound naming the nearest."""
        try:
            return self.settings.get(name)
        except NotFound as error:
            raise error.about("settings") from None

    async def _paths(self, documents: Sequence[str]) -> Mapping[str, str]:
        ids = {one: known for one in documents if (known := as_id(one)) is not None}
        async with self._database.session() as session:
            paths = await KnowledgeRepository(session, self._organisation_id).paths(list(ids.values()))
        return {one: paths[known] for one, known in ids.items() if known in paths}


def _space(row: Collection) -> Space | None:
    return Space(row.space["model"], row.space["variant"], row.space["dimensions"]) if row.space else None


def _common(rows: Sequence[Collection]) -> str:
    """The name of the settings that all of them are searched with, or the default."""
    own = {row.retrieval for row in rows}
    return own.pop() if len(own) == 1 else DEFAULT


def _where(rows: Sequence[Collection], spec: RetrievalSpec, notes: Sequence[str] = ()) -> Where:
    names = {str(row.id): row.name for row in rows}
    return Where(tuple(Place(str(row.id), _space(row)) for row in rows), spec, names, tuple(notes))
