"""An answer becomes a message, exactly once, together with what it adds to the conversation's totals."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from api.conversations.schemas import text_of
from api.conversations.service import expiry
from api.conversations.tables import Conversation, Message
from api.conversations.telling import message_written
from api.conversations.totals import add_usage
from api.streams.accounts import Answered, OnSaved, nobody
from api.streams.fold import Folded
from api.streams.repository import GenerationRepository
from api.streams.tables import GenerationRow
from cluster.settings import ConversationSettings
from cluster.stores.sql import Database


class Saving:
    """One short transaction for each answer; ``on_saved`` is called after the one in which it was saved."""

    def __init__(self, database: Database, settings: ConversationSettings, on_saved: OnSaved = nobody) -> None:
        self._database = database
        self._settings = settings
        self._on_saved = on_saved

    async def begin(self, generation_id: uuid.UUID) -> GenerationRow | None:
        """Count an attempt at a generation that is still to be written; None: there is none (any more)."""
        async with self._database.session() as session:
            return await GenerationRepository(session).count_attempt(generation_id)

    async def save(self, generation_id: uuid.UUID, folded: Folded) -> bool:
        """Whether the message stands: saved now or before. False: the conversation is gone. Whoever comes second finds the row's state
        changed, and the message's id, which is the generation's, taken."""
        answered: Answered | None = None
        async with self._database.session() as session:
            rows = GenerationRepository(session)
            found = await rows.lock(generation_id)
            if found is None:
                return False
            if found[1].state == "running":
                answered = self._save(rows, *found, folded)
                conversation, row = found
                model = answered.model or None
                await message_written(session, row.organisation_id, conversation.id, row.id, "assistant", model, row.state)
        if answered is not None:
            await self._on_saved(answered)
        return True

    async def stands(self, generation_id: uuid.UUID) -> bool:
        """Is it saved?"""
        async with self._database.session() as session:
            row = await GenerationRepository(session).get(generation_id)
            return row is not None and row.state != "running"

    def _save(self, rows: GenerationRepository, conversation: Conversation, row: GenerationRow, folded: Folded) -> Answered:
        assert folded.finish is not None
        message = _message(row, folded)
        rows.add(message)
        row.state, row.ended_at = folded.finish["status"], datetime.now(UTC)
        # The conversation has all of it; what was asked, images included, need not be kept twice.
        row.request = {}
        self._add_up(conversation, row, message, folded)
        cached = bool(folded.source and folded.source["cached"])
        return Answered(row.organisation_id, row.owner_id, row.key_id, message.served_by or message.model or "", folded.usage, cached)

    def _add_up(self, conversation: Conversation, row: GenerationRow, message: Message, folded: Folded) -> None:
        add_usage(conversation, message.served_by or message.model or "", folded.usage)
        # Somebody may have gone on elsewhere in the tree in the meantime; that stays the end.
        if conversation.active_leaf_id == row.parent_id:
            conversation.active_leaf_id = row.id
        conversation.updated_at, conversation.expires_at = datetime.now(UTC), expiry(self._settings)


def _message(row: GenerationRow, folded: Folded) -> Message:
    assert folded.finish is not None
    usage, counted, source = folded.usage, folded.finish["usage"] is not None, folded.source or {}
    return Message(
        id=row.id,
        conversation_id=row.conversation_id,
        parent_id=row.parent_id,
        role="assistant",
        status=folded.finish["status"],
        parts=folded.parts,
        text=text_of(folded.parts),
        thinking=folded.thinking,
        tool_calls=[folded.calls[index] for index in sorted(folded.calls)],
        citations=folded.citations,
        model=row.request["model"],
        adapter=row.request["adapter"],
        served_by=source.get("served_by"),
        release=source.get("release"),
        fallbacks=source.get("fallbacks", []),
        from_cache=source.get("cached", False),
        prompt_tokens=usage.prompt_tokens if counted else None,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens if counted else None,
        tokens_exact=not usage.estimated,
        finish_reason=folded.finish["reason"],
        remark=folded.finish["remark"],
        first_token_ms=folded.first_token_ms,
        latency_ms=folded.finish["latency_ms"],
    )
