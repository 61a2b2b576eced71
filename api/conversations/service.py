"""Conversations: made, found, changed, deleted; who takes part."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from api.conversations.answers import Cleaned, ConversationAnswer, FoundMessage, Listing, ParticipantAnswer
from api.conversations.cursors import cursor_of, position_of
from api.conversations.message_repository import MessageRepository
from api.conversations.repository import ConversationRepository
from api.conversations.schemas import ConversationBody, ConversationPatch, ConversationQuery, ParticipantBody, SearchQuery, SessionBody
from api.conversations.tables import Conversation, Participant
from api.web.principal import Principal, Role
from cluster.errors import BadInput, Conflict, Forbidden, NotFound
from cluster.prompts.store import StoredPrompts
from cluster.settings import ConversationSettings
from cluster.stores.sql import AsyncSession

OWNER = ("owner",)
WRITERS = ("owner", "writer")
# Fields that are never null, although a patch leaves them out as None.
Attached = dict[str, Any] | None
_FILLED = {"title", "status", "is_resumable", "tags", "metadata", "pinned", "prompt_variables", "auto_compact"}


class Conversations:
    """For one person, in one transaction. Whatever is not theirs to see does not exist for them."""

    def __init__(self, session: AsyncSession, settings: ConversationSettings, who: Principal) -> None:
        self._rows = ConversationRepository(session)
        self._messages = MessageRepository(session)
        self._prompts = StoredPrompts(session)
        self._settings = settings
        self._who = who

    async def create(self, body: ConversationBody, knowledge: Attached = None) -> Conversation:
        """``knowledge``: that of the body, as it is kept."""
        return await self._create(body, self._who.user_id, knowledge)

    async def create_session(self, body: SessionBody, knowledge: Attached = None) -> Conversation:
        """Raises Forbidden for somebody else's, unless an admin asks for a member."""
        if body.user_id != self._who.user_id:
            if self._who.role is not Role.ADMIN:
                raise Forbidden("Only an admin opens a session for somebody else; give your own id as 'user_id'.").about("user_id")
            await self._need_member(body.user_id)
        return await self._create(body, body.user_id, knowledge)

    async def get(
        self, conversation_id: uuid.UUID, *, roles: Sequence[str] = (), lock: bool = False, deleted: bool = False
    ) -> Conversation:
        """Raises NotFound where there is none that the person sees, Forbidden where their part in it is too small."""
        found = await self._rows.get(conversation_id, self._who, lock=lock, deleted=deleted)
        if found is None:
            raise NotFound("There is no such conversation, or you do not take part in it; GET /api/v1/chat/conversations lists yours.")
        row, role = found
        if roles and role not in roles:
            raise Forbidden(f"This takes {' or '.join(roles)} of the conversation; ask its owner.")
        return row

    async def page(self, wanted: ConversationQuery) -> Listing[ConversationAnswer]:
        rows = list(await self._rows.page(self._who, wanted, position_of(wanted.cursor)))
        cursor = cursor_of(rows[wanted.limit - 1].updated_at, rows[wanted.limit - 1].id) if len(rows) > wanted.limit else None
        return Listing[ConversationAnswer](items=[ConversationAnswer.of(row) for row in rows[: wanted.limit]], next_cursor=cursor)

    async def search(self, wanted: SearchQuery) -> Listing[FoundMessage]:
        rows = await self._rows.search(self._who, wanted.q, wanted.limit, position_of(wanted.cursor))
        cursor = cursor_of(*rows[wanted.limit - 1][4:]) if len(rows) > wanted.limit else None
        found = [
            FoundMessage(conversation_id=conversation, title=title, message_id=message, excerpt=excerpt)
            for conversation, title, message, excerpt, _, _ in rows[: wanted.limit]
        ]
        return Listing[FoundMessage](items=found, next_cursor=cursor)

    async def change(self, conversation_id: uuid.UUID, patch: ConversationPatch, knowledge: Attached = None) -> Conversation:
        row = await self.get(conversation_id, roles=WRITERS, lock=True)
        changes = patch.model_dump(include=patch.model_fields_set)
        await self._check(conversation_id, changes)
        if "knowledge" in changes:
            changes["knowledge"] = knowledge
        if "metadata" in changes:
            changes["details"] = changes.pop("metadata")
        for name, value in changes.items():
            setattr(row, name, value)
        self.note_activity(row)
        await self._rows.flush()
        return row

    async def delete(self, conversation_id: uuid.UUID, *, hard: bool) -> None:
        row = await self.get(conversation_id, roles=OWNER, lock=True, deleted=True)
        if hard:
            await self._rows.remove(row)
        elif row.deleted_at is None:
            row.deleted_at = datetime.now(UTC)

    async def restore(self, conversation_id: uuid.UUID) -> Conversation:
        """Take a soft deletion back."""
        row = await self.get(conversation_id, roles=OWNER, lock=True, deleted=True)
        row.deleted_at = None
        self.note_activity(row)
        await self._rows.flush()
        return row

    async def participants(self, conversation_id: uuid.UUID) -> list[ParticipantAnswer]:
        await self.get(conversation_id)
        return [ParticipantAnswer.of(row) for row in await self._rows.participants(conversation_id)]

    async def invite(self, conversation_id: uuid.UUID, body: ParticipantBody) -> list[ParticipantAnswer]:
        """Somebody of the same organisation takes part, or in another role than before."""
        row = await self.get(conversation_id, roles=OWNER, lock=True)
        if body.user_id == row.owner_id:
            raise Conflict("The owner takes part already, and stays the owner.").about("user_id")
        await self._need_member(body.user_id)
        part = await self._rows.participant(conversation_id, body.user_id)
        if part is None:
            self._rows.add(Participant(conversation_id=conversation_id, user_id=body.user_id, role=body.role))
        else:
            part.role = body.role
        await self._rows.flush()
        return await self.participants(conversation_id)

    async def part(self, conversation_id: uuid.UUID, user_id: uuid.UUID) -> None:
        """``user_id`` no longer takes part: everybody may go, the owner may send others away."""
        row = await self.get(conversation_id, roles=() if user_id == self._who.user_id else OWNER)
        if user_id == row.owner_id:
            raise Conflict("The owner cannot leave; delete the conversation instead.").about("user_id")
        part = await self._rows.participant(conversation_id, user_id)
        if part is None:
            raise NotFound("Nobody with this id takes part; GET .../participants lists who does.")
        await self._rows.remove(part)

    async def clean_up(self, *, dry_run: bool) -> Cleaned:
        """In the person's organisation."""
        work = self._rows.count_lapsed if dry_run else self._rows.remove_lapsed
        kept = timedelta(days=self._settings.deleted_retention_days)
        expired, purged = await work(self._who.organisation_id, datetime.now(UTC), kept)
        return Cleaned(expired=expired, purged=purged)

    async def _create(self, body: ConversationBody, owner_id: uuid.UUID, knowledge: Attached) -> Conversation:
        await self._need_prompt(body.prompt_id)
        fields = body.model_dump(exclude={"metadata", "user_id", "knowledge"})
        row = Conversation(
            **fields,
            details=body.metadata,
            knowledge=knowledge,
            status="active",
            organisation_id=self._who.organisation_id,
            owner_id=owner_id,
            expires_at=expiry(self._settings),
            input_tokens=0,
            output_tokens=0,
            cached_tokens=0,
            usage_by_model={},
        )
        self._rows.add(row)
        await self._rows.flush()
        self._rows.add(Participant(conversation_id=row.id, user_id=owner_id, role="owner"))
        await self._rows.flush()
        return row

    async def _check(self, conversation_id: uuid.UUID, changes: dict[str, Any]) -> None:
        empty = next((name for name in changes if name in _FILLED and changes[name] is None), None)
        if empty is not None:
            raise BadInput(f"'{empty}' cannot be null; leave it out to keep it.").about(empty)
        await self._need_prompt(changes.get("prompt_id"))
        leaf = changes.get("active_leaf_id")
        if leaf is not None and await self._messages.get(conversation_id, leaf) is None:
            raise NotFound("There is no such message in this conversation; GET .../messages?branch=false lists all.").about(
                "active_leaf_id"
            )

    async def _need_prompt(self, prompt_id: uuid.UUID | None) -> None:
        if prompt_id is not None and await self._prompts.get(self._who.organisation_id, prompt_id) is None:
            raise NotFound("There is no such system prompt; GET /api/v1/prompts lists them.").about("prompt_id")

    async def _need_member(self, user_id: uuid.UUID) -> None:
        if not await self._rows.member(self._who.organisation_id, user_id):
            raise NotFound("There is nobody with this id in your organisation; an admin can add them.").about("user_id")

    def note_activity(self, row: Conversation) -> None:
        """Something happens in ``row``: it moves up in the list, and its retention begins again."""
        row.updated_at, row.expires_at = datetime.now(UTC), expiry(self._settings)


def expiry(settings: ConversationSettings) -> datetime:
    """When a conversation in which something happens now is deleted, if nothing happens any more."""
    return datetime.now(UTC) + timedelta(days=settings.retention_days)
