"""Feedback as examples to learn from."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, column, exists, or_, select, table
from sqlalchemy.orm import aliased

from cluster.learning.example import Example, Source
from cluster.learning.feedback.consent import consented
from cluster.learning.feedback.signals import GOOD_STARS, Signal, TargetKind
from cluster.learning.feedback.table import Feedback, FeedbackText
from cluster.stores.sql import AsyncSession

AT_ONCE = 500
# Tables of the API, as far as they are read here: a conversation in the bin is not learned from while it is there.
_MESSAGES = table("messages", column("id"), column("conversation_id"))
_CONVERSATIONS = table("conversations", column("id"), column("deleted_at"))


async def examples(
    session: AsyncSession, organisation_id: uuid.UUID, *, since: datetime | None = None, tasks: Sequence[str] | None = None
) -> AsyncIterator[Example]:
    """Of those who agreed, the earliest first. A correction is preferred to what was answered; of two answers the preferred one to the
    other; an answer with a thumb up or at least four stars is learned as it is, unless the same person corrected it. ``since``: said, or
    said anew, from then on. ``tasks``: only these. What the model was shown with pictures or in part is left out."""
    chosen = _chosen(organisation_id)
    if since is not None:
        chosen = chosen.where(Feedback.updated_at >= since)
    if tasks is not None:
        chosen = chosen.where(Feedback.task.in_(list(tasks)))
    rows = await session.stream(chosen, execution_options={"yield_per": AT_ONCE})
    async for given, said in rows:
        yield example_of(given, said)


def example_of(given: Feedback, said: FeedbackText) -> Example:
    """``given`` is a correction, a preference or an approval, with what it was ``said`` of."""
    if given.signal == Signal.CORRECTION:
        assert said.correction is not None
        # An answer of nothing but tool calls has no text that could be the worse one.
        chosen, rejected = said.correction, said.answered or None
    else:
        chosen, rejected = said.answered, said.rejected or None
    source = Source(kind="feedback", id=str(given.id), user_id=str(given.owner_id))
    return Example(messages=tuple(said.shown), chosen=chosen, rejected=rejected, task=given.task, source=source)


def teaches() -> ColumnElement[bool]:
    """Of a row of ``feedback`` and its text: there is something to learn from it."""
    approved = or_(
        and_(Feedback.signal == Signal.THUMB, Feedback.value == 1),
        and_(Feedback.signal == Signal.STARS, Feedback.value >= GOOD_STARS),
    )
    fit = and_(FeedbackText.answered != "", FeedbackText.is_finished)
    corrected = and_(Feedback.signal == Signal.CORRECTION, FeedbackText.correction.is_not(None))
    preferred = and_(Feedback.signal == Signal.PREFERENCE, FeedbackText.rejected.is_not(None), fit)
    told = and_(FeedbackText.is_whole, Feedback.target_kind != TargetKind.HIT)
    return and_(told, or_(corrected, preferred, and_(approved, fit, ~_corrected())))


def _chosen(organisation_id: uuid.UUID) -> Select[Feedback, FeedbackText]:
    binned = exists().where(
        _MESSAGES.c.id == FeedbackText.message_id,
        _CONVERSATIONS.c.id == _MESSAGES.c.conversation_id,
        _CONVERSATIONS.c.deleted_at.is_not(None),
    )
    chosen = select(Feedback, FeedbackText).join(FeedbackText, FeedbackText.feedback_id == Feedback.id)
    return chosen.where(Feedback.organisation_id == organisation_id, consented(), teaches(), ~binned).order_by(
        Feedback.updated_at, Feedback.id
    )


def _corrected() -> ColumnElement[bool]:
    """The same person corrected the same answer."""
    other = aliased(Feedback)
    same = [getattr(other, name) == getattr(Feedback, name) for name in ("organisation_id", "owner_id", "target_kind", "target_id")]
    return exists().where(*same, other.signal == Signal.CORRECTION)
