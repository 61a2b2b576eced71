"""Labelling, for one person: what they are given, and what they say."""

from __future__ import annotations

import uuid

from api.active_learning.answers import GivenAnswer, NextAnswer
from api.web.principal import Principal
from cluster.contracts.generation import Json
from cluster.learning.labels.campaigns import Campaigns
from cluster.learning.labels.queue import LabelQueue
from cluster.settings import ActiveLearningSettings
from cluster.stores.sql import AsyncSession


class Labelling:
    """In one transaction."""

    def __init__(self, session: AsyncSession, who: Principal, settings: ActiveLearningSettings) -> None:
        self._queue = LabelQueue(session, who.organisation_id, settings)
        self._campaigns = Campaigns(session, who.organisation_id, settings)
        self._who = who

    async def next(self, campaign_id: uuid.UUID, count: int) -> NextAnswer:
        campaign = await self._campaigns.get(campaign_id)
        held = await self._queue.give(campaign, self._who.user_id, count)
        remaining = await self._queue.free(campaign, self._who.user_id)
        return NextAnswer(items=[GivenAnswer.of(one) for one in held], remaining=remaining)

    async def submit(self, assignment_id: uuid.UUID, value: Json) -> GivenAnswer:
        return GivenAnswer.of(await self._queue.submit(assignment_id, self._who.user_id, value))

    async def skip(self, assignment_id: uuid.UUID, remark: str) -> GivenAnswer:
        return GivenAnswer.of(await self._queue.skip(assignment_id, self._who.user_id, remark))

    async def extend(self, assignment_id: uuid.UUID) -> GivenAnswer:
        return GivenAnswer.of(await self._queue.extend(assignment_id, self._who.user_id))
