"""What was decided in campaigns, as examples to train with."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from sqlalchemy import Select, select, tuple_

from cluster.learning.example import Example, Source
from cluster.learning.labels.table import LabelCampaign, LabelItem
from cluster.learning.labels.values import same, written
from cluster.stores.sql import AsyncSession

PAGE = 500


async def examples(
    session: AsyncSession,
    organisation_id: uuid.UUID,
    campaign: uuid.UUID | None = None,
    *,
    since: datetime | None = None,
    tasks: Sequence[str] | None = None,
) -> AsyncIterator[Example]:
    """Every decided item of the organisation, or of one campaign, in the order in which they were decided. An answer of the model that the
    label does not repeat is the rejected one. What somebody decided who was erased since is left out. ``since``: decided from then on.
    ``tasks``: only these."""
    after: tuple[object, uuid.UUID] | None = None
    while True:
        query = _decided(organisation_id, campaign).order_by(LabelItem.decided_at, LabelItem.id).limit(PAGE)
        if since is not None:
            query = query.where(LabelItem.decided_at >= since)
        if tasks is not None:
            query = query.where(LabelCampaign.task.in_(list(tasks)))
        if after is not None:
            query = query.where(tuple_(LabelItem.decided_at, LabelItem.id) > after)
        rows = (await session.execute(query)).all()
        for item, task in rows:
            yield example_of(item, task)
        if len(rows) < PAGE:
            return
        after = rows[-1][0].decided_at, rows[-1][0].id


async def latest(session: AsyncSession, organisation_id: uuid.UUID, most: int) -> list[Example]:
    """The last that were decided."""
    query = _decided(organisation_id, None).order_by(LabelItem.decided_at.desc(), LabelItem.id).limit(most)
    return [example_of(item, task) for item, task in (await session.execute(query))]


def example_of(item: LabelItem, task: str) -> Example:
    assert item.final is not None
    value = item.final["value"]
    other = None if item.answer is None or not item.answer.strip() or same(item.answer) == same(written(value)) else item.answer
    whose = item.user_id or item.final_by
    source = Source(kind="label", id=str(item.id), user_id=None if whose is None else str(whose))
    return Example(messages=tuple(item.messages), chosen=written(value), rejected=other, task=task, source=source)


def _decided(organisation_id: uuid.UUID, campaign: uuid.UUID | None) -> Select[LabelItem, str]:
    query = select(LabelItem, LabelCampaign.task).join(LabelCampaign, LabelCampaign.id == LabelItem.campaign_id)
    query = query.where(LabelItem.organisation_id == organisation_id, LabelItem.final.is_not(None), LabelItem.final_by.is_not(None))
    return query if campaign is None else query.where(LabelItem.campaign_id == campaign)
