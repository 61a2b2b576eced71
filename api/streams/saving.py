"""An answer becomes a message, exactly once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from api.conversations.schemas import text_of
from api.conversations.service import expiry
from api.conversations.tables import Conversation, Message
from api.streams.fold import Folded
from api.streams.repository import GenerationRepository
from api.streams.tables import GenerationRow
from cluster.settings import ConversationSettings
from cluster.stores.sql import Database


class Saving:
    """One short transaction for each answer."""

    def __init__(self, database: Database, settings: ConversationSettings) -> None:
        self._database = database
        self._settings = settings

    async def begin(self, generation_id: uuid.UUID) -> GenerationRow | None:
        """Count an attempt at a generation that is still to be written; None: there is none (any more)."""
        async with self._database.session() as session:
            found = await GenerationRepository(session).lock(generation_id)
            if found is None or found[1].state != "running":
                return None
            found[1].attempts += 1
            return found[1]

    async def save(self, generation_id: uuid.UUID, folded: Folded) -> bool:
        """Whether the message stands: saved now or before. False: the conversation is gone. Whoever comes second finds the row's state
        changed, and the message's id, which is the generation's, taken."""
        assert folded.finish is not None
        async with self._database.session() as session:
            rows = GenerationRepository(session)
            found = await rows.lock(generation_id)
            if found is None:
                return False
            conversation, row = found
            if row.state == "running":
                rows.add(_message(row, folded))
                row.state, row.ended_at = folded.finish["status"], datetime.now(UTC)
                self._add_up(conversation, row, folded)
        return True

    def _add_up(self, conversation: Conversation, row: GenerationRow, folded: Folded) -> None:
        usage = _usage(folded)
        conversation.input_tokens += usage["prompt_tokens"] or 0
        conversation.output_tokens += usage["completion_tokens"] or 0
        # Somebody may have gone on elsewhere in the tree in the meantime; that stays the end.
        if conversation.active_leaf_id == row.parent_id:
            conversation.active_leaf_id = row.id
        conversation.updated_at, conversation.expires_at = datetime.now(UTC), expiry(self._settings)


def _usage(folded: Folded) -> dict[str, int | None]:
    """The engine's count, else what was seen."""
    finish = folded.finish or {}
    return finish.get("usage") or {"prompt_tokens": None, "completion_tokens": folded.tokens, "cached_tokens": None}


def _message(row: GenerationRow, folded: Folded) -> Message:
    assert folded.finish is not None
    usage = _usage(folded)
    base, _, adapter = row.model.partition(":")
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
        model=base,
        adapter=adapter or None,
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
        cached_tokens=usage["cached_tokens"],
        tokens_exact=folded.finish["usage"] is not None,
        finish_reason=folded.finish["reason"],
        remark=folded.finish["remark"],
        first_token_ms=folded.first_token_ms,
        latency_ms=folded.finish["latency_ms"],
    )
