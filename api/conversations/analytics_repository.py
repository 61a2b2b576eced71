"""The SQL of activity in conversations."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Date, Select, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute

from api.conversations.tables import Conversation, Message
from cluster.stores.sql import AsyncSession

QueryT = TypeVar("QueryT", bound=Select[*tuple[Any, ...]])


class AnalyticsRepository:
    """Of one organisation's conversations since a moment; of one owner's where ``owner_id`` is given. Deleted ones do not count."""

    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID, owner_id: uuid.UUID | None, since: datetime) -> None:
        self._session = session
        self._organisation_id = organisation_id
        self._owner_id = owner_id
        self._since = since

    async def totals(self) -> tuple[int, int, int]:
        """Conversations, messages, people."""
        query = select(func.count(Conversation.id.distinct()), func.count(), func.count(Message.author_id.distinct()))
        row = (await self._session.execute(self._said(query))).one()
        return row[0], row[1], row[2]

    async def models(self) -> list[tuple[str, int, int, int, int, int]]:
        """Model, answers, input, output, cached tokens, answers that did not reach their end; the busiest first."""
        model = func.coalesce(Message.served_by, Message.model)
        told, said, cached = _sum(Message.prompt_tokens), _sum(Message.completion_tokens), _sum(Message.cached_tokens)
        unfinished = func.count().filter(Message.status != "complete")
        query = select(model, func.count(), told, said, cached, unfinished).where(Message.model.is_not(None))
        rows = await self._session.execute(self._said(query).group_by(model).order_by(func.count().desc(), model))
        return [(str(row[0]), row[1], row[2], row[3], row[4], row[5]) for row in rows]

    async def days(self) -> list[tuple[date, int, int, int]]:
        """Day, conversations, messages, tokens; the latest first."""
        day = cast(func.timezone("UTC", Message.created_at), Date)
        tokens = _sum(Message.prompt_tokens) + _sum(Message.completion_tokens)
        query = select(day, func.count(Conversation.id.distinct()), func.count(), tokens)
        rows = await self._session.execute(self._said(query).group_by(day).order_by(day.desc()))
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def _said(self, query: QueryT) -> QueryT:
        joined = query.select_from(Message).join(Conversation, Conversation.id == Message.conversation_id)
        ours = joined.where(Conversation.organisation_id == self._organisation_id, Conversation.deleted_at.is_(None))
        ours = ours.where(Message.created_at >= self._since)
        return ours if self._owner_id is None else ours.where(Conversation.owner_id == self._owner_id)


def _sum(column: InstrumentedAttribute[int | None]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column), 0)
