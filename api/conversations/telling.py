"""Telling webhooks of messages, in the transaction that writes them. What was said is not told: it belongs to those who take part."""

from __future__ import annotations

import uuid

from cluster.stores.sql import AsyncSession
from cluster.webhooks.events import tell


async def message_written(
    session: AsyncSession,
    organisation_id: uuid.UUID,
    conversation_id: uuid.UUID,
    message_id: uuid.UUID,
    role: str,
    model: str | None = None,
    status: str = "complete",
) -> None:
    told = {"message_id": str(message_id), "conversation_id": str(conversation_id), "role": role, "model": model, "status": status}
    await tell(session, organisation_id, "message.created", told)
