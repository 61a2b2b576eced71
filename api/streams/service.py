"""Preparing an answer: all that the database has to do with it before the first token."""

from __future__ import annotations

import uuid
from dataclasses import replace

from api.agents.gateway import AgentGateway
from api.conversations.message_repository import MessageRepository
from api.conversations.messages import Messages
from api.conversations.schemas import stored, text_of
from api.conversations.service import WRITERS, Conversations
from api.conversations.tables import Conversation, Message
from api.drafts.draft import KINDS, latest
from api.drafts.drafting import Wish, packed_wish
from api.generation.service import adapter_of
from api.prompts.service import Prompts
from api.retrieval.attached import attached
from api.retrieval.service import Knowledge
from api.streams.compacting import Compacting
from api.streams.context import context_of, spoken
from api.streams.fitting import Draft, Fitting, Unsettled
from api.streams.grounding import asked_last, briefed, packed_briefing
from api.streams.journal import Journal
from api.streams.repository import GenerationRepository
from api.streams.requests import packed, packed_asker
from api.streams.running import Streams
from api.streams.schemas import PrepareBody, Prepared, Stopped
from api.streams.tables import GenerationRow
from api.streams.window import Measure, Window
from api.web.deps import Parts
from api.web.exchange import Exchange
from api.web.principal import Principal
from cluster.contracts.generation import Message as ModelMessage
from cluster.contracts.models import ModelKind, ModelStatus
from cluster.errors import BadInput, Conflict, NotFound, Unprocessable
from cluster.graphs.chatting import PREFIX
from cluster.providers.routes import IMAGES
from cluster.retrieval.briefing import Briefing
from cluster.stores.sql import AsyncSession

# As often as a summary can leave fewer messages as they are, and the context can be counted again after each.
_ATTEMPTS = 30


class _Unbriefed(Exception):
    """The conversation has documents attached, in which nobody has looked yet."""


