"""The SQL of answers being written."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from api.conversations.tables import Conversation, Message
from api.streams.tables import GenerationRow
from cluster.stores.sql import AsyncSession


class GenerationRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: GenerationRow | Message) -> None:
        self._session.add(row)

    async def get(self, generation_id: uuid.UUID) -> GenerationRow | None:
        return await self._session.get(GenerationRow, generation_id)

    async def lock(self, generation_id: uuid.UUID) -> tuple[Conversation, GenerationRow] | None:
        """Both rows, held until the transaction ends; the conversation first, as everybody does, so that nobody waits in a circle."""
        place = select(GenerationRow.conversation_id).where(GenerationRow.id == generation_id).scalar_subquery()
        conversation = await self._session.scalar(select(Conversation).where(Conversation.id == place).with_for_update())
        row = await self._session.scalar(select(GenerationRow).where(GenerationRow.id == generation_id).with_for_update())
        return None if conversation is None or row is None else (conversation, row)

    async def count_attempt(self, generation_id: uuid.UUID) -> GenerationRow | None:
        """Of one that is still to be written; None: it is not, or is gone."""
        told = update(GenerationRow).where(GenerationRow.id == generation_id, GenerationRow.state == "running")
        return await self._session.scalar(told.values(attempts=GenerationRow.attempts + 1).returning(GenerationRow))

    async def running(self, conversation_id: uuid.UUID) -> Sequence[GenerationRow]:
        query = select(GenerationRow).where(GenerationRow.conversation_id == conversation_id, GenerationRow.state == "running")
        return (await self._session.scalars(query.order_by(GenerationRow.created_at))).all()

    async def of_conversation(self, conversation_id: uuid.UUID) -> Sequence[uuid.UUID]:
        """All of them, those that have ended too."""
        return (await self._session.scalars(select(GenerationRow.id).where(GenerationRow.conversation_id == conversation_id))).all()

    async def left_running(self, older_s: float) -> Sequence[uuid.UUID]:
        """Those not ended that began more than ``older_s`` seconds ago."""
        before = datetime.now(UTC) - timedelta(seconds=older_s)
        query = select(GenerationRow.id).where(GenerationRow.state == "running", GenerationRow.created_at < before).limit(1000)
        return (await self._session.scalars(query)).all()

    async def flush(self) -> None:
        await self._session.flush()
