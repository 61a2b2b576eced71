"""Searching the collections of an organisation."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from api.retrieval.citations import KnowledgeWish
from api.retrieval.repository import KnowledgeRepository
from api.retrieval.schemas import SearchAnswer, SearchBody, SearchingBody
from api.web.deps import Parts
from api.web.exchange import Exchange
from cluster.contracts.generation import Message, Usage
from cluster.contracts.retrieval import EVERYTHING, Filters, Space
from cluster.errors import BadInput, HearthError, NotFound, Unprocessable
from cluster.knowledge.tables import Collection
from cluster.retrieval.briefing import Briefing, question_of
from cluster.retrieval.passages import Found, Place
from cluster.retrieval.retriever import Retriever
from cluster.specs.loader import explain, nearest
from cluster.specs.prices import Consumption
from cluster.specs.retrieval import DEFAULT, RetrievalSettings, RetrievalSpec, retrieval_settings


@dataclass(frozen=True, slots=True)
class Where:
    """Collections, and how they are searched."""

    places: tuple[Place, ...]
    spec: RetrievalSpec


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
        rows = await self._collections(collections)
        own = {row.retrieval for row in rows}
        spec = self._spec(settings or (own.pop() if len(own) == 1 else DEFAULT))
        return Where(tuple(Place(str(row.id), _space(row)) for row in rows), spec)

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
        found = await self.find(Where(where.places, spec), body.question, body.filters.filters(), body.limit)
        return SearchAnswer.of(spec, sorted(body.overrides.model_fields_set) if body.overrides else [], found)

    async def brief(self, wish: KnowledgeWish, messages: Sequence[Message], context_tokens: int | None) -> Briefing:
        """What a model with so large a context is to know for its answer. Errors name fields below ``knowledge``."""
        question = question_of(messages)
        try:
            where = await self.where(wish.collections, wish.settings)
            found = await self.find(where, question, limit=wish.limit)
        except HearthError as error:
            raise error.about(f"knowledge.{error.param}" if error.param else None) from None
        return Briefing.of(found, where.spec, context_tokens, required=wish.require)

    def _spec(self, name: str) -> RetrievalSpec:
        try:
            return self.settings.get(name)
        except NotFound as error:
            raise error.about("settings") from None

    async def _collections(self, wanted: Sequence[str] | None) -> list[Collection]:
        async with self._parts.stores.database.session() as session:
            rows = KnowledgeRepository(session, self._organisation_id)
            if wanted is None:
                return list(await rows.all())
            found = await rows.called([known for one in wanted if (known := _uuid(one)) is not None], wanted)
            called = {str(row.id): row for row in found} | {row.name: row for row in found}
            for at, one in enumerate(wanted):
                if _canonical(one) not in called:
                    raise _unknown(one, await rows.names()).about(f"collections.{at}")
        return list({row.id: row for row in (called[_canonical(one)] for one in wanted)}.values())

    async def _paths(self, documents: Sequence[str]) -> Mapping[str, str]:
        ids = {one: known for one in documents if (known := _uuid(one)) is not None}
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


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _canonical(text: str) -> str:
    """A name as it is, an id as the database writes it."""
    return text if (known := _uuid(text)) is None else str(known)


def _unknown(wanted: str, names: Sequence[str]) -> NotFound:
    hint = nearest(wanted, names)
    choice = f"did you mean '{hint}'?" if hint else "GET /api/v1/collections lists them."
    return NotFound(f"There is no collection '{wanted}'; {choice}")