class Preparing:
    """For one person. What is written is written in one short transaction; the answer begins after it."""

    def __init__(
        self, parts: Parts, gateway: AgentGateway, streams: Streams, who: Principal, knowledge: Knowledge, exchange: Exchange
    ) -> None:
        self._parts = parts
        self._gateway = gateway
        self._exchange = exchange
        self._knowledge = knowledge
        self._streams = streams
        self._who = who

    async def prepare(self, conversation_id: uuid.UUID, body: PrepareBody) -> Prepared:
        status = await self._gateway.resolve(body.model, ModelKind.LLM)
        # Whether documents are attached is seen with the rest; few conversations have some.
        looked = "knowledge" in body.model_fields_set
        briefing = await self._briefing(conversation_id, body, status) if looked else None
        measure = Measure(self._gateway, self._parts.settings.conversations.count_timeout_s)
        fitting = Compacting(self._parts, self._streams.on_saved, self._who).fitting(measure, conversation_id, body.model)
        for _ in range(_ATTEMPTS):
            try:
                async with self._parts.stores.database.session() as session:
                    conversation = await self._locked(session, conversation_id, looked=looked)
                    row = await self._write_down(session, conversation, body, status, fitting, briefing)
                    # Before the commit: nothing is written while Redis is away, and whoever deletes the conversation finds the lease.
                    journal = self._streams.runner.journal(row.id)
                    prepared = await self._ticket(row, journal)
            except _Unbriefed:
                briefing, looked = await self._briefing(conversation_id, body, status), True
            except Unsettled as unsettled:
                await fitting.settle(unsettled.draft)
            else:
                self._exchange.lasting = self._streams.runner.begin(journal, row)
                return prepared
        raise Conflict("The conversation changed again and again while its answer was prepared; send the request again.")

    async def resume(self, conversation_id: uuid.UUID, generation_id: uuid.UUID | None) -> Prepared:
        """A new token for an answer whose events are still there: a named one, or the latest that is being written."""
        async with self._parts.stores.database.session() as session:
            await self._conversations(session).get(conversation_id)
            rows = GenerationRepository(session)
            running = await rows.running(conversation_id)
            row = await rows.get(generation_id) if generation_id else (running[-1] if running else None)
        if row is None or row.conversation_id != conversation_id:
            raise NotFound("No answer with this id is being written here; GET .../messages has those that are finished.")
        return await self._ticket(row)

    async def stop(self, conversation_id: uuid.UUID, generation_id: uuid.UUID | None) -> Stopped:
        async with self._parts.stores.database.session() as session:
            await self._conversations(session).get(conversation_id, roles=WRITERS)
            running = [row.id for row in await GenerationRepository(session).running(conversation_id)]
        chosen = [row_id for row_id in running if generation_id in {None, row_id}]
        for row_id in chosen:
            await self._streams.runner.journal(row_id).halt()
        return Stopped(stopped=chosen)

    async def _ticket(self, row: GenerationRow, journal: Journal | None = None) -> Prepared:
        token = await self._streams.tickets.issue(row.id, journal)
        wait_s = self._parts.settings.conversations.stream_token_s
        return Prepared(
            stream_token=token, stream_url=f"/stream/{token}", expires_in_s=wait_s, generation_id=row.id, message_id=row.parent_id
        )

    async def _locked(self, session: AsyncSession, conversation_id: uuid.UUID, *, looked: bool) -> Conversation:
        """Raises _Unbriefed where documents are attached, and nobody has ``looked`` in them."""
        conversation = await self._conversations(session).get(conversation_id, roles=WRITERS, lock=True)
        if not looked and attached(conversation.knowledge) is not None:
            raise _Unbriefed
        return conversation

    async def _write_down(
        self,
        session: AsyncSession,
        conversation: Conversation,
        body: PrepareBody,
        status: ModelStatus,
        fitting: Fitting,
        briefing: Briefing | None,
    ) -> GenerationRow:
        """Raises Unsettled, which undoes the transaction."""
        asked = await self._asked(session, conversation, body)
        row_id = uuid.uuid4()
        draft = await self._draft(session, conversation, asked, body, status)
        wish = await self._wish(session, conversation, asked, body)
        # What asks for a draft is not answered from documents.
        draft = briefed(draft, briefing) if wish is None else replace(draft, context=spoken(draft.context))
        briefing = briefing if wish is None else None
        request = fitting.settled(draft)
        if request is None:
            raise Unsettled(draft)
        row = GenerationRow(
            id=row_id,
            organisation_id=conversation.organisation_id,
            owner_id=self._who.user_id,
            key_id=self._who.key_id,
            conversation_id=conversation.id,
            parent_id=asked.id,
            state="running",
            attempts=1,
            model=body.model,
            request=packed(replace(request, request_id=row_id.hex))
            | packed_briefing(briefing)
            | packed_wish(wish)
            | packed_asker(self._who),
        )
        rows = GenerationRepository(session)
        rows.add(row)
        await rows.flush()
        return row

    async def _wish(self, session: AsyncSession, conversation: Conversation, asked: Message, body: PrepareBody) -> Wish | None:
        """What the conversation drafts, where it does. Raises Unprocessable for what has no place in a draft."""
        kind = next((kind for kind in KINDS if kind == conversation.type), None)
        if kind is None:
            return None
        if body.tools or body.response_format is not None or body.knowledge is not None or body.model.startswith(PREFIX):
            raise Unprocessable(
                f"In a conversation of the type {kind} a model drafts in a form of its own; name a model that is no graph, and leave "
                "'tools', 'response_format' and 'knowledge' out."
            )
        before = latest(await MessageRepository(session).branch(asked.id))
        return Wish(kind, str(conversation.id), before.text if before is not None else None)

    async def _briefing(self, conversation_id: uuid.UUID, body: PrepareBody, status: ModelStatus) -> Briefing | None:
        """What documents say of it, looked up while no transaction is open: models are asked for it."""
        own = "knowledge" in body.model_fields_set
        async with self._parts.stores.database.session() as session:
            conversation = await self._conversations(session).get(conversation_id, roles=WRITERS)
            wish = body.knowledge if own else attached(conversation.knowledge)
            if wish is None:
                return None
            asked = await self._question(session, conversation_id, body)
        if not own and asked and not (asked[-1].content or "").strip():
            return None  # a picture alone, for example, of which nobody said that it was to be looked up
        if body.response_format is not None and body.response_format.type != "text":
            raise Unprocessable(
                "Answers in this conversation cite documents, which takes text; send 'knowledge': null, or leave 'response_format' out."
            ).about("response_format")
        release = self._gateway.released(status.id, adapter_of(body.model, status), str(conversation_id))
        searching = release.searching if release else None
        return await self._knowledge.brief(wish, asked, status, attached=not own, released=searching)

    async def _question(self, session: AsyncSession, conversation_id: uuid.UUID, body: PrepareBody) -> tuple[ModelMessage, ...]:
        leaf = body.answers or body.regenerates
        if leaf is None:
            return asked_last([("user", text_of(stored(body.content or [])))])
        await Messages(session, self._parts.settings, self._who).get(conversation_id, leaf)
        return asked_last([(row.role, row.text) for row in await MessageRepository(session).branch(leaf)])

    async def _asked(self, session: AsyncSession, conversation: Conversation, body: PrepareBody) -> Message:
        """The message to be answered, which is the active leaf from now on."""
        messages = Messages(session, self._parts.settings, self._who)
        if body.answers is not None:
            said = await messages.get(conversation.id, body.answers)
            if said.role not in {"user", "tool"}:
                raise BadInput("Only a user's or a tool's message is answered; for an answer anew, send 'regenerates'.").about("answers")
            conversation.active_leaf_id = said.id
            return said
        if body.content is None:
            assert body.regenerates is not None
            old = await messages.get(conversation.id, body.regenerates)
            if old.role != "assistant" or old.parent_id is None:
                raise BadInput("Only an answer can be regenerated; to ask anew, send 'content'.").about("regenerates")
            conversation.active_leaf_id = old.parent_id
            return await messages.get(conversation.id, old.parent_id)
        parent = conversation.active_leaf_id
        if body.edits is not None:
            old = await messages.get(conversation.id, body.edits)
            if old.role != "user":
                raise BadInput("Only a user's message can be edited; to write an answer anew, send 'regenerates'.").about("edits")
            parent = old.parent_id
        elif body.parent_id is not None:
            parent = (await messages.get(conversation.id, body.parent_id)).id
        row = Message(role="user", parts=stored(body.content), author_id=self._who.user_id, parent_id=parent)
        return await messages.append(conversation, row)

    async def _draft(
        self, session: AsyncSession, conversation: Conversation, asked: Message, body: PrepareBody, status: ModelStatus
    ) -> Draft:
        request = replace(body.request(status, (), "", str(self._who.organisation_id)), subject=str(conversation.id))
        release = self._gateway.released(request.model, request.adapter, request.subject)
        system = await Prompts(session, self._who).instructions(
            body.model,
            conversation.system_prompt,
            conversation.prompt_id,
            conversation.prompt_variables,
            released=release.prompt if release else None,
        )
        branch = await MessageRepository(session).branch(asked.id)
        return Draft(
            request=replace(request, release=release.label if release else None),
            context=context_of(system, branch, sees=_sees(status, body)),
            window=Window(status, body.max_tokens or 1),
            # A message that is new in this transaction is undone with it.
            leaf_id=asked.id if body.content is None else asked.parent_id,
            compact=body.compact or ("summary" if conversation.auto_compact else "off"),
        )

    def _conversations(self, session: AsyncSession) -> Conversations:
        return Conversations(session, self._parts.settings.conversations, self._who)


def _sees(status: ModelStatus, body: PrepareBody) -> bool:
    """Is anybody who may answer shown images? What stands behind an alias is known when it is asked."""
    return IMAGES in status.capabilities or status.engine == "alias" or bool(body.fallbacks)
