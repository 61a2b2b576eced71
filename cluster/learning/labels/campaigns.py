"""Campaigns and their items, as they are kept: every read names the organisation."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from cluster.errors import Conflict, NotFound, Unprocessable
from cluster.learning.labels.table import LabelAssignment, LabelCampaign, LabelItem
from cluster.settings import ActiveLearningSettings
from cluster.stores.sql import AsyncSession

# Apart in time, so that items of one file stay in its order.
TICK = timedelta(microseconds=1)


class Campaigns:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID, settings: ActiveLearningSettings) -> None:
        self._session = session
        self._organisation_id = organisation_id
        self._settings = settings

    async def add(self, owner_id: uuid.UUID, values: dict[str, Any]) -> LabelCampaign:
        """Raises Conflict for a name that is taken, or where there are too many."""
        mine = LabelCampaign.organisation_id == self._organisation_id
        count = await self._session.scalar(select(func.count()).select_from(LabelCampaign).where(mine))
        if (count or 0) >= self._settings.campaigns:
            raise Conflict(f"There are {count} campaigns, and no more are kept (active_learning.campaigns).")
        row = {"lease_s": self._settings.lease_s} | {key: value for key, value in values.items() if value is not None}
        made = insert(LabelCampaign).values(id=uuid.uuid4(), organisation_id=self._organisation_id, owner_id=owner_id, **row)
        found: LabelCampaign | None = await self._session.scalar(made.on_conflict_do_nothing().returning(LabelCampaign))
        if found is None:
            raise Conflict(f"There is a campaign '{values['name']}' already; choose another name.").about("name")
        return found

    async def get(self, campaign_id: uuid.UUID, *, lock: bool = False) -> LabelCampaign:
        """Raises NotFound."""
        query = select(LabelCampaign).where(LabelCampaign.id == campaign_id, LabelCampaign.organisation_id == self._organisation_id)
        row = await self._session.scalar(query.with_for_update() if lock else query)
        if row is None:
            raise NotFound("There is no such campaign; GET /api/v1/active-learning/campaigns lists them.")
        return row

    async def page(self, after: str | None, limit: int) -> Sequence[LabelCampaign]:
        """By name."""
        query = (
            select(LabelCampaign).where(LabelCampaign.organisation_id == self._organisation_id).order_by(LabelCampaign.name).limit(limit)
        )
        return (await self._session.scalars(query if after is None else query.where(LabelCampaign.name > after))).all()

    async def item(self, item_id: uuid.UUID, *, lock: bool = False) -> LabelItem:
        """Raises NotFound."""
        query = select(LabelItem).where(LabelItem.id == item_id, LabelItem.organisation_id == self._organisation_id)
        query = query.execution_options(populate_existing=True)
        row = await self._session.scalar(query.with_for_update() if lock else query)
        if row is None:
            raise NotFound("There is no such item; GET /api/v1/active-learning/campaigns/{id}/items lists those of a campaign.")
        return row

    async def items(self, campaign_id: uuid.UUID, after: uuid.UUID | None, limit: int, state: str | None = None) -> Sequence[LabelItem]:
        """In the order in which they came; those behind the item ``after``."""
        query = select(LabelItem).where(LabelItem.campaign_id == campaign_id, LabelItem.organisation_id == self._organisation_id)
        if state is not None:
            query = query.where(LabelItem.state == state)
        if after is not None:
            last = await self.item(after)
            query = query.where(tuple_(LabelItem.created_at, LabelItem.id) > (last.created_at, last.id))
        return (await self._session.scalars(query.order_by(LabelItem.created_at, LabelItem.id).limit(limit))).all()

    async def assignments(self, item_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[LabelAssignment]]:
        """Those of each item, in the order of labels."""
        query = select(LabelAssignment).where(LabelAssignment.item_id.in_(list(item_ids)))
        query = query.order_by(LabelAssignment.submitted_at, LabelAssignment.given_at, LabelAssignment.annotator)
        found: dict[uuid.UUID, list[LabelAssignment]] = {}
        for row in await self._session.scalars(query.execution_options(populate_existing=True)):
            found.setdefault(row.item_id, []).append(row)
        return found

    async def put(self, campaign: LabelCampaign, rows: Sequence[dict[str, Any]]) -> list[LabelItem]:
        """Items of these values, less those whose source is in the campaign already. Raises Unprocessable where it would have too many."""
        there = await self._session.scalar(select(func.count()).select_from(LabelItem).where(LabelItem.campaign_id == campaign.id))
        if (there or 0) + len(rows) > self._settings.items:
            raise Unprocessable(
                f"The campaign has {there} items, and {len(rows)} more are over {self._settings.items} (active_learning.items); "
                "begin another campaign."
            )
        made, now = list[LabelItem](), datetime.now(UTC)
        for start in range(0, len(rows), 500):
            values = [
                {
                    "id": uuid.uuid4(),
                    "organisation_id": self._organisation_id,
                    "campaign_id": campaign.id,
                    **row,
                    "created_at": now + at * TICK,
                }
                for at, row in enumerate(rows[start : start + 500], start)
            ]
            adding = insert(LabelItem).values(values).on_conflict_do_nothing().returning(LabelItem)
            made.extend(await self._session.scalars(adding))
        return made
