"""Links by which anybody may read one branch of a conversation, until they are revoked."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import UTC, datetime, timedelta

from api.conversations.answers import ShareAnswer, SharedConversation, SharedMessage
from api.conversations.message_repository import MessageRepository
from api.conversations.schemas import ShareBody
from api.conversations.service import OWNER, Conversations
from api.conversations.share_repository import ShareRepository
from api.conversations.tables import ShareLink
from api.web.principal import Principal
from cluster.errors import Conflict, NotFound
from cluster.settings import ConversationSettings
from cluster.stores.sql import AsyncSession


class Shares:
    """For the owner of the conversation."""

    def __init__(self, session: AsyncSession, settings: ConversationSettings, who: Principal) -> None:
        self._conversations = Conversations(session, settings, who)
        self._rows = ShareRepository(session)
        self._who = who

    async def make(self, conversation_id: uuid.UUID, body: ShareBody) -> ShareAnswer:
        """The link shows the branch in use now, and not what is said later. Its token is answered once and not kept."""
        conversation = await self._conversations.get(conversation_id, roles=OWNER)
        if conversation.active_leaf_id is None:
            raise Conflict("The conversation has no messages yet; share it when something was said.")
        token = secrets.token_urlsafe(32)
        days = body.expires_in_days
        link = ShareLink(
            conversation_id=conversation_id,
            created_by=self._who.user_id,
            token_hash=_hash(token),
            leaf_id=conversation.active_leaf_id,
            expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
        )
        await self._rows.add(link)
        return ShareAnswer.of(link, token)

    async def all(self, conversation_id: uuid.UUID) -> list[ShareAnswer]:
        await self._conversations.get(conversation_id, roles=OWNER)
        return [ShareAnswer.of(link) for link in await self._rows.of_conversation(conversation_id)]

    async def revoke(self, conversation_id: uuid.UUID, share_id: uuid.UUID) -> None:
        await self._conversations.get(conversation_id, roles=OWNER)
        link = await self._rows.get(conversation_id, share_id)
        if link is None:
            raise NotFound("There is no such link of this conversation; GET .../share lists them.")
        link.revoked_at = link.revoked_at or datetime.now(UTC)


async def shared(session: AsyncSession, token: str) -> SharedConversation:
    """What the link shows. Raises NotFound where it is unknown, revoked or expired, or the conversation is deleted: which, is not told."""
    found = await ShareRepository(session).open(_hash(token), datetime.now(UTC))
    if found is None:
        raise NotFound("There is nothing behind this link (any more); ask whoever gave it to you.")
    link, conversation = found
    branch = await MessageRepository(session).branch(link.leaf_id)
    return SharedConversation(title=conversation.title, messages=[SharedMessage.of(row) for row in branch if row.role != "system"])


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
