"""Feedback of one person: given, read, and taken back."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Any

from api.audit.trail import Trail
from api.conversations.answers import Listing
from api.conversations.cursors import cursor_of, position_of
from api.feedback.answers import BucketCounts, ConsentAnswer, Counts, FeedbackDetail, FeedbackEntry, Promise, ReasonCount, Statistics
from api.feedback.repository import FeedbackRows
from api.feedback.schemas import FeedbackBody, FeedbackQuery, StatsQuery
from api.feedback.stats_repository import StatsRows
from api.feedback.targets import Target, Targets, check_size
from api.web.principal import Principal, Role
from cluster.errors import Forbidden, NotFound, Unprocessable
from cluster.learning.feedback.signals import TargetKind
from cluster.learning.feedback.table import Feedback
from cluster.settings import Settings
from cluster.stores.sql import AsyncSession

_PROVENANCE = ("model", "adapter", "release", "prompt", "prompt_version")
FEEDBACK_PROMISE = {
    "allows": (
        "Models are trained on your corrections, preferences and approvals, with what was asked and answered there. It says nothing of the "
        "rest of your conversations. Without it your feedback is only counted."
    ),
    "said_by": "PUT /api/v1/feedback/consent, within what PUT /api/v1/feedback/consent/organisation allows",
}
CONVERSATION_PROMISE = {
    "allows": (
        "Others of your organisation read answers in these conversations, with what led to them, to label them; models are trained on the "
        "labels. Your questions there are compared with what adapters were trained on, and nobody reads them for that. It says nothing of "
        "your feedback."
    ),
    "said_by": 'PATCH /api/v1/chat/conversations/{conversation_id} with {"metadata": {"consent_to_learning": true}}',
}
_SNAPSHOT = ("answered", "is_finished", "message_id", "subject_id", "provenance")


class FeedbackService:
    """In one transaction. Texts are for whoever gave them; an admin sees and takes back everybody's, without reading them."""

    def __init__(self, session: AsyncSession, settings: Settings, who: Principal, trail: Trail) -> None:
        self._session = session
        self._rows = FeedbackRows(session, who)
        self._targets = Targets(session, settings, who)
        self._settings = settings.feedback
        self._who = who
        self._trail = trail

    async def submit(self, body: FeedbackBody) -> FeedbackDetail:
        """Said again by the same signal, it replaces what was said, under the same id."""
        check_size(body.correction or "", self._settings.text_chars, "correction", "text_chars")
        check_size(body.comment or "", self._settings.comment_chars, "comment", "comment_chars")
        target = await self._targets.of(body)
        _check_correction(target, body.correction)
        other = await self._targets.other(target, body.preferred_to) if body.preferred_to is not None else None
        if other is not None:
            await self._rows.take_back(target.kind.value, other.id, target.id)
        given = await self._rows.keep(_values(target, body, other))
        if not body.is_implicit:
            await self._rows.keep_text(given, _text(target, body, other))
        return await self.one(given)

    async def one(self, feedback_id: uuid.UUID) -> FeedbackDetail:
        row, text, is_example = await self._find(feedback_id)
        return FeedbackDetail.told(row, text if row.owner_id == self._who.user_id else None, is_example=is_example)

    async def page(self, wanted: FeedbackQuery) -> Listing[FeedbackEntry]:
        if wanted.organisation and self._who.role is not Role.ADMIN:
            raise Forbidden("Only an admin sees everybody's feedback; leave 'organisation' out to see your own.").about("organisation")
        rows = list(await self._rows.page(wanted, position_of(wanted.cursor)))
        cursor = cursor_of(rows[wanted.limit - 1].created_at, rows[wanted.limit - 1].id) if len(rows) > wanted.limit else None
        return Listing[FeedbackEntry](items=[FeedbackEntry.of(row) for row in rows[: wanted.limit]], next_cursor=cursor)

    async def take_back(self, feedback_id: uuid.UUID) -> None:
        row, _, _ = await self._find(feedback_id)
        self._trail.record("feedback.removed", f"feedback:{row.id}", signal=row.signal)
        await self._rows.remove(row)

    async def consent(self) -> ConsentAnswer:
        ours, yours = [await self._rows.consent(subject) for subject in (self._who.organisation_id, self._who.user_id)]
        may_learn = bool(ours) and yours is not False
        given, (agreed, conversations) = await self._rows.count(), await self._rows.conversations()
        promises = [
            Promise(what="feedback", given=given if may_learn else 0, of=given, **FEEDBACK_PROMISE),
            Promise(what="conversations", given=agreed, of=conversations, **CONVERSATION_PROMISE),
        ]
        return ConsentAnswer(organisation=bool(ours), yours=yours, may_learn=may_learn, promises=promises)

    async def agree(self, may_learn: bool | None) -> ConsentAnswer:
        await self._rows.agree(self._who.user_id, may_learn)
        self._trail.record("feedback.consent", f"user:{self._who.user_id}", may_learn=may_learn)
        return await self.consent()

    async def agree_for_all(self, *, may_learn: bool) -> ConsentAnswer:
        await self._rows.agree(self._who.organisation_id, may_learn)
        self._trail.record("feedback.consent", f"organisation:{self._who.organisation_id}", may_learn=may_learn)
        return await self.consent()

    async def statistics(self, wanted: StatsQuery) -> Statistics:
        first = datetime.now(UTC).date() - timedelta(days=wanted.days - 1)
        rows = StatsRows(self._session, self._who.organisation_id, datetime.combine(first, time(), UTC), wanted)
        most = self._settings.stats_rows
        totals, buckets = await rows.totals(most + 1), await rows.buckets(most + 1)
        return Statistics(
            totals=[Counts.model_validate(row) for row in totals[:most]],
            buckets=[BucketCounts.model_validate(row) for row in buckets[:most]],
            reasons=[ReasonCount(reason=reason, given=given) for reason, given in await rows.reasons()],
            is_complete=max(len(totals), len(buckets)) <= most,
        )

    async def _find(self, feedback_id: uuid.UUID) -> tuple[Feedback, Any, bool]:
        found = await self._rows.one(feedback_id)
        if found is None or (found[0].owner_id != self._who.user_id and self._who.role is not Role.ADMIN):
            raise NotFound("There is no such feedback of yours; GET /api/v1/feedback lists it.")
        return found


