"""Whether feedback may be learned from: its organisation says so, and the person who gave it does not say otherwise."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, delete, exists, literal, not_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from cluster.learning.feedback.table import ErasedExample, Feedback, FeedbackConsent, FeedbackText
from cluster.learning.releases.table import ReleaseShadow
from cluster.stores.sql import AsyncSession


def consented() -> ColumnElement[bool]:
    """Of a row of ``feedback``, now."""
    return agreed(Feedback.organisation_id, Feedback.owner_id)


def agreed(organisation_id: Any, owner_id: Any) -> ColumnElement[bool]:
    """Of what somebody said, now. Both may be columns."""
    theirs, ours = aliased(FeedbackConsent), aliased(FeedbackConsent)
    allowed = exists().where(ours.organisation_id == organisation_id, ours.subject_id == organisation_id, ours.may_learn.is_(True))
    refused = exists().where(theirs.organisation_id == organisation_id, theirs.subject_id == owner_id, theirs.may_learn.is_(False))
    return and_(allowed, not_(refused))


async def note_change(session: AsyncSession, organisation_id: uuid.UUID, owner_id: uuid.UUID | None) -> None:
    """After somebody (None: the organisation) said anew whether may be learned: examples that no longer may are noted as erased, and those
    that may again are so no longer. What releases answered to their words in the shadow goes."""
    lapsed = (ReleaseShadow.organisation_id == organisation_id, not_(agreed(ReleaseShadow.organisation_id, ReleaseShadow.subject_id)))
    await session.execute(delete(ReleaseShadow).where(*lapsed), execution_options={"synchronize_session": False})
    mine = [Feedback.organisation_id == organisation_id]
    if owner_id is not None:
        mine.append(Feedback.owner_id == owner_id)
    name = cast(Feedback.id, Text)
    kept = select(Feedback.organisation_id, literal("feedback"), name, literal("consent"))
    kept = kept.join(FeedbackText, FeedbackText.feedback_id == Feedback.id).where(*mine, not_(consented()))
    columns = ["organisation_id", "source_kind", "source_id", "reason"]
    await session.execute(insert(ErasedExample).from_select(columns, kept).on_conflict_do_nothing())
    back = delete(ErasedExample).where(
        ErasedExample.organisation_id == organisation_id,
        ErasedExample.source_kind == "feedback",
        ErasedExample.reason == "consent",
        ErasedExample.source_id.in_(select(name).where(*mine, consented())),
    )
    await session.execute(back, execution_options={"synchronize_session": False})
