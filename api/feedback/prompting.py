"""Which instructions an answer was written under."""

from __future__ import annotations

from dataclasses import dataclass

from api.conversations.tables import Conversation, Message
from api.prompts.service import Prompts
from api.web.principal import Principal
from cluster.errors import BadInput
from cluster.learning.adapters.names import split_version
from cluster.learning.releases.registry import Releases
from cluster.prompts.store import StoredPrompts
from cluster.prompts.template import render
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class Prompted:
    """``name`` None: the conversation's own words, or nothing."""

    text: str | None
    name: str | None = None
    version: int | None = None


async def prompt_of(session: AsyncSession, who: Principal, conversation: Conversation, message: Message) -> Prompted:
    """As a conversation chooses it (see api/prompts/service.py), in the version that there was when ``message`` was written."""
    if conversation.system_prompt is not None:
        return Prompted(conversation.system_prompt)
    rows = StoredPrompts(session)
    told = await _released(session, who, message) if conversation.prompt_id is None else None
    if told is not None:
        return told
    if conversation.prompt_id is not None:
        row = await rows.get(who.organisation_id, conversation.prompt_id)
    else:
        row = await Prompts(session, who).match(message.model) if message.model else None
    if row is None:
        return Prompted(None)
    versions = await rows.versions(row.id)
    version = next((one for one in versions if one.created_at <= message.created_at), versions[-1])
    try:
        text = render(version.text, {**version.variables, **conversation.prompt_variables})
    except BadInput:
        # A value that the conversation had then was taken out of it since.
        text = version.text
    return Prompted(text, row.name, version.version)


async def _released(session: AsyncSession, who: Principal, message: Message) -> Prompted | None:
    """That of the release which answered, where it has one."""
    if message.release is None or message.model is None:
        return None
    name, version = split_version(message.release)
    row = await Releases(session).exactly(who.organisation_id, message.model.partition(":")[0], name, version or 0)
    if row is None or row.prompt is None:
        return None
    return Prompted(row.prompt["text"], row.prompt["name"], row.prompt["version"])