def _values(target: Target, body: FeedbackBody, other: Target | None) -> dict[str, Any]:
    return {
        "target_kind": target.kind.value,
        "target_id": target.id,
        "signal": body.signal.value,
        "other_id": other.id if other is not None else "",
        "value": body.value,
        "reasons": list(dict.fromkeys(body.reasons)),
        "task": body.task or target.task,
        **{name: getattr(target, name) for name in _PROVENANCE},
    }


def _text(target: Target, body: FeedbackBody, other: Target | None) -> dict[str, Any]:
    return {
        "shown": target.shown.messages,
        "is_whole": target.shown.is_whole,
        "correction": body.correction,
        "rejected": other.answered if other is not None else None,
        "comment": body.comment,
        **{name: getattr(target, name) for name in _SNAPSHOT},
    }


def _check_correction(target: Target, correction: str | None) -> None:
    """Raises Unprocessable for one from which nothing could be learned."""
    if correction is None:
        return
    if target.kind is TargetKind.HIT:
        raise Unprocessable("A passage stands in a document and is not corrected; say a thumb or stars of it.").about("correction")
    if correction == target.answered:
        raise Unprocessable("The correction is what was answered; give a thumb up instead.").about("correction")
    if target.kind is TargetKind.EXTRACTION and not _is_object(correction):
        raise Unprocessable("The correction of an extraction is a JSON object with 'entities' and 'relations'.").about("correction")


def _is_object(text: str) -> bool:
    try:
        tree = json.loads(text)
    except ValueError:
        return False
    return isinstance(tree, dict) and isinstance(tree.get("entities"), list) and isinstance(tree.get("relations"), list)
