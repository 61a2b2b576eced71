"""Making a conversation shorter for the model: a summary stands for its older messages. The messages themselves stay."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from api.conversations.message_repository import MessageRepository
from api.conversations.service import WRITERS, Conversations
from api.conversations.tables import Message
from api.conversations.totals import add_usage
from api.generation.service import adapter_of
from api.streams.accounts import Answered, OnSaved
from api.streams.fitting import Fitting
from api.streams.schemas import Compacted
from api.streams.summaries import Summariser, Summary
from api.streams.window import Measure
from api.web.deps import Parts
from api.web.principal import Principal
from cluster.contracts.generation import GenerationRequest
from cluster.contracts.models import ModelKind
from cluster.errors import BadInput, NotFound
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class _Older:
    """What is to be summarised; ``before``: what stands for all that came earlier."""

    model: str
    before: str | None
    rows: Sequence[Message]


class Compacting:
    """For one person. Read in one short transaction, kept in another; the model is asked in between."""

    def __init__(self, parts: Parts, on_saved: OnSaved, who: Principal) -> None:
        self._parts = parts
        self._on_saved = on_saved
        self._who = who

    async def compact(
        self, conversation_id: uuid.UUID, *, model: str | None = None, leaf_id: uuid.UUID | None = None, keep: int | None = None
    ) -> Compacted:
        """The branch to ``leaf_id`` (by default the active one), but for its latest ``keep`` messages and what comes before them up to a
        user's. Other branches keep their own summaries. Without ``model`` the conversation's is asked, or that of its last answer."""
        kept = self._parts.settings.conversations.compact_keep_messages if keep is None else keep
        older = await self._older(conversation_id, model, leaf_id, kept)
        if not older.rows:
            return Compacted(summarised=0, until_id=None, summary=older.before, model=older.model)
        written = await self._write(older)
        until = older.rows[-1].id
        await self._keep(conversation_id, until, written)
        for usage in written.usage:
            await self._on_saved(Answered(self._who.organisation_id, self._who.user_id, self._who.key_id, written.served_by, usage))
        return Compacted(summarised=len(older.rows), until_id=until, summary=written.text, model=written.served_by)

    def fitting(self, measure: Measure, conversation_id: uuid.UUID, model: str) -> Fitting:
        """For one answer of ``model`` in the conversation: summaries with which it fits, where it may be summarised."""

        async def summarise(leaf_id: uuid.UUID | None, keep: int) -> int:
            if leaf_id is None:
                return 0
            return (await self.compact(conversation_id, model=model, leaf_id=leaf_id, keep=keep)).summarised

        return Fitting(measure, summarise, self._parts.settings.conversations.compact_keep_messages)

    async def _older(self, conversation_id: uuid.UUID, model: str | None, leaf_id: uuid.UUID | None, keep: int) -> _Older:
        async with self._parts.stores.database.session() as session:
            conversation = await self._conversations(session).get(conversation_id, roles=WRITERS)
            rows = await MessageRepository(session).branch(leaf_id or conversation.active_leaf_id)
        start = next((at + 1 for at in range(len(rows) - 1, -1, -1) if rows[at].summary), 0)
        asked = model or conversation.model or next((row.model for row in reversed(rows) if row.model), None)
        if asked is None:
            raise BadInput("Nobody has answered here yet, and the conversation names no model; say which one writes the summary.").about(
                "model"
            )
        return _Older(asked, rows[start - 1].summary if start else None, rows[start : _cut(rows, keep)])

    async def _write(self, older: _Older) -> Summary:
        gateway = self._parts.gateway
        status = await gateway.resolve(older.model, ModelKind.LLM)
        asked = GenerationRequest(
            status.id, adapter=adapter_of(older.model, status), request_id=uuid.uuid4().hex, scope=str(self._who.organisation_id)
        )
        longest = self._parts.settings.conversations.compact_summary_tokens
        return await Summariser(gateway, status, asked, longest).write(older.before, older.rows)

    async def _keep(self, conversation_id: uuid.UUID, until_id: uuid.UUID, written: Summary) -> None:
        async with self._parts.stores.database.session() as session:
            conversation = await self._conversations(session).get(conversation_id, roles=WRITERS, lock=True)
            row = await MessageRepository(session).get(conversation_id, until_id)
            if row is None:
                raise NotFound("The messages to be summarised are gone.")
            row.summary = written.text
            for usage in written.usage:
                add_usage(conversation, written.served_by, usage)

    def _conversations(self, session: AsyncSession) -> Conversations:
        return Conversations(session, self._parts.settings.conversations, self._who)


def _cut(rows: Sequence[Message], keep: int) -> int:
    """Where the messages begin that stay: with one of a user's, as chat templates want it."""
    cut = max(0, len(rows) - keep)
    while 0 < cut < len(rows) and rows[cut].role != "user":
        cut -= 1
    return cut
