"""Searching the collections of an organisation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from api.retrieval.citations import KnowledgeWish
from api.retrieval.naming import Named, as_id, named, need_named
from api.retrieval.repository import KnowledgeRepository
from api.retrieval.schemas import SearchAnswer, SearchBody, SearchingBody
from api.web.deps import Parts
from api.web.exchange import Exchange
from cluster.contracts.generation import Message, Usage
from cluster.contracts.models import ModelStatus
from cluster.contracts.retrieval import EVERYTHING, Filters, Space
from cluster.errors import BadInput, HearthError, NotFound, Unprocessable
from cluster.knowledge.tables import Collection
from cluster.retrieval.briefing import Briefing, Reader, question_of
from cluster.retrieval.passages import Found, Place
from cluster.retrieval.retriever import Retriever
from cluster.specs.loader import explain
from cluster.specs.prices import Consumption
from cluster.specs.retrieval import DEFAULT, RetrievalSettings, RetrievalSpec, retrieval_settings
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class Where:
    """Collections, and how they are searched. ``notes``: what was left out."""

    places: tuple[Place, ...]
    spec: RetrievalSpec
    notes: tuple[str, ...] = ()


class Knowledge:
    """What the documents of one organisation say. Holds no transaction while models work; what it cost is put on ``exchange``."""

    def __init__(self, parts: Parts, exchange: Exchange, organisation_id: uuid.UUID) -> None:
        self._parts = parts
        self._exchange = exchange
        self._organisation_id = organisation_id

    @property
    def settings(self) -> RetrievalSettings:
        return retrieval_settings(self._parts.settings.home)

    async def where(self, collections: Sequence[str] | None, settings: str | None) -> Where:
        """The collections with these ids or names (None: all), and the settings of that name (None: those of the collections, or the
        default where they differ). Raises NotFound naming the nearest."""
        async with self._parts.stores.database.session() as session:
            known = KnowledgeRepository(session, self._organisation_id)
            rows = await known.all() if collections is None else await need_named(known, collections)
        return _where(rows, self._spec(settings or _common(rows)))

    async def where_left(self, collections: Sequence[str] | None, settings: str | None) -> Where:
        """The same of what was chosen earlier: what is gone since is left out, and noted."""
        async with self._parts.stores.database.session() as session:
            known = KnowledgeRepository(session, self._organisation_id)
            found = await named(known, collections) if collections is not None else Named(tuple(await known.all()), ())
        notes = [f"The collection {(collections or ())[at]} is attached, and is not there any more." for at in found.missing]
        try:
            spec = self._spec(settings or _common(found.rows))
        except NotFound as error:
            spec = self._spec(DEFAULT)
            notes.append(f"Searched with '{DEFAULT}' instead of '{settings}': {error.message}")
        return _where(found.rows, spec, notes)

    async def attachable(self, session: AsyncSession, wish: KnowledgeWish | None) -> dict[str, Any] | None:
        """The wish as it is kept: collections by their ids, so that they may be called something else later. Raises NotFound naming the
        nearest; errors name fields below ``knowledge``."""
        if wish is None:
            return None
        kept = wish.model_dump()
        with _below_knowledge():
            if wish.settings is not None:
                self._spec(wish.settings)
            if wish.collections is not None:
                rows = await need_named(KnowledgeRepository(session, self._organisation_id), wish.collections)
                kept["collections"] = [str(row.id) for row in rows]
        return kept

    async def find(self, where: Where, question: str, filters: Filters = EVERYTHING, limit: int | None = None) -> Found:
        most = self._parts.settings.limits.text_chars
        if len(question) > most:
            raise BadInput(
                f"The question has {len(question)} characters, at most {most} are taken (setting limits.text_chars); shorten it."
            ).about("question")
        found = await Retriever(self._parts.gateway, self._parts.vectors).find(
            str(self._organisation_id),
            question,
            where.places,
            where.spec,
            filters=filters,
            limit=limit,
            paths=self._paths,
            request_id=self._exchange.request_id,
        )
        for model, tokens in found.spent:
            self._exchange.spent.append((model, Consumption(tokens)))
            self._parts.metrics.count_usage(model, Usage(prompt_tokens=tokens))
        return found

    async def search(self, body: SearchBody) -> SearchAnswer:
        where = await self.where(body.collections, body.settings)
        spec = overridden(where.spec, body.overrides)
        found = await self.find(replace(where, spec=spec), body.question, body.filters.filters(), body.limit)
        return SearchAnswer.of(spec, sorted(body.overrides.model_fields_set) if body.overrides else [], found)

    async def brief(self, wish: KnowledgeWish, messages: Sequence[Message], status: ModelStatus, *, attached: bool = False) -> Briefing:
        """What the model with ``status`` is to know for its answer. ``attached``: the wish was kept earlier, and what of it is gone
        is noted, not refused. Errors name fields below ``knowledge``."""
        question = question_of(messages)
        choose = self.where_left if attached else self.where
        with _below_knowledge():
            where = await choose(wish.collections, wish.settings)
            found = await self.find(where, question, limit=wish.limit)
        found = replace(found, notes=(*where.notes, *found.notes))
        return Briefing.of(found, where.spec, Reader.of(status), question, required=wish.require)

    def _spec(self, name: str) -> RetrievalSpec:
        try:
            return self.settings.get(name)
        except NotFound as error:
            raise error.about("settings") from None

    async def _paths(self, documents: Sequence[str]) -> Mapping[str, str]:
        ids = {one: known for one in documents if (known := as_id(one)) is not None}
        async with self._parts.stores.database.session() as session:
            paths = await KnowledgeRepository(session, self._organisation_id).paths(list(ids.values()))
        return {one: paths[known] for one, known in ids.items() if known in paths}


def overridden(spec: RetrievalSpec, by: SearchingBody | None) -> RetrievalSpec:
    """Raises Unprocessable where it does not fit together, such as fewer candidates than results."""
    if by is None:
        return spec
    try:
        return RetrievalSpec.model_validate(spec.model_dump() | by.model_dump(exclude_unset=True))
    except ValidationError as error:
        raise Unprocessable(explain(error, RetrievalSpec, "overrides")).about("overrides") from None


def _space(row: Collection) -> Space | None:
    return Space(row.space["model"], row.space["variant"], row.space["dimensions"]) if row.space else None


def _common(rows: Sequence[Collection]) -> str:
    """The name of the settings that all of them are searched with, or the default."""
    own = {row.retrieval for row in rows}
    return own.pop() if len(own) == 1 else DEFAULT


def _where(rows: Sequence[Collection], spec: RetrievalSpec, notes: Sequence[str] = ()) -> Where:
    return Where(tuple(Place(str(row.id), _space(row)) for row in rows), spec, tuple(notes))


@contextmanager
def _below_knowledge() -> Iterator[None]:
    try:
        yield
    except HearthError as error:
        raise error.about(f"knowledge.{error.param}" if error.param else None) from None
