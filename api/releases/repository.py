"""The SQL of what releases answered: in the shadow, and in conversations while they were tried."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)

from api.conversations.tables import Conversation, Message
from cluster.learning.feedback.consent import agreed
from cluster.learning.feedback.signals import BAD_STARS, GOOD_STARS, Signal, TargetKind
from cluster.learning.feedback.table import Feedback
from cluster.learning.releases.table import Release, ReleaseShadow, ReleaseTrial
from cluster.stores.sql import AsyncSession

# What says that an answer was not, or was, as it should be.
AGAINST = (Signal.CORRECTION, Signal.REGENERATE, Signal.EDIT, Signal.ABANDON)
FOR = (Signal.COPY, Signal.PREFERENCE)


class ShadowRows:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def may_learn(self, organisation_id: uuid.UUID, user_id: uuid.UUID) -> bool:
        return bool(await self._session.scalar(select(agreed(literal(organisation_id), literal(user_id)))))

    async def keep(self, values: dict[str, Any], most: int, days: int) -> None:
        """Nothing is kept of a release, a conversation or a person that is gone. What is older than ``days``, or more than the latest
        ``most``, goes."""
        await self._session.execute(insert(ReleaseShadow).values(id=uuid.uuid4(), **values))
        mine = ReleaseShadow.release_id == values["release_id"]
        late = select(ReleaseShadow.id).where(mine).order_by(ReleaseShadow.created_at.desc(), ReleaseShadow.id.desc()).offset(most)
        late = late.correlate(None)
        old = ReleaseShadow.created_at < datetime.now(UTC) - timedelta(days=days)
        gone = delete(ReleaseShadow).where(or_(and_(mine, ReleaseShadow.id.in_(late)), old))
        await self._session.execute(gone, execution_options={"synchronize_session": False})

    async def page(self, row: Release, before: tuple[datetime, uuid.UUID] | None, most: int) -> Sequence[ReleaseShadow]:
        """The latest first."""
        query = select(ReleaseShadow).where(ReleaseShadow.release_id == row.id, ReleaseShadow.organisation_id == row.organisation_id)
        if before is not None:
            query = query.where(tuple_(ReleaseShadow.created_at, ReleaseShadow.id) < tuple_(literal(before[0]), literal(before[1])))
        return (await self._session.scalars(query.order_by(ReleaseShadow.created_at.desc(), ReleaseShadow.id.desc()).limit(most))).all()

    async def summary(self, row: Release) -> dict[str, Any]:
        """Counts, and medians of what was answered."""
        failed = ReleaseShadow.error.is_not(None)
        query = select(
            func.count().label("asked"),
            func.count().filter(failed).label("failed"),
            func.count().filter(ReleaseShadow.candidate == ReleaseShadow.live).label("same"),
            _median(ReleaseShadow.candidate_ms).label("candidate_ms"),
            _median(ReleaseShadow.live_ms).filter(~failed).label("live_ms"),
            _median(ReleaseShadow.candidate_tokens).label("candidate_tokens"),
            _median(ReleaseShadow.live_tokens).filter(~failed).label("live_tokens"),
        ).where(ReleaseShadow.release_id == row.id, ReleaseShadow.organisation_id == row.organisation_id)
        return dict((await self._session.execute(query)).mappings().one())


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one conversation. ``went_well``: None where nobody said anything. Times are medians of its answers, in milliseconds."""

    is_candidate: bool
    answers: int
    went_well: bool | None
    up: int
    down: int
    against: int
    latency_ms: float | None
    first_token_ms: float | None


class OutcomeRows:
    """Of conversations with the base of ``row`` while it was tried, in which somebody asked for the base itself."""

    def __init__(self, session: AsyncSession, row: Release) -> None:
        self._session = session
        self._row = row

    async def during(self, trial: ReleaseTrial, most: int) -> list[Outcome]:
        """In the order in which something was first said of them; ``most`` of each arm."""
        tried = func.coalesce(Message.release == self._row.label, False)
        # Of each answer first, so that one of which much was said counts no more than another.
        said = self._said().subquery()
        query = (
            select(
                tried.label("is_candidate"),
                func.count().label("answers"),
                case(
                    (func.coalesce(func.bool_or(said.c.bad), False), False), (func.coalesce(func.bool_or(said.c.good), False), True)
                ).label("went_well"),
                *(cast(func.coalesce(func.sum(said.c[name]), 0), Integer).label(name) for name in ("up", "down", "against")),
                _median(Message.latency_ms).label("latency_ms"),
                _median(Message.first_token_ms).label("first_token_ms"),
            )
            .join(Conversation, Conversation.id == Message.conversation_id)
            .outerjoin(said, said.c.target_id == cast(Message.id, Text))
            .where(*self._asked(trial))
            # By its name: PostgreSQL would take the parameters in it for others than those above.
            .group_by(Message.conversation_id, literal_column("is_candidate"))
            .order_by(func.min(said.c.first).nulls_last(), Message.conversation_id)
        )
        rows = (await self._session.execute(query)).mappings()
        found, counts = list[Outcome](), {True: 0, False: 0}
        for one in rows:
            counts[one["is_candidate"]] += 1
            if counts[one["is_candidate"]] <= most:
                found.append(Outcome(**one))
        return found

    def _said(self) -> Select[Any]:
        """What was said of each answer."""
        bad, thumb = _bad(), Feedback.signal == Signal.THUMB.value
        about = (Feedback.organisation_id == self._row.organisation_id, Feedback.target_kind == TargetKind.MESSAGE.value)
        return (
            select(
                Feedback.target_id,
                func.bool_or(bad).label("bad"),
                func.bool_or(_good()).label("good"),
                func.count().filter(thumb, Feedback.value > 0).label("up"),
                func.count().filter(thumb, Feedback.value < 0).label("down"),
                func.count().filter(bad).label("against"),
                func.min(Feedback.created_at).label("first"),
            )
            .where(*about)
            .group_by(Feedback.target_id)
        )

    def _asked(self, trial: ReleaseTrial) -> tuple[ColumnElement[bool], ...]:
        return (
            Conversation.organisation_id == self._row.organisation_id,
            Message.role == "assistant",
            Message.model == self._row.base,
            # Who names an adapter or a release was not assigned to one, and neither was who was answered by another model.
            Message.adapter.is_(None),
            func.jsonb_array_length(Message.fallbacks) == 0,
            Message.created_at >= trial.created_at,
            Message.created_at < (trial.ended_at or datetime.now(UTC)),
        )


def _bad() -> ColumnElement[bool]:
    against = Feedback.signal.in_([signal.value for signal in AGAINST])
    return or_(against, _rated(Signal.THUMB, Feedback.value < 0), _rated(Signal.STARS, Feedback.value <= BAD_STARS))


def _good() -> ColumnElement[bool]:
    said = Feedback.signal.in_([signal.value for signal in FOR])
    return or_(said, _rated(Signal.THUMB, Feedback.value > 0), _rated(Signal.STARS, Feedback.value >= GOOD_STARS))


def _rated(signal: Signal, value: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(Feedback.signal == signal.value, value)


def _median(column: Any) -> Any:
    return func.percentile_cont(0.5).within_group(column.asc())
