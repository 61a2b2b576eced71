"""Who sees which workspace: a conversation's whoever takes part in it, a person's only they, any other everybody in the organisation."""

from __future__ import annotations

import re
import uuid

from api.conversations.service import WRITERS, Conversations
from api.web.deps import Parts
from api.web.principal import Principal
from cluster.errors import NotFound
from cluster.tools.paths import checked_workspace

PERSONAL = re.compile(r"(?:user|mcp)-([0-9a-f-]{36})(?:-.*)?")
OF_CONVERSATION = re.compile(r"conversation-([0-9a-f-]{36})(?:-.*)?")


async def permit_workspace(parts: Parts, who: Principal, name: str, *, writing: bool) -> None:
    """Raises BadInput for a name that cannot be, NotFound for one that is not ``who``'s to see, Forbidden for one that they may not write
    to."""
    checked_workspace(name)
    personal, conversation = PERSONAL.fullmatch(name), OF_CONVERSATION.fullmatch(name)
    if personal is not None and personal[1] != str(who.user_id):
        raise NotFound("There is no such workspace of yours.")
    if conversation is None:
        return
    try:
        conversation_id = uuid.UUID(conversation[1])
    except ValueError:
        raise NotFound("There is no such conversation.") from None
    async with parts.stores.database.session() as session:
        conversations = Conversations(session, parts.settings.conversations, who)
        await conversations.get(conversation_id, roles=WRITERS if writing else ())
