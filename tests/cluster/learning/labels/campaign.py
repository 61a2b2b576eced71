"""A campaign of an organisation of its own, and people who label in it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from cluster.contracts.generation import Json
from cluster.learning.labels.campaigns import Campaigns
from cluster.learning.labels.queue import Held, LabelQueue
from cluster.learning.labels.table import LabelAssignment, LabelCampaign, LabelItem
from cluster.settings import ActiveLearningSettings
from cluster.stores.sql import Database
from tests.organisations import new_organisation

SETTINGS = ActiveLearningSettings()


@dataclass(frozen=True)
class Desk:
    """``owner``: made the campaign."""

    database: Database
    organisation: uuid.UUID
    owner: uuid.UUID
    campaign: LabelCampaign
    settings: ActiveLearningSettings = SETTINGS

    async def people(self, count: int) -> list[uuid.UUID]:
        made = [uuid.uuid4() for _ in range(count)]
        async with self.database.session() as session:
            for user in made:
                told = {"id": user, "email": f"{user.hex}@example.org", "organisation": self.organisation}
                await session.execute(text("INSERT INTO users (id, email, name) VALUES (:id, :email, 'Somebody')"), told)
                joins = "INSERT INTO memberships (organisation_id, user_id, role) VALUES (:organisation, :id, 'viewer')"
                await session.execute(text(joins), told)
        return made

    async def put(self, count: int, **values: Any) -> list[LabelItem]:
        """Items with scores that fall, the first one highest."""
        rows = [
            {
                "source_kind": "text",
                "source_id": f"s{at}",
                "messages": [{"role": "user", "content": f"Question {at}?"}],
                "answer": "No idea.",
                "score": 1 - at / 1000,
                **values,
            }
            for at in range(count)
        ]
        async with self.database.session() as session:
            return await Campaigns(session, self.organisation, self.settings).put(self.campaign, rows)

    async def give(self, user: uuid.UUID, count: int = 1) -> list[Held]:
        async with self.database.session() as session:
            return await LabelQueue(session, self.organisation, self.settings).give(self.campaign, user, count)

    async def submit(self, held: Held, user: uuid.UUID, value: Json) -> Held:
        async with self.database.session() as session:
            return await LabelQueue(session, self.organisation, self.settings).submit(held.assignment.id, user, value)

    async def label(self, user: uuid.UUID, value: Json) -> Held:
        """The next item, labelled."""
        (held,) = await self.give(user)
        return await self.submit(held, user, value)

    async def lapse(self) -> None:
        """As if the time of everything that is held had run out."""
        async with self.database.session() as session:
            late = "UPDATE label_assignments SET lease_until = now() - interval '1 second' WHERE campaign_id = :id AND state = 'held'"
            await session.execute(text(late), {"id": self.campaign.id})

    async def items(self) -> list[LabelItem]:
        async with self.database.session() as session:
            return list(await Campaigns(session, self.organisation, self.settings).items(self.campaign.id, None, 1000))

    async def assignments(self) -> list[LabelAssignment]:
        found = await self.items()
        async with self.database.session() as session:
            by_item = await Campaigns(session, self.organisation, self.settings).assignments(item.id for item in found)
        return [row for rows in by_item.values() for row in rows]


async def open_desk(database: Database, **values: Any) -> Desk:
    organisation, owner = await new_organisation(database)
    told = {"name": "goats", "task": "farm", "kind": "text"} | values
    async with database.session() as session:
        campaign = await Campaigns(session, organisation, SETTINGS).add(owner, told)
    return Desk(database, organisation, owner, campaign)
