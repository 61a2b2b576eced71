"""Who is given which item, for how long, and what becomes of it.

An item needs the campaign's number of labels. Whoever holds it or has labelled it counts; a hold that has lapsed does not, and the item is
free for others. So that never more people hold one than it needs, its row is locked, and only then is counted who has it: a statement that
does both at once would count what was true before it had the lock. Rows that somebody else is giving out are skipped, nobody waits.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from cluster.contracts.generation import Json
from cluster.errors import Conflict, NotFound
from cluster.learning.labels.campaigns import Campaigns
from cluster.learning.labels.table import LabelAssignment, LabelCampaign, LabelItem
from cluster.learning.labels.values import boxed, checked, majority, same
from cluster.settings import ActiveLearningSettings
from cluster.stores.locks import GIVING_LABELS
from cluster.stores.sql import AsyncSession

# How often rows are locked that turn out to be full, before the rest is left for the next time.
ROUNDS = 4
DECIDED = "It is decided already, so no label is needed any more; ask for the next item."


@dataclass(frozen=True, slots=True)
class Held:
    assignment: LabelAssignment
    item: LabelItem


class LabelQueue:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID, settings: ActiveLearningSettings) -> None:
        self._session = session
        self._organisation_id = organisation_id
        self._settings = settings
        self._campaigns = Campaigns(session, organisation_id, settings)

    async def give(self, campaign: LabelCampaign, user_id: uuid.UUID, count: int) -> list[Held]:
        """What the person holds, filled up to ``count``; so to ask again after an answer was lost gives the same. Raises Conflict for a
        campaign that is closed."""
        if campaign.state != "open":
            raise Conflict("The campaign is closed; nothing more is given out.")
        one_at_a_time = text("SELECT pg_advisory_xact_lock(:giving, hashtext(:who))")
        await self._session.execute(one_at_a_time, {"giving": GIVING_LABELS, "who": f"{campaign.id}/{user_id}"})
        wanted = min(count, self._settings.held)
        held = await self._held(campaign, user_id)
        if len(held) < wanted:
            await self._take(campaign, user_id, wanted - len(held))
            held = await self._held(campaign, user_id)
        return held[:wanted]

    async def free(self, campaign: LabelCampaign, user_id: uuid.UUID) -> int:
        """How many more items could be given to the person now."""
        return await self._session.scalar(select(func.count()).select_from(LabelItem).where(_offered(campaign, user_id))) or 0

    async def submit(self, assignment_id: uuid.UUID, user_id: uuid.UUID, value: Json) -> Held:
        """The same label again changes nothing. Raises NotFound for what was never given to the person, Unprocessable for what is no
        label of the campaign, Conflict for a second one, or where enough others were faster after the hold had lapsed."""
        held, campaign = await self._locked(assignment_id, user_id)
        checked(value, campaign, self._settings.value_chars)
        mine, item = held.assignment, held.item
        if mine.state == "submitted":
            if mine.value is not None and same(mine.value["value"]) == same(value):
                return held
            raise Conflict("You labelled this item already; an editor can decide it otherwise.")
        await self._need_room(mine, item, campaign)
        now = datetime.now(UTC)
        took = (now - mine.given_at).total_seconds()
        await change(self._session, mine, state="submitted", value=boxed(value), lease_until=None, submitted_at=now, seconds=took)
        await self.settle(campaign, item)
        return held

    async def skip(self, assignment_id: uuid.UUID, user_id: uuid.UUID, remark: str) -> Held:
        """The person is not given the item again, others are."""
        held, _ = await self._locked(assignment_id, user_id)
        if held.assignment.state == "submitted":
            raise Conflict("You labelled this item already; it cannot be skipped any more.")
        await change(self._session, held.assignment, state="skipped", remark=remark, lease_until=None)
        return held

    async def extend(self, assignment_id: uuid.UUID, user_id: uuid.UUID) -> Held:
        """Holds it for the campaign's time from now on. Raises Conflict as ``submit`` does."""
        held, campaign = await self._locked(assignment_id, user_id)
        if held.assignment.state == "submitted":
            raise Conflict("You labelled this item already.")
        await self._need_room(held.assignment, held.item, campaign)
        await change(self._session, held.assignment, state="held", lease_until=datetime.now(UTC) + timedelta(seconds=campaign.lease_s))
        return held

    async def settle(self, campaign: LabelCampaign, item: LabelItem, otherwise_by: uuid.UUID | None = None) -> None:
        """Decides an open item that has its labels: what more than half say, else it is disputed. ``item`` is locked. ``otherwise_by``: who
        answers for labels of people that are not ours."""
        if item.state != "open":
            return
        given = [row for row in (await self._campaigns.assignments([item.id])).get(item.id, []) if row.state == "submitted"]
        if len(given) < campaign.labels_per_item:
            return
        at = majority([row.value["value"] for row in given if row.value is not None])
        if at is None:
            await change(self._session, item, state="disputed")
        else:
            await decide(self._session, item, given[at].value, given[at].user_id or otherwise_by, "agreed")

    async def adjudicate(self, item_id: uuid.UUID, user_id: uuid.UUID, value: Json) -> LabelItem:
        """Decides an item, whatever its state; labels that people gave stay as they are."""
        item = await self._campaigns.item(item_id, lock=True)
        checked(value, await self._campaigns.get(item.campaign_id), self._settings.value_chars)
        await decide(self._session, item, boxed(value), user_id, "adjudicated")
        return item

    async def _held(self, campaign: LabelCampaign, user_id: uuid.UUID) -> list[Held]:
        query = (
            select(LabelAssignment, LabelItem)
            .join(LabelItem, LabelItem.id == LabelAssignment.item_id)
            .where(LabelAssignment.campaign_id == campaign.id, LabelAssignment.user_id == user_id, LabelItem.state == "open")
            .where(LabelAssignment.state == "held", LabelAssignment.lease_until > func.clock_timestamp())
            .order_by(LabelAssignment.given_at, LabelItem.score.desc(), LabelItem.created_at, LabelItem.id)
            .execution_options(populate_existing=True)
        )
        return [Held(assignment, item) for assignment, item in (await self._session.execute(query))]

    async def _take(self, campaign: LabelCampaign, user_id: uuid.UUID, count: int) -> None:
        tried: set[uuid.UUID] = set()
        for _ in range(ROUNDS):
            choice = select(LabelItem.id).where(_offered(campaign, user_id), LabelItem.id.not_in(tried))
            choice = (
                choice.order_by(LabelItem.score.desc(), LabelItem.created_at, LabelItem.id).limit(count).with_for_update(skip_locked=True)
            )
            found = (await self._session.scalars(choice)).all()
            if not found:
                return
            tried.update(found)
            roomy = await self._with_room(campaign, found)
            await self._hold(campaign, user_id, roomy)
            count -= len(roomy)
            if count <= 0:
                return

    async def _with_room(self, campaign: LabelCampaign, locked: Sequence[uuid.UUID]) -> list[uuid.UUID]:
        """Of items that are locked those that are open and have room, as it is now."""
        full = select(LabelAssignment.item_id).where(LabelAssignment.item_id.in_(locked), _counts())
        full = full.group_by(LabelAssignment.item_id).having(func.count() >= campaign.labels_per_item)
        query = select(LabelItem.id).where(LabelItem.id.in_(locked), LabelItem.state == "open", LabelItem.id.not_in(full))
        roomy = set(await self._session.scalars(query))
        return [item for item in locked if item in roomy]

    async def _hold(self, campaign: LabelCampaign, user_id: uuid.UUID, items: Sequence[uuid.UUID]) -> None:
        if not items:
            return
        now = datetime.now(UTC)
        until = now + timedelta(seconds=campaign.lease_s)
        shared = {"organisation_id": self._organisation_id, "campaign_id": campaign.id, "user_id": user_id, "annotator": str(user_id)}
        rows = [{"id": uuid.uuid4(), "item_id": item, "state": "held", "given_at": now, "lease_until": until, **shared} for item in items]
        adding = insert(LabelAssignment).values(rows)
        again = {"state": "held", "given_at": adding.excluded.given_at, "lease_until": adding.excluded.lease_until}
        # Never over a label: it may have come in between, late, from the same person.
        name, mine = "uq_label_assignments_item_id_annotator", LabelAssignment.state == "held"
        await self._session.execute(adding.on_conflict_do_update(constraint=name, set_=again, where=mine))

    async def _locked(self, assignment_id: uuid.UUID, user_id: uuid.UUID) -> tuple[Held, LabelCampaign]:
        """The item is locked first, as it is when it is given out."""
        mine = (
            LabelAssignment.id == assignment_id,
            LabelAssignment.user_id == user_id,
            LabelAssignment.organisation_id == self._organisation_id,
        )
        item_id = await self._session.scalar(select(LabelAssignment.item_id).where(*mine))
        if item_id is None:
            raise NotFound("You were not given such an item; POST /api/v1/active-learning/campaigns/{id}/next gives one.")
        item = await self._campaigns.item(item_id, lock=True)
        row = await self._session.scalar(select(LabelAssignment).where(*mine).execution_options(populate_existing=True))
        assert row is not None
        return Held(row, item), await self._campaigns.get(item.campaign_id)

    async def _need_room(self, mine: LabelAssignment, item: LabelItem, campaign: LabelCampaign) -> None:
        if item.state != "open":
            raise Conflict(DECIDED)
        others = select(func.count()).select_from(LabelAssignment)
        others = others.where(LabelAssignment.item_id == item.id, LabelAssignment.id != mine.id, _counts())
        if (await self._session.scalar(others) or 0) >= campaign.labels_per_item:
            raise Conflict("Your time for this item ran out, and others have it now; ask for the next item.")


