"""Deleting a conversation, whatever is being written in it."""

from __future__ import annotations

import uuid

from api.conversations.service import Conversations
from api.streams.repository import GenerationRepository
from api.streams.running import Streams
from api.web.deps import Parts
from api.web.principal import Principal


class Removing:
    """For one person."""

    def __init__(self, parts: Parts, streams: Streams, who: Principal) -> None:
        self._parts = parts
        self._streams = streams
        self._who = who

    async def delete(self, conversation_id: uuid.UUID, *, hard: bool) -> None:
        """``hard``: its rows are gone when this returns, what was being written is stopped, and Redis holds nothing of it. Softly: what is
        being written goes on, and is there when the conversation is restored."""
        async with self._parts.stores.database.session() as session:
            generations = await GenerationRepository(session).of_conversation(conversation_id) if hard else []
            await Conversations(session, self._parts.settings.conversations, self._who).delete(conversation_id, hard=hard)
        for generation_id in generations:
            await self._streams.runner.journal(generation_id).forget()
