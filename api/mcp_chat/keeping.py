"""A chat with tools in a conversation: what was said before it, and what is added to it, turn by turn."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from api.conversations.message_repository import MessageRepository
from api.conversations.messages import Messages
from api.conversations.schemas import stored
from api.conversations.service import WRITERS, Conversations, expiry
from api.conversations.tables import Conversation, Message
from api.conversations.telling import message_written
from api.conversations.totals import add_usage
from api.mcp_chat.schemas import McpChatBody
from api.mcp_chat.telling import Spoken
from api.prompts.service import Prompts
from api.retrieval.attached import attached
from api.retrieval.citations import KnowledgeWish
from api.streams.context import context_of
from api.streams.fitting import Draft, Fitting, Unsettled
from api.streams.grounding import briefed
from api.streams.window import Window
from api.web.deps import Parts
from api.web.principal import Principal
from cluster.contracts.generation import GenerationRequest
from cluster.contracts.models import ModelStatus
from cluster.learning.releases.entry import ReleaseEntry
from cluster.providers.routes import IMAGES
from cluster.retrieval.briefing import Briefing
from cluster.stores.sql import AsyncSession
from cluster.tools.loop import Turn


class Unbriefed(Exception):
    """The conversation has documents attached, in which nobody has looked yet. Nothing was written down."""

    def __init__(self, wish: KnowledgeWish) -> None:
        super().__init__()
        self.wish = wish


class Keeping:
    """For one request of one person.

    Each step is one short transaction, so that nothing is held while a model or a tool works; what is there when the process ends, or the
    caller leaves, stays. ``release``: in the way of which release it is answered."""

    def __init__(self, parts: Parts, who: Principal, conversation_id: uuid.UUID, release: ReleaseEntry | None) -> None:
        self._parts = parts
        self._who = who
        self.conversation_id = conversation_id
        self.release = release
        self._leaf: uuid.UUID | None = None

    async def begin(
        self,
        body: McpChatBody,
        status: ModelStatus,
        request: GenerationRequest,
        fitting: Fitting,
        briefing: Briefing | None,
        *,
        looked: bool,
    ) -> GenerationRequest:
        """Writes the question down; ``request`` with it and what was said before, as the model is told. ``looked``: in what is attached,
        with what came of it as ``briefing``. Raises Unbriefed and Unsettled, and has written nothing then."""
        async with self._parts.stores.database.session() as session:
            conversation = await self._locked(session)
            wish = attached(conversation.knowledge)
            if wish is not None and not looked:
                raise Unbriefed(wish)
            messages = Messages(session, self._parts.settings, self._who)
            parent = conversation.active_leaf_id
            row = Message(role="user", parts=stored(body.content or []), author_id=self._who.user_id, parent_id=parent)
            row = await messages.append(conversation, row)
            system = await Prompts(session, self._who).instructions(
                body.model,
                conversation.system_prompt,
                conversation.prompt_id,
                conversation.prompt_variables,
                released=self.release.prompt if self.release else None,
            )
            branch = await MessageRepository(session).branch(row.id)
            context = context_of(system, branch, sees=IMAGES in status.capabilities)
            compact = body.compact or ("summary" if conversation.auto_compact else "off")
            draft = briefed(Draft(request, context, Window(status, body.max_tokens or 1), parent, compact), briefing)
            told = fitting.settled(draft)
            if told is None:
                raise Unsettled(draft)
        self._leaf = row.id
        return told

    async def add(self, turn: Turn, spoken: Spoken, model: str, latency_ms: int) -> uuid.UUID:
        """The turn, with what came of its calls; the id of its last message."""
        calls = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in turn.message.tool_calls]
        row = self._row("assistant", spoken.text, status="complete", tool_calls=calls, model=model, latency_ms=latency_ms)
        row.thinking, row.citations = spoken.thinking, spoken.citations
        row.finish_reason = turn.reason
        row.prompt_tokens, row.completion_tokens = turn.usage.prompt_tokens, turn.usage.completion_tokens
        row.cached_tokens, row.tokens_exact = turn.usage.cached_tokens, not turn.usage.estimated
        if turn.provenance is not None:
            row.served_by, row.from_cache = turn.provenance.served_by, turn.provenance.cached
            row.release = turn.provenance.release
            row.fallbacks = [{"model": one.model, "code": one.code, "reason": one.reason} for one in turn.provenance.fallbacks]
        answers = [self._row("tool", answer.content or "", tool_call_id=answer.tool_call_id) for answer in turn.answers]
        return await self._append([row, *answers], turn)

    async def break_off(self, spoken: Spoken, model: str, status: str, remark: str) -> None:
        """What there is of a turn that did not reach its end."""
        if spoken.text or spoken.thinking or status == "failed":
            row = self._row("assistant", spoken.text, status=status, thinking=spoken.thinking, model=model, remark=remark)
            row.citations = spoken.citations
            await self._append([row], None)

    async def _append(self, rows: list[Message], turn: Turn | None) -> uuid.UUID:
        async with self._parts.stores.database.session() as session:
            conversation = await self._locked(session)
            stored_rows, followed = MessageRepository(session), conversation.active_leaf_id == self._leaf
            for row in rows:
                # Each has a time of its own, by which all messages of a conversation are in order.
                row.parent_id, row.created_at = self._leaf, datetime.now(UTC)
                stored_rows.add(row)
                await stored_rows.flush()
                await message_written(session, conversation.organisation_id, conversation.id, row.id, row.role, row.model)
                self._leaf = row.id
            if turn is not None:
                add_usage(conversation, rows[0].served_by or rows[0].model or "", turn.usage)
            # Somebody may have gone on elsewhere in the tree in the meantime; that stays the end.
            if followed:
                conversation.active_leaf_id = self._leaf
            conversation.updated_at, conversation.expires_at = datetime.now(UTC), expiry(self._parts.settings.conversations)
        assert self._leaf is not None
        return self._leaf

    def _row(self, role: str, text: str, **fields: object) -> Message:
        parts = [{"type": "text", "text": text}] if text else []
        return Message(id=uuid.uuid4(), conversation_id=self.conversation_id, role=role, parts=parts, text=text, **fields)

    async def _locked(self, session: AsyncSession) -> Conversation:
        """Raises NotFound, also where it was deleted meanwhile."""
        conversations = Conversations(session, self._parts.settings.conversations, self._who)
        return await conversations.get(self.conversation_id, roles=WRITERS, lock=True)