async def decide(session: AsyncSession, item: LabelItem, value: dict[str, Any] | None, by: uuid.UUID | None, state: str) -> None:
    await change(session, item, final=value, final_by=by, state=state, decided_at=datetime.now(UTC))


async def change(session: AsyncSession, row: LabelItem | LabelAssignment, **values: Any) -> None:
    """In the database and in ``row``. By a statement: a session writes rows by itself only where the tables of organisations and users are
    known, which stand in ``api``."""
    kind = type(row)
    await session.execute(update(kind).where(kind.id == row.id).values(**values))


def _counts() -> ColumnElement[bool]:
    """Whether an assignment takes one of an item's places."""
    lasting = and_(LabelAssignment.state == "held", LabelAssignment.lease_until > func.clock_timestamp())
    return or_(LabelAssignment.state == "submitted", lasting)


def _offered(campaign: LabelCampaign, user_id: uuid.UUID) -> ColumnElement[bool]:
    """Open items with room that the person neither holds nor has labelled or skipped."""
    here = LabelAssignment.item_id == LabelItem.id
    taken = select(func.count()).select_from(LabelAssignment).where(here, _counts()).correlate(LabelItem).scalar_subquery()
    mine = exists().where(here, LabelAssignment.user_id == user_id, or_(_counts(), LabelAssignment.state == "skipped"))
    return and_(LabelItem.campaign_id == campaign.id, LabelItem.state == "open", taken < campaign.labels_per_item, ~mine)
