"""How a campaign stands, and how much its people agree."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import Float, case, cast, func, select

from cluster.learning.labels.agreement import Agreement, agreement
from cluster.learning.labels.table import LabelAssignment, LabelItem
from cluster.learning.labels.values import same, written
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class PersonStatistics:
    """``held``: items in their hands now; ``lapsed``: given and never answered. ``agreed``: the share of their labels of decided items
    that are what was decided. ``seconds``: the median from being given to being submitted."""

    annotator: str
    labels: int
    held: int
    lapsed: int
    skipped: int
    agreed: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class CampaignStatistics:
    """``items``: by state. ``values``: how often each label was decided on, the commonest first, at most 100."""

    items: dict[str, int]
    labels: int
    people: tuple[PersonStatistics, ...]
    values: dict[str, int]


async def statistics(session: AsyncSession, campaign_id: uuid.UUID) -> CampaignStatistics:
    by_state = select(LabelItem.state, func.count()).where(LabelItem.campaign_id == campaign_id).group_by(LabelItem.state)
    states = dict((await session.execute(by_state)).all())
    items = {state: states.get(state, 0) for state in ("open", "agreed", "disputed", "adjudicated")}
    people = await _people(session, campaign_id)
    decided = select(LabelItem.final["value"].label("value"), func.count().label("times"))
    decided = decided.where(LabelItem.campaign_id == campaign_id, LabelItem.final.is_not(None))
    decided = decided.group_by("value").order_by(func.count().desc()).limit(100)
    values = {written(value)[:200]: count for value, count in (await session.execute(decided))}
    return CampaignStatistics(items, sum(person.labels for person in people), people, values)


async def campaign_agreement(session: AsyncSession, campaign_id: uuid.UUID, most: int) -> Agreement:
    """Of the campaign's latest labels, ``most`` of them."""
    query = select(LabelAssignment.item_id, LabelAssignment.annotator, LabelAssignment.value)
    query = query.where(LabelAssignment.campaign_id == campaign_id, LabelAssignment.state == "submitted")
    query = query.order_by(LabelAssignment.submitted_at.desc(), LabelAssignment.id).limit(most)
    labels: dict[str, dict[str, str]] = {}
    for item, annotator, value in await session.execute(query):
        if value is not None:
            labels.setdefault(str(item), {})[annotator] = same(value["value"])
    return agreement(labels)


async def _people(session: AsyncSession, campaign_id: uuid.UUID) -> tuple[PersonStatistics, ...]:
    row = LabelAssignment
    submitted = row.state == "submitted"
    lasting = row.lease_until > func.clock_timestamp()
    decided = submitted & LabelItem.final.is_not(None)
    query = (
        select(
            row.annotator,
            func.count().filter(submitted),
            func.count().filter(row.state == "held", lasting),
            func.count().filter(row.state == "held", ~lasting),
            func.count().filter(row.state == "skipped"),
            cast(func.avg(case((decided, case((row.value == LabelItem.final, 1.0), else_=0.0)))), Float),
            func.percentile_cont(0.5).within_group(row.seconds).filter(submitted),
        )
        .join(LabelItem, LabelItem.id == row.item_id)
        .where(row.campaign_id == campaign_id)
        .group_by(row.annotator)
        .order_by(row.annotator)
    )
    return tuple(PersonStatistics(*values) for values in (await session.execute(query)))
