"""The services of conversations, for whoever asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.conversations.messages import Messages
from api.conversations.service import Conversations
from api.conversations.shares import Shares
from api.web.deps import WithParts, WithSession
from api.web.openapi import WORKING
from api.web.principal import AsEditor, AsViewer

# What is answered when something is read, and when something is written.
READS = (400, 401, 403, 404, 500, 504)
WRITES = (*WORKING, 401, 403, 409)


async def readable(parts: WithParts, session: WithSession, who: AsViewer) -> Conversations:
    return Conversations(session, parts.settings.conversations, who)


async def writable(parts: WithParts, session: WithSession, who: AsEditor) -> Conversations:
    return Conversations(session, parts.settings.conversations, who)


async def readable_messages(parts: WithParts, session: WithSession, who: AsViewer) -> Messages:
    return Messages(session, parts.settings, who)


async def writable_messages(parts: WithParts, session: WithSession, who: AsEditor) -> Messages:
    return Messages(session, parts.settings, who)


async def shares(parts: WithParts, session: WithSession, who: AsEditor) -> Shares:
    return Shares(session, parts.settings.conversations, who)


Reading = Annotated[Conversations, Depends(readable)]
Writing = Annotated[Conversations, Depends(writable)]
ReadingMessages = Annotated[Messages, Depends(readable_messages)]
WritingMessages = Annotated[Messages, Depends(writable_messages)]
Sharing = Annotated[Shares, Depends(shares)]
