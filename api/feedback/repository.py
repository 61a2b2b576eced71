"""The SQL of feedback: every query names the organisation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from api.conversations.consent import consents
from api.conversations.cursors import Position
from api.conversations.tables import Conversation, Message, Participant
from api.feedback.schemas import FeedbackQuery
from api.web.principal import Principal
from cluster.graphs.table import GraphStep
from cluster.knowledge.tables import Collection, DocumentRow, DocumentState, DocumentText
from cluster.learning.feedback.consent import consented, note_change
from cluster.learning.feedback.reading import teaches
from cluster.learning.feedback.signals import Signal
from cluster.learning.feedback.table import Feedback, FeedbackConsent, FeedbackText
from cluster.stores.sql import AsyncSession

_SAME = "uq_feedback_organisation_id"
_FRESH = {"populate_existing": True}


class FeedbackRows:
    """For one person."""

    def __init__(self, session: AsyncSession, who: Principal) -> None:
        self._session = session
        self._who = who

    async def keep(self, values: dict[str, Any]) -> uuid.UUID:
        """Said by this person; what they said before of the same, by the same signal, is replaced and keeps its id."""
        whose = {"organisation_id": self._who.organisation_id, "owner_id": self._who.user_id}
        new = insert(Feedback).values(id=uuid.uuid4(), **whose, **values)
        changing = {name: new.excluded[name] for name in values} | {"updated_at": func.clock_timestamp()}
        same = new.on_conflict_do_update(constraint=_SAME, set_=changing).returning(Feedback.id)
        return (await self._session.execute(same)).scalar_one()

    async def keep_text(self, feedback_id: uuid.UUID, values: dict[str, Any]) -> None:
        new = insert(FeedbackText).values(feedback_id=feedback_id, organisation_id=self._who.organisation_id, **values)
        changing = {name: new.excluded[name] for name in values}
        await self._session.execute(new.on_conflict_do_update(index_elements=["feedback_id"], set_=changing))

    async def take_back(self, kind: str, target_id: str, other_id: str) -> None:
        """This person's preference of the one to the other, if there is any."""
        about = and_(Feedback.target_kind == kind, Feedback.target_id == target_id, Feedback.other_id == other_id)
        mine = and_(Feedback.organisation_id == self._who.organisation_id, Feedback.owner_id == self._who.user_id)
        await self._session.execute(delete(Feedback).where(mine, about, Feedback.signal == Signal.PREFERENCE))

    async def one(self, feedback_id: uuid.UUID) -> tuple[Feedback, FeedbackText | None, bool] | None:
        """With its texts, and whether it is an example. None also where it is of another organisation."""
        query = select(Feedback, FeedbackText, and_(consented(), teaches()))
        query = query.outerjoin(FeedbackText, FeedbackText.feedback_id == Feedback.id)
        query = query.where(Feedback.organisation_id == self._who.organisation_id, Feedback.id == feedback_id)
        row = (await self._session.execute(query, execution_options=_FRESH)).one_or_none()
        return None if row is None else (row[0], row[1], bool(row[2]))

    async def page(self, wanted: FeedbackQuery, after: Position | None) -> Sequence[Feedback]:
        """The latest first, one more than asked for where there are more."""
        query = select(Feedback).where(Feedback.organisation_id == self._who.organisation_id)
        if not wanted.organisation:
            query = query.where(Feedback.owner_id == self._who.user_id)
        query = query.where(*(getattr(Feedback, name) == value for name, value in wanted.values().items()))
        if wanted.since is not None:
            query = query.where(Feedback.created_at >= wanted.since)
        if wanted.until is not None:
            query = query.where(Feedback.created_at < wanted.until)
        if after is not None:
            query = query.where(tuple_(Feedback.created_at, Feedback.id) < tuple_(literal(after[0]), literal(after[1])))
        return (await self._session.scalars(query.order_by(Feedback.created_at.desc(), Feedback.id.desc()).limit(wanted.limit + 1))).all()

    async def remove(self, row: Feedback) -> None:
        await self._session.delete(row)
        await self._session.flush()

    async def consent(self, subject_id: uuid.UUID) -> bool | None:
        """What the organisation (by its id) or a person says; None: nothing."""
        row = await self._session.get(FeedbackConsent, (self._who.organisation_id, subject_id))
        return None if row is None else row.may_learn

    async def agree(self, subject_id: uuid.UUID, may_learn: bool | None) -> None:
        """None: says nothing any more. What may no longer be learned from is noted as erased."""
        here = self._who.organisation_id
        if may_learn is None:
            theirs = and_(FeedbackConsent.organisation_id == here, FeedbackConsent.subject_id == subject_id)
            await self._session.execute(delete(FeedbackConsent).where(theirs))
        else:
            values = {"may_learn": may_learn, "updated_at": func.now()}
            new = insert(FeedbackConsent).values(organisation_id=here, subject_id=subject_id, **values)
            await self._session.execute(new.on_conflict_do_update(index_elements=["organisation_id", "subject_id"], set_=values))
        self._session.expire_all()
        await note_change(self._session, here, None if subject_id == here else subject_id)

    async def count(self) -> int:
        """Pieces of feedback of this person."""
        mine = (Feedback.organisation_id == self._who.organisation_id, Feedback.owner_id == self._who.user_id)
        return await self._session.scalar(select(func.count()).select_from(Feedback).where(*mine)) or 0

    async def conversations(self) -> tuple[int, int]:
        """Of this person: those that consent to learning, and all."""
        mine = (Conversation.organisation_id == self._who.organisation_id, Conversation.owner_id == self._who.user_id)
        counts = select(func.count().filter(consents()), func.count()).select_from(Conversation)
        agreed, there = (await self._session.execute(counts.where(*mine, Conversation.deleted_at.is_(None)))).one()
        return int(agreed), int(there)


