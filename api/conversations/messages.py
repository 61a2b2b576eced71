"""Messages of a conversation: written down, listed by branch, pinned; the whole of them exported."""

from __future__ import annotations

import uuid

from api.conversations.answers import ConversationAnswer, Exported, Listing, MessageAnswer
from api.conversations.cursors import cursor_of, position_of
from api.conversations.message_repository import MessageRepository
from api.conversations.pictures import check_pictures
from api.conversations.schemas import MessageBody, MessageQuery, stored, text_of
from api.conversations.service import WRITERS, Conversations
from api.conversations.tables import Conversation, Message
from api.conversations.telling import message_written
from api.web.principal import Principal
from cluster.errors import Conflict, NotFound, TooLarge
from cluster.settings import Settings
from cluster.stores.sql import AsyncSession

_GONE = "There is no such message in this conversation; GET .../messages?branch=false lists all."


class Messages:
    """For one person, in one transaction."""

    def __init__(self, session: AsyncSession, settings: Settings, who: Principal) -> None:
        self._session = session
        self._conversations = Conversations(session, settings.conversations, who)
        self._rows = MessageRepository(session)
        self._settings = settings
        self._who = who

    async def page(self, conversation_id: uuid.UUID, wanted: MessageQuery) -> Listing[MessageAnswer]:
        """The branch in use from its first message, or every message in the order of writing."""
        conversation = await self._conversations.get(conversation_id)
        after = position_of(wanted.cursor)
        if wanted.branch:
            branch = list(await self._rows.branch(conversation.active_leaf_id))
            start = next((index + 1 for index, row in enumerate(branch) if after is not None and row.id == after[1]), 0)
            rows = branch[start : start + wanted.limit + 1]
        else:
            rows = list(await self._rows.all(conversation_id, wanted.limit + 1, after))
        cursor = cursor_of(rows[wanted.limit - 1].created_at, rows[wanted.limit - 1].id) if len(rows) > wanted.limit else None
        return Listing[MessageAnswer](items=[MessageAnswer.of(row) for row in rows[: wanted.limit]], next_cursor=cursor)

    async def write(self, conversation_id: uuid.UUID, body: MessageBody) -> Message:
        """Written down under its parent, and the new end of the conversation."""
        conversation = await self._conversations.get(conversation_id, roles=WRITERS, lock=True)
        parent = conversation.active_leaf_id if body.parent_id is None else (await self.get(conversation_id, body.parent_id)).id
        row = Message(
            role=body.role, parts=stored(body.content), author_id=self._who.user_id, parent_id=parent, tool_call_id=body.tool_call_id
        )
        return await self.append(conversation, row)

    async def append(self, conversation: Conversation, row: Message) -> Message:
        """``row`` (with its parts) becomes a message of ``conversation``, which the caller holds locked, and its end."""
        row.text = text_of(row.parts)
        most = self._settings.limits.text_chars
        if len(row.text) > most:
            raise TooLarge(f"The message has {len(row.text)} characters, at most {most} are taken (setting limits.text_chars).")
        check_pictures(row.parts, self._settings.limits)
        most = self._settings.conversations.most_messages
        if await self._rows.count(conversation.id) >= most:
            raise Conflict(f"A conversation holds at most {most} messages (setting conversations.most_messages); begin a new one.")
        row.conversation_id = conversation.id
        self._rows.add(row)
        await self._rows.flush()
        conversation.active_leaf_id = row.id
        self._conversations.note_activity(conversation)
        await self._rows.flush()
        await message_written(self._session, conversation.organisation_id, conversation.id, row.id, row.role)
        return row

    async def get(self, conversation_id: uuid.UUID, message_id: uuid.UUID) -> Message:
        """Of a conversation that the person is known to see."""
        row = await self._rows.get(conversation_id, message_id)
        if row is None:
            raise NotFound(_GONE)
        return row

    async def pin(self, conversation_id: uuid.UUID, message_id: uuid.UUID, *, pinned: bool) -> Message:
        await self._conversations.get(conversation_id, roles=WRITERS)
        row = await self.get(conversation_id, message_id)
        row.pinned = pinned
        await self._rows.flush()
        return row

    async def export(self, conversation_id: uuid.UUID) -> Exported:
        conversation = await self._conversations.get(conversation_id)
        rows = await self._rows.all(conversation_id)
        return Exported(conversation=ConversationAnswer.of(conversation), messages=[MessageAnswer.of(row) for row in rows])

    async def markdown(self, conversation_id: uuid.UUID) -> str:
        """The branch in use, for people."""
        conversation = await self._conversations.get(conversation_id)
        branch = await self._rows.branch(conversation.active_leaf_id)
        return "\n\n".join([f"# {conversation.title}", *(_markdown(row) for row in branch)]) + "\n"


def _markdown(row: Message) -> str:
    """Thinking folded away; media as links."""
    by = f" ({row.model})" if row.model else ""
    folded = f"<details><summary>Thinking</summary>\n\n{row.thinking}\n\n</details>\n\n" if row.thinking else ""
    links = "".join(f"\n\n[{part.get('name') or part['type']}]({part['url']})" for part in row.parts if "url" in part)
    return f"## {row.role.capitalize()}{by}\n\n{folded}{row.text}{links}"
