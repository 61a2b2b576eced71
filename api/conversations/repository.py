"""The SQL of conversations: every read names the organisation and the person who takes part."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    func,
    literal,
    literal_column,
    select,
    text,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute

from api.conversations.cursors import Position
from api.conversations.schemas import ConversationQuery
from api.conversations.tables import Conversation, Message, Participant
from api.people.tables import Membership
from api.web.principal import Principal
from cluster.stores.sql import AsyncSession

_CONFIGURATION: ColumnElement[Any] = literal_column("'simple'::regconfig")
_HEADLINE = "StartSel=**, StopSel=**, MaxWords=30, MinWords=10"
# Conversation, its title, the message or none, when, and what tells apart those of one moment.
Matches = Select[uuid.UUID, str, Any, datetime, uuid.UUID]
Found = tuple[uuid.UUID, str, uuid.UUID | None, str, datetime, uuid.UUID]


class ConversationRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: Conversation | Message | Participant) -> None:
        self._session.add(row)

    async def flush(self) -> None:
        await self._session.flush()

    async def get(
        self, conversation_id: uuid.UUID, who: Principal, *, lock: bool = False, deleted: bool = False
    ) -> tuple[Conversation, str] | None:
        """The conversation and the role that ``who`` has in it, if they take part. ``lock``: until the transaction ends."""
        told = {"conversation": conversation_id, "organisation": who.organisation_id, "who": who.user_id}
        row = (await self._session.execute(_one(lock=lock, deleted=deleted), told)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def page(self, who: Principal, wanted: ConversationQuery, after: Position | None) -> Sequence[Conversation]:
        """The latest first, one more than asked for where there are more."""
        query = select(Conversation).where(_theirs(), Conversation.deleted_at.is_not(None) if wanted.deleted else _alive())
        for column, value in ((Conversation.type, wanted.type), (Conversation.status, wanted.status), (Conversation.pinned, wanted.pinned)):
            query = query if value is None else query.where(column == value)
        if wanted.tag is not None:
            query = query.where(Conversation.tags.contains([wanted.tag]))
        if after is not None:
            query = query.where(tuple_(Conversation.updated_at, Conversation.id) < tuple_(literal(after[0]), literal(after[1])))
        query = query.order_by(Conversation.updated_at.desc(), Conversation.id.desc()).limit(wanted.limit + 1)
        return (await self._session.scalars(query, {"organisation": who.organisation_id, "who": who.user_id})).all()

    async def search(self, who: Principal, words: str, limit: int, after: Position | None) -> Sequence[Found]:
        """Messages and titles with ``words``, the latest first."""
        # The plan depends on how frequent the words are, so that one for any words is a bad one: PostgreSQL takes such from the sixth time.
        await self._session.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
        told = {"words": words, "organisation": who.organisation_id, "who": who.user_id, "most": limit + 1}
        if after is not None:
            told |= {"at": after[0], "key": after[1]}
        found = await self._session.execute(_search(further=after is not None), told)
        return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in found]

    async def member(self, organisation_id: uuid.UUID, user_id: uuid.UUID) -> bool:
        query = select(Membership.user_id).where(Membership.organisation_id == organisation_id, Membership.user_id == user_id)
        return await self._session.scalar(query) is not None

    async def participants(self, conversation_id: uuid.UUID) -> Sequence[Participant]:
        query = select(Participant).where(Participant.conversation_id == conversation_id).order_by(Participant.created_at)
        return (await self._session.scalars(query)).all()

    async def participant(self, conversation_id: uuid.UUID, user_id: uuid.UUID) -> Participant | None:
        return await self._session.get(Participant, (conversation_id, user_id))

    async def remove(self, row: Participant | Conversation) -> None:
        await self._session.delete(row)
        await self._session.flush()

    async def known(self, ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """Those of ``ids`` that are there, of whichever organisation: for whoever looks after what belongs to them."""
        return set(await self._session.scalars(select(Conversation.id).where(Conversation.id.in_(ids)))) if ids else set()

    async def count_lapsed(self, organisation_id: uuid.UUID | None, now: datetime, deleted_kept: timedelta) -> tuple[int, int]:
        """How many :meth:`remove_lapsed` would remove."""
        counts = [
            await self._session.scalar(select(func.count()).select_from(Conversation).where(lapsed)) or 0
            for lapsed in _lapsed(organisation_id, now, deleted_kept)
        ]
        return counts[0], counts[1]

    async def remove_lapsed(self, organisation_id: uuid.UUID | None, now: datetime, deleted_kept: timedelta) -> tuple[int, int]:
        """Deletes what is past its retention, and what was deleted softly long enough ago; messages go with it. None: everywhere."""
        counts = []
        for lapsed in _lapsed(organisation_id, now, deleted_kept):
            gone = await self._session.scalars(delete(Conversation).where(lapsed).returning(Conversation.id))
            counts.append(len(gone.all()))
        return counts[0], counts[1]

    async def touch(self, conversation_id: uuid.UUID, expires_at: datetime) -> None:
        """Note that something happened in it."""
        await self._session.execute(
            update(Conversation).where(Conversation.id == conversation_id).values(updated_at=func.clock_timestamp(), expires_at=expires_at)
        )


# Statements that are asked again and again are made once: to put one together takes as long as to have it answered. Their parameters
# are named alike: conversation, organisation, who; words, most, at, key.


@cache
def _one(*, lock: bool, deleted: bool) -> Select[Conversation, str]:
    query = select(Conversation, Participant.role).join(
        Participant, and_(Participant.conversation_id == Conversation.id, Participant.user_id == bindparam("who"))
    )
    query = query.where(Conversation.id == bindparam("conversation"), Conversation.organisation_id == bindparam("organisation"))
    if not deleted:
        query = query.where(_alive())
    return query.with_for_update(of=Conversation) if lock else query


@cache
def _search(*, further: bool) -> Select[uuid.UUID, str, uuid.UUID | None, str, datetime, uuid.UUID]:
    asked = func.websearch_to_tsquery(_CONFIGURATION, bindparam("words", type_=Text))
    # Each kind gives its latest only: with a limit the database may walk messages by time where a word is everywhere.
    both = union_all(
        _latest(_inside(asked), Message.created_at, Message.id, further=further),
        _latest(_titled(asked), Conversation.updated_at, Conversation.id, further=further),
    ).subquery()
    found = select(both).order_by(both.c.at.desc(), both.c.key.desc()).limit(_most()).subquery()
    # Excerpts are dear, so that they are made of what is shown, and of nothing else.
    excerpt = func.ts_headline(_CONFIGURATION, func.left(Message.text, 20_000), asked, _HEADLINE)
    return (
        select(found.c.id, found.c.title, found.c.message_id, func.coalesce(excerpt, found.c.title), found.c.at, found.c.key)
        .outerjoin(Message, Message.id == found.c.message_id)
        .order_by(found.c.at.desc(), found.c.key.desc())
    )


def _inside(asked: ColumnElement[Any]) -> Matches:
    """Messages that hold what is ``asked``."""
    columns = (Conversation.id, Conversation.title, Message.id.label("message_id"), Message.created_at.label("at"), Message.id.label("key"))
    query = select(*columns).join(Message, Message.conversation_id == Conversation.id)
    return query.where(_theirs(), _alive(), Message.text_vector.bool_op("@@")(asked))


def _titled(asked: ColumnElement[Any]) -> Matches:
    """Conversations whose title holds what is ``asked``."""
    nothing = literal(None, Message.id.type).label("message_id")
    query = select(Conversation.id, Conversation.title, nothing, Conversation.updated_at.label("at"), Conversation.id.label("key"))
    return query.where(_theirs(), _alive(), Conversation.title_vector.bool_op("@@")(asked))


def _latest(query: Matches, at: InstrumentedAttribute[datetime], key: InstrumentedAttribute[uuid.UUID], *, further: bool) -> Matches:
    """The first of them, or the first behind one."""
    if further:
        query = query.where(tuple_(at, key) < tuple_(bindparam("at", type_=at.type), bindparam("key", type_=key.type)))
    return query.order_by(at.desc(), key.desc()).limit(_most())


def _most() -> ColumnElement[int]:
    return bindparam("most", type_=Integer)


def _theirs() -> ColumnElement[bool]:
    taking_part = select(Participant.user_id).where(
        Participant.conversation_id == Conversation.id, Participant.user_id == bindparam("who", type_=Participant.user_id.type)
    )
    return and_(Conversation.organisation_id == bindparam("organisation", type_=Conversation.organisation_id.type), taking_part.exists())


def _alive() -> ColumnElement[bool]:
    return Conversation.deleted_at.is_(None)


def _lapsed(organisation_id: uuid.UUID | None, now: datetime, deleted_kept: timedelta) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Past the retention; deleted long enough ago and not past the retention."""
    expired = Conversation.expires_at <= now
    purged = and_(Conversation.deleted_at <= now - deleted_kept, Conversation.expires_at > now)
    if organisation_id is None:
        return expired, purged
    ours = Conversation.organisation_id == organisation_id
    return and_(ours, expired), and_(ours, purged)