class TargetRows:
    """What feedback may be about, as far as one person sees it."""

    def __init__(self, session: AsyncSession, who: Principal) -> None:
        self._session = session
        self._who = who

    async def message(self, message_id: uuid.UUID) -> tuple[Message, Conversation] | None:
        """In a conversation that is not deleted and in which the person takes part."""
        query = select(Message, Conversation).join(Conversation, Conversation.id == Message.conversation_id)
        query = query.join(Participant, Participant.conversation_id == Conversation.id)
        query = query.where(Message.id == message_id, *self._ours(Conversation.organisation_id), Conversation.deleted_at.is_(None))
        row = (await self._session.execute(query.where(Participant.user_id == self._who.user_id))).one_or_none()
        return None if row is None else (row[0], row[1])

    async def models(self, run_id: uuid.UUID) -> list[str]:
        """That were asked in the run, by name."""
        query = select(GraphStep.model).where(GraphStep.run_id == run_id, GraphStep.model.is_not(None)).distinct().order_by(GraphStep.model)
        return [str(name) for name in await self._session.scalars(query)]

    async def passage(self, document_id: uuid.UUID, start: int, end: int) -> tuple[DocumentRow, Collection, str] | None:
        """A document that is still there, its collection, and what stands in its text from ``start`` to ``end``, as far as it goes."""
        piece = func.substr(DocumentText.text, start + 1, end - start)
        query = select(DocumentRow, Collection, piece).join(Collection, Collection.id == DocumentRow.collection_id)
        query = query.join(DocumentText, DocumentText.document_id == DocumentRow.id)
        alive = (DocumentRow.state != DocumentState.REMOVING.value, Collection.is_removing.is_(False))
        query = query.where(DocumentRow.id == document_id, *self._ours(DocumentRow.organisation_id), *alive)
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else (row[0], row[1], row[2])

    def _ours(self, column: Any) -> tuple[ColumnElement[bool]]:
        return (column == self._who.organisation_id,)
