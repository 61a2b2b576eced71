"""Items with their labels, into a campaign and out of it. What stands there already is added to, never overwritten."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import column, select, table, tuple_
from sqlalchemy.dialects.postgresql import insert

from cluster.errors import Unprocessable
from cluster.learning.labels.campaigns import Campaigns
from cluster.learning.labels.queue import LabelQueue, decide
from cluster.learning.labels.record import Decided, Given, Origin, Record, Turn
from cluster.learning.labels.table import LabelAssignment, LabelCampaign, LabelItem
from cluster.learning.labels.values import boxed, checked
from cluster.settings import ActiveLearningSettings
from cluster.stores.sql import AsyncSession

PAGE = 500
_MEMBERS = table("memberships", column("organisation_id"), column("user_id"))


@dataclass(frozen=True, slots=True)
class Imported:
    """``known``: items that were there already. ``labels`` and ``decided``: what was new."""

    items: int
    known: int
    labels: int
    decided: int


class Travel:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID, settings: ActiveLearningSettings) -> None:
        self._session = session
        self._organisation_id = organisation_id
        self._settings = settings
        self._campaigns = Campaigns(session, organisation_id, settings)
        self._queue = LabelQueue(session, organisation_id, settings)

    async def bring(self, campaign: LabelCampaign, records: Sequence[Record], importer: uuid.UUID) -> Imported:
        """Raises Unprocessable for a label that is none of the campaign's, before anything is written."""
        self._check(campaign, records)
        people = await self._members()
        put = await self._campaigns.put(campaign, [_row(record, people) for record in records])
        items = await self._items(campaign, records)
        labels = decided = 0
        for record in records:
            item = items[record.source.kind, record.source.id]
            before = item.state
            new = await self._label(campaign, item, record, people)
            labels += new
            if record.final is not None and item.state in {"open", "disputed"}:
                by = people.get(record.final.by or "") or importer
                await decide(self._session, item, boxed(record.final.value), by, "adjudicated" if record.final.adjudicated else "agreed")
            if new:
                await self._queue.settle(campaign, item, importer)
            decided += item.state != before and item.final is not None
        return Imported(len(put), len(records) - len(put), labels, decided)

    async def page(self, campaign: LabelCampaign, after: uuid.UUID | None) -> tuple[list[Record], uuid.UUID | None]:
        """Records behind an item, and the last item of them; None: there are no more."""
        items = await self._campaigns.items(campaign.id, after, PAGE)
        given = await self._campaigns.assignments(item.id for item in items)
        return [record_of(item, given.get(item.id, [])) for item in items], items[-1].id if len(items) == PAGE else None

    def _check(self, campaign: LabelCampaign, records: Sequence[Record]) -> None:
        for number, record in enumerate(records, 1):
            try:
                for given in record.labels:
                    if not given.skipped:
                        checked(given.value, campaign, self._settings.value_chars)
                if record.final is not None:
                    checked(record.final.value, campaign, self._settings.value_chars, what="final.value")
            except Unprocessable as error:
                raise Unprocessable(f"Record {number}: {error.message}") from None
            if sum(len(turn.content) for turn in record.messages) > self._settings.sample_chars:
                raise Unprocessable(
                    f"Record {number} has more than {self._settings.sample_chars} characters (active_learning.sample_chars); shorten it."
                )

    async def _members(self) -> dict[str, uuid.UUID]:
        """The organisation's people, by their id as text: only their names in a file are taken for theirs."""
        query = select(_MEMBERS.c.user_id).where(_MEMBERS.c.organisation_id == self._organisation_id)
        return {str(user): user for user in await self._session.scalars(query)}

    async def _items(self, campaign: LabelCampaign, records: Sequence[Record]) -> dict[tuple[str, str], LabelItem]:
        """Locked, in one order, so that two imports wait for each other."""
        found: dict[tuple[str, str], LabelItem] = {}
        keys = sorted({(record.source.kind, record.source.id) for record in records})
        for start in range(0, len(keys), PAGE):
            query = select(LabelItem).where(LabelItem.campaign_id == campaign.id)
            query = query.where(tuple_(LabelItem.source_kind, LabelItem.source_id).in_(keys[start : start + PAGE]))
            rows = await self._session.scalars(query.order_by(LabelItem.source_kind, LabelItem.source_id).with_for_update())
            found |= {(str(row.source_kind), row.source_id): row for row in rows}
        return found

    async def _label(self, campaign: LabelCampaign, item: LabelItem, record: Record, people: dict[str, uuid.UUID]) -> int:
        """How many labels were new. A person's hold becomes their label; a label that they gave stays."""
        new = 0
        for given in record.labels:
            state = {"state": "skipped" if given.skipped else "submitted", "remark": given.remark, "seconds": given.seconds}
            said = {"value": None if given.skipped else boxed(given.value), "submitted_at": None if given.skipped else datetime.now(UTC)}
            whose = {"item_id": item.id, "annotator": given.annotator, "user_id": people.get(given.annotator)}
            where = {"id": uuid.uuid4(), "organisation_id": self._organisation_id, "campaign_id": campaign.id}
            adding = insert(LabelAssignment).values(**where, **whose, **state, **said)
            merged = adding.on_conflict_do_update(
                constraint="uq_label_assignments_item_id_annotator",
                set_={**state, **said, "lease_until": None},
                where=LabelAssignment.state == "held",
            )
            new += await self._session.scalar(merged.returning(LabelAssignment.id)) is not None and not given.skipped
        return new


def record_of(item: LabelItem, given: Sequence[LabelAssignment]) -> Record:
    final = None
    if item.final is not None:
        by = None if item.final_by is None else str(item.final_by)
        final = Decided(value=item.final["value"], by=by, adjudicated=item.state == "adjudicated")
    user = None if item.user_id is None else str(item.user_id)
    origin: dict[str, Any] = {"kind": item.source_kind, "id": item.source_id, "user_id": user}
    return Record(
        source=Origin(**origin, score=item.score, parts=item.parts, reason=item.reason),
        messages=tuple(Turn(**message) for message in item.messages),
        answer=item.answer,
        labels=tuple(_given(row) for row in given if row.state != "held"),
        final=final,
    )


async def exported(
    session: AsyncSession, organisation_id: uuid.UUID, campaign: LabelCampaign, settings: ActiveLearningSettings
) -> AsyncIterator[Record]:
    """Every item of the campaign, page by page."""
    travel, after, more = Travel(session, organisation_id, settings), None, True
    while more:
        records, after = await travel.page(campaign, after)
        for record in records:
            yield record
        more = after is not None


def _given(row: LabelAssignment) -> Given:
    value = None if row.value is None else row.value["value"]
    return Given(annotator=row.annotator, value=value, skipped=row.state == "skipped", remark=row.remark, seconds=row.seconds)


def _row(record: Record, people: dict[str, uuid.UUID]) -> dict[str, Any]:
    source = record.source
    return {
        "source_kind": source.kind,
        "source_id": source.id,
        "user_id": people.get(source.user_id or ""),
        "messages": [turn.model_dump() for turn in record.messages],
        "answer": record.answer,
        "score": source.score,
        "parts": source.parts,
        "reason": source.reason,
    }
