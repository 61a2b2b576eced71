"""The SQL of share links."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select

from api.conversations.tables import Conversation, ShareLink
from cluster.stores.sql import AsyncSession


class ShareRepository:
    """Whoever calls has made sure that the conversation is the caller's, or holds the token."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, link: ShareLink) -> None:
        self._session.add(link)
        await self._session.flush()

    async def of_conversation(self, conversation_id: uuid.UUID) -> Sequence[ShareLink]:
        query = select(ShareLink).where(ShareLink.conversation_id == conversation_id).order_by(ShareLink.created_at)
        return (await self._session.scalars(query)).all()

    async def get(self, conversation_id: uuid.UUID, share_id: uuid.UUID) -> ShareLink | None:
        return await self._session.scalar(select(ShareLink).where(ShareLink.conversation_id == conversation_id, ShareLink.id == share_id))

    async def open(self, token_hash: str, now: datetime) -> tuple[ShareLink, Conversation] | None:
        """The link in force, and what it leads to."""
        query = (
            select(ShareLink, Conversation)
            .join(Conversation, Conversation.id == ShareLink.conversation_id)
            .where(
                ShareLink.token_hash == token_hash,
                ShareLink.revoked_at.is_(None),
                or_(ShareLink.expires_at.is_(None), ShareLink.expires_at > now),
                Conversation.deleted_at.is_(None),
            )
        )
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else (row[0], row[1])
