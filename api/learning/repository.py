"""What people ask, as far as it may be learned from."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import aliased

from api.conversations.consent import consents
from api.conversations.tables import Conversation, Message
from cluster.stores.sql import AsyncSession


class Questions:
    """Of one organisation, in the transaction of ``session``."""

    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID) -> None:
        self._session = session
        self._organisation_id = organisation_id

    async def latest(self, base: str, since: datetime, most: int) -> Sequence[str]:
        """What owners of conversations asked ``base``, with or without an adapter, where the conversation consents to learning. What others
        said there is left out: they have agreed to nothing."""
        answer = aliased(Message)
        answered = exists().where(
            answer.parent_id == Message.id,
            answer.role == "assistant",
            func.split_part(func.coalesce(answer.served_by, answer.model), ":", 1) == base,
        )
        chosen = (
            select(Message.text)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(Conversation.organisation_id == self._organisation_id, Conversation.deleted_at.is_(None))
            .where(consents(), or_(Message.author_id.is_(None), Message.author_id == Conversation.owner_id))
            .where(Message.role == "user", Message.text != "", Message.created_at >= since, answered)
            .order_by(Message.created_at.desc(), Message.id)
        )
        return (await self._session.scalars(chosen.limit(most))).all()
