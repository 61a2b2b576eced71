"""Searching the collections of an organisation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from api.retrieval.citations import KnowledgeWish
from api.retrieval.schemas import SearchAnswer, SearchBody, SearchingBody
from api.web.deps import Parts
from api.web.exchange import Exchange
from cluster.contracts.generation import Message, Usage
from cluster.contracts.models import ModelStatus
from cluster.contracts.retrieval import EVERYTHING, Filters
from cluster.errors import BadInput, HearthError, Unprocessable
from cluster.knowledge.naming import need_named
from cluster.knowledge.searched import KnowledgeRepository
from cluster.knowledge.searching import KnowledgeSearch, Where
from cluster.retrieval.briefing import Briefing, Reader, question_of
from cluster.retrieval.passages import Found
from cluster.specs.loader import explain
from cluster.specs.prices import Consumption
from cluster.specs.retrieval import RetrievalSettings, RetrievalSpec
from cluster.stores.sql import AsyncSession


class Knowledge:
    """What the documents of one organisation say. Holds no transaction while models work; what it cost is put on ``exchange``."""

    def __init__(self, parts: Parts, exchange: Exchange, organisation_id: uuid.UUID) -> None:
        self._parts = parts
        self._exchange = exchange
        self._organisation_id = organisation_id
        self._search = KnowledgeSearch(organisation_id, parts.gateway, parts.vectors, parts.stores.database, parts.settings.home)

    @property
    def settings(self) -> RetrievalSettings:
        return self._search.settings

    async def attachable(self, session: AsyncSession, wish: KnowledgeWish | None) -> dict[str, Any] | None:
        """The wish as it is kept: collections by their ids, so that they may be called something else later. Raises NotFound naming the
        nearest; errors name fields below ``knowledge``."""
        if wish is None:
            return None
        kept = wish.model_dump()
        with _below_knowledge():
            if wish.settings is not None:
                self._search.spec(wish.settings)
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
        found = await self._search.find(where, question, filters, limit, request_id=self._exchange.request_id)
        for model, tokens in found.spent:
            self._exchange.spent.append((model, Consumption(tokens)))
            self._parts.metrics.count_usage(model, Usage(prompt_tokens=tokens))
        return found

    async def search(self, body: SearchBody) -> SearchAnswer:
        where = await self._search.where(body.collections, body.settings)
        spec = overridden(where.spec, body.overrides)
        found = await self.find(replace(where, spec=spec), body.question, body.filters.filters(), body.limit)
        return SearchAnswer.of(spec, sorted(body.overrides.model_fields_set) if body.overrides else [], found)

    async def brief(
        self,
        wish: KnowledgeWish,
        messages: Sequence[Message],
        status: ModelStatus,
        *,
        attached: bool = False,
        released: RetrievalSpec | None = None,
    ) -> Briefing:
        """What the model with ``status`` is to know for its answer. ``attached``: the wish was kept earlier, and what of it is gone
        is noted, not refused. ``released``: how the release that answers searches, unless the wish says how. Errors name fields below
        ``knowledge``."""
        question = question_of(messages)
        choose = self._search.where_left if attached else self._search.where
        with _below_knowledge():
            where = await choose(wish.collections, wish.settings)
            if released is not None and wish.settings is None:
                where = replace(where, spec=released)
            found = await self.find(where, question, limit=wish.limit)
        found = replace(found, notes=(*where.notes, *found.notes))
        return Briefing.of(found, where.spec, Reader.of(status), question, required=wish.require)


def overridden(spec: RetrievalSpec, by: SearchingBody | None) -> RetrievalSpec:
    """Raises Unprocessable where it does not fit together, such as fewer candidates than results."""
    if by is None:
        return spec
    try:
        return RetrievalSpec.model_validate(spec.model_dump() | by.model_dump(exclude_unset=True))
    except ValidationError as error:
        raise Unprocessable(explain(error, RetrievalSpec, "overrides")).about("overrides") from None


@contextmanager
def _below_knowledge() -> Iterator[None]:
    try:
        yield
    except HearthError as error:
        raise error.about(f"knowledge.{error.param}" if error.param else None) from None
