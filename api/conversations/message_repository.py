"""The SQL of messages: a tree for each conversation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Select, bindparam, func, literal, select, tuple_

from api.conversations.cursors import Position
from api.conversations.tables import Message
from cluster.stores.sql import AsyncSession


class MessageRepository:
    """Whoever calls has made sure that the conversation is the caller's to see."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: Message) -> None:
        self._session.add(row)

    async def get(self, conversation_id: uuid.UUID, message_id: uuid.UUID) -> Message | None:
        query = select(Message).where(Message.conversation_id == conversation_id, Message.id == message_id)
        return await self._session.scalar(query)

    async def branch(self, leaf_id: uuid.UUID | None) -> Sequence[Message]:
        """The messages from the first one to ``leaf_id``."""
        if leaf_id is None:
            return []
        return (await self._session.scalars(_BRANCH, {"leaf": leaf_id})).all()

    async def all(self, conversation_id: uuid.UUID, limit: int | None = None, after: Position | None = None) -> Sequence[Message]:
        """Every branch, in the order of writing."""
        query = select(Message).where(Message.conversation_id == conversation_id).order_by(Message.created_at, Message.id).limit(limit)
        if after is not None:
            query = query.where(tuple_(Message.created_at, Message.id) > tuple_(literal(after[0]), literal(after[1])))
        return (await self._session.scalars(query)).all()

    async def count(self, conversation_id: uuid.UUID) -> int:
        query = select(func.count()).select_from(Message).where(Message.conversation_id == conversation_id)
        return await self._session.scalar(query) or 0

    async def flush(self) -> None:
        await self._session.flush()


def _branch() -> Select[Message]:
    """From the first message to that with the id ``leaf``."""
    start = select(Message.id, Message.parent_id, literal(0).label("depth")).where(Message.id == bindparam("leaf"))
    path = start.cte("path", recursive=True)
    path = path.union_all(select(Message.id, Message.parent_id, path.c.depth + 1).join(path, Message.id == path.c.parent_id))
    return select(Message).join(path, Message.id == path.c.id).order_by(path.c.depth.desc())


# Made once: to put such a statement together takes as long as to have it answered.
_BRANCH = _branch()
