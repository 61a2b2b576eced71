"""Traffic that may be labelled, as it is kept: answers in conversations, and steps of graphs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, String, and_, cast, exists, func, literal, or_, select
from sqlalchemy.orm import aliased

from api.conversations.consent import consents
from api.conversations.tables import Conversation, Message
from cluster.graphs.table import GraphRun, GraphStep
from cluster.learning.labels.table import LabelItem
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose traffic: ``user_id``'s own, and of their organisation what consents. ``turns``: messages that a sample shows, the latest."""

    organisation_id: uuid.UUID
    user_id: uuid.UUID
    turns: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """``since`` None: of any time. ``answered_by`` None: by any model."""

    most: int
    since: datetime | None = None
    answered_by: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and what was said before it, as role and text, the oldest first."""

    message: Message
    owner_id: uuid.UUID
    before: list[tuple[str, str]]


class Traffic:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession, who: Asker) -> None:
        self._session = session
        self._who = who

    async def answers(self, wanted: Wanted) -> list[Answered]:
        """The latest answers of models that are in no campaign yet. One to which somebody else than the conversation's owner said
        something is left out: they have agreed to nothing."""
        query = (
            select(Message, Conversation.owner_id, Conversation.system_prompt)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(Conversation.organisation_id == self._who.organisation_id, Conversation.deleted_at.is_(None), self._may_be_read())
            .where(Message.role == "assistant", Message.status == "complete", Message.text != "", Message.parent_id.is_not(None))
            .where(~self._in_queue("chat", cast(Message.id, String)))
        )
        if wanted.since is not None:
            query = query.where(Message.created_at > wanted.since)
        if wanted.answered_by is not None:
            query = query.where(func.coalesce(Message.served_by, Message.model) == wanted.answered_by)
        query = query.order_by(Message.created_at.desc(), Message.id).limit(wanted.most)
        found = (await self._session.execute(query)).all()
        said = await self._before([message.id for message, _, _ in found])
        made = list[Answered]()
        for message, owner, instructions in found:
            turns = said.get(message.id, [])
            if turns and all(author in {None, owner} for author, role, _ in turns if role == "user"):
                led = [("system", instructions)] if instructions else []
                made.append(Answered(message, owner, led + [(role, text) for _, role, text in turns]))
        return made

    async def steps(self, wanted: Wanted) -> Sequence[tuple[GraphStep, GraphRun]]:
        """The latest steps of one's own runs in which a model wrote a text, and which are in no campaign yet."""
        query = (
            select(GraphStep, GraphRun)
            .join(GraphRun, GraphRun.id == GraphStep.run_id)
            .where(GraphRun.organisation_id == self._who.organisation_id, GraphRun.owner_id == self._who.user_id)
            .where(GraphStep.kind == "llm", GraphStep.state == "succeeded", func.jsonb_typeof(GraphStep.result["value"]) == "string")
            .where(~self._in_queue("graph", cast(GraphStep.id, String)))
        )
        if wanted.since is not None:
            query = query.where(GraphStep.started_at > wanted.since)
        if wanted.answered_by is not None:
            query = query.where(GraphStep.model == wanted.answered_by)
        query = query.order_by(GraphStep.started_at.desc(), GraphStep.id).limit(wanted.most)
        return (await self._session.execute(query)).all()

    async def waiting(self, campaign_id: uuid.UUID, most: int) -> Sequence[LabelItem]:
        """Items that wait for a label in the campaign, the latest."""
        query = select(LabelItem).where(LabelItem.organisation_id == self._who.organisation_id, LabelItem.campaign_id == campaign_id)
        query = query.where(LabelItem.state == "open").order_by(LabelItem.created_at.desc(), LabelItem.id).limit(most)
        return (await self._session.scalars(query)).all()

    async def queued(self, campaign_id: uuid.UUID, ids: Iterable[str]) -> set[str]:
        """Which of these samples of one's own the campaign has already."""
        query = select(LabelItem.source_id).where(LabelItem.organisation_id == self._who.organisation_id, LabelItem.source_kind == "text")
        return set(await self._session.scalars(query.where(LabelItem.campaign_id == campaign_id, LabelItem.source_id.in_(list(ids)))))

    def _may_be_read(self) -> ColumnElement[bool]:
        """The one place that says of which conversations answers may be labelled."""
        return or_(Conversation.owner_id == self._who.user_id, consents())

    def _in_queue(self, kind: str, source_id: ColumnElement[str]) -> ColumnElement[bool]:
        here = and_(LabelItem.organisation_id == self._who.organisation_id, LabelItem.source_kind == kind)
        return exists().where(here, LabelItem.source_id == source_id)

    async def _before(self, answers: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[tuple[uuid.UUID | None, str, str]]]:
        """Author, role and text of what leads to each answer, the oldest first."""
        answer, up = aliased(Message), aliased(Message)
        chain = (
            select(answer.id.label("answer_id"), up.id, up.parent_id, up.author_id, up.role, up.text, literal(1).label("depth"))
            .join(up, up.id == answer.parent_id)
            .where(answer.id.in_(answers))
            .cte("chain", recursive=True)
        )
        more = select(chain.c.answer_id, up.id, up.parent_id, up.author_id, up.role, up.text, chain.c.depth + 1)
        chain = chain.union_all(more.join(up, up.id == chain.c.parent_id).where(chain.c.depth < self._who.turns))
        query = select(chain.c.answer_id, chain.c.author_id, chain.c.role, chain.c.text)
        query = query.where(chain.c.text != "", chain.c.role.in_(("system", "user", "assistant")))
        found: dict[uuid.UUID, list[tuple[uuid.UUID | None, str, str]]] = {}
        for answer_id, author, role, text in await self._session.execute(query.order_by(chain.c.depth.desc())):
            found.setdefault(answer_id, []).append((author, role, text))
        return found
