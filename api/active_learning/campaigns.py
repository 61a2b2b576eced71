"""Campaigns and their items, for those who make them."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from api.active_learning.answers import (
    AgreementAnswer,
    CampaignAnswer,
    ImportedAnswer,
    ItemAnswer,
    PairAnswer,
    PersonAnswer,
    StatisticsAnswer,
)
from api.active_learning.schemas import CampaignBody, CampaignPatch, CampaignQuery, ItemQuery
from api.conversations.answers import Listing
from api.web.principal import Principal
from cluster.contracts.generation import Json
from cluster.errors import TooLarge, Unprocessable
from cluster.learning.labels.campaigns import Campaigns
from cluster.learning.labels.formats import FORMATS, FormatName, records
from cluster.learning.labels.queue import LabelQueue
from cluster.learning.labels.record import Record
from cluster.learning.labels.statistics import campaign_agreement, statistics
from cluster.learning.labels.table import LabelCampaign
from cluster.learning.labels.travel import Travel
from cluster.settings import ActiveLearningSettings
from cluster.stores.sql import AsyncSession, Database


class LabelCampaigns:
    """For one person, in one transaction."""

    def __init__(self, session: AsyncSession, who: Principal, settings: ActiveLearningSettings) -> None:
        self._session = session
        self._who = who
        self._settings = settings
        self._rows = Campaigns(session, who.organisation_id, settings)

    async def create(self, body: CampaignBody) -> CampaignAnswer:
        return CampaignAnswer.of(await self._rows.add(self._who.user_id, body.model_dump()))

    async def get(self, campaign_id: uuid.UUID) -> CampaignAnswer:
        return CampaignAnswer.of(await self._rows.get(campaign_id))

    async def page(self, wanted: CampaignQuery) -> Listing[CampaignAnswer]:
        rows = await self._rows.page(wanted.cursor, wanted.limit + 1)
        cursor = rows[wanted.limit - 1].name if len(rows) > wanted.limit else None
        return Listing[CampaignAnswer](items=[CampaignAnswer.of(row) for row in rows[: wanted.limit]], next_cursor=cursor)

    async def change(self, campaign_id: uuid.UUID, patch: CampaignPatch) -> CampaignAnswer:
        row = await self._rows.get(campaign_id, lock=True)
        for name in patch.model_fields_set:
            if getattr(patch, name) is None:
                raise Unprocessable(f"'{name}' cannot be null; leave it out to keep it.").about(name)
            setattr(row, name, getattr(patch, name))
        row.updated_at = datetime.now(UTC)
        await self._session.flush()
        return CampaignAnswer.of(row)

    async def items(self, campaign_id: uuid.UUID, wanted: ItemQuery) -> Listing[ItemAnswer]:
        await self._rows.get(campaign_id)
        rows = await self._rows.items(campaign_id, wanted.cursor, wanted.limit + 1, wanted.state)
        shown = rows[: wanted.limit]
        labels = await self._rows.assignments(row.id for row in shown)
        cursor = str(shown[-1].id) if len(rows) > wanted.limit else None
        return Listing[ItemAnswer](items=[ItemAnswer.of(row, labels.get(row.id, [])) for row in shown], next_cursor=cursor)

    async def item(self, item_id: uuid.UUID) -> ItemAnswer:
        row = await self._rows.item(item_id)
        return ItemAnswer.of(row, (await self._rows.assignments([row.id])).get(row.id, []))

    async def adjudicate(self, item_id: uuid.UUID, value: Json) -> ItemAnswer:
        await LabelQueue(self._session, self._who.organisation_id, self._settings).adjudicate(item_id, self._who.user_id, value)
        return await self.item(item_id)

    async def statistics(self, campaign_id: uuid.UUID) -> StatisticsAnswer:
        await self._rows.get(campaign_id)
        found = await statistics(self._session, campaign_id)
        people = [PersonAnswer.model_validate(person, from_attributes=True) for person in found.people]
        return StatisticsAnswer(items=found.items, labels=found.labels, people=people, values=found.values)

    async def agreement(self, campaign_id: uuid.UUID) -> AgreementAnswer:
        await self._rows.get(campaign_id)
        found = await campaign_agreement(self._session, campaign_id, self._settings.items)
        pairs = [PairAnswer(people=list(pair.people), items=pair.items, agreed=pair.agreed, kappa=pair.kappa) for pair in found.pairs]
        return AgreementAnswer(items=found.items, labels=found.labels, agreed=found.agreed, alpha=found.alpha, pairs=pairs)

    async def bring(self, campaign_id: uuid.UUID, raw: bytes, name: FormatName) -> ImportedAnswer:
        """Raises TooLarge, and Unprocessable for what is not of that format."""
        if len(raw) > self._settings.import_bytes:
            raise TooLarge(
                f"The file has {len(raw)} bytes, at most {self._settings.import_bytes} are taken (active_learning.import_bytes)."
            )
        campaign = await self._rows.get(campaign_id, lock=True)
        found = list[Record]()
        for record in records(raw, name, campaign.kind):
            found.append(record)
            if len(found) > self._settings.import_items:
                raise TooLarge(f"The file has more than {self._settings.import_items} records (active_learning.import_items); split it.")
        if not found:
            raise Unprocessable("The file has no records; send a list of them, or one in each line.")
        brought = await Travel(self._session, self._who.organisation_id, self._settings).bring(campaign, found, self._who.user_id)
        return ImportedAnswer(items=brought.items, known=brought.known, labels=brought.labels, decided=brought.decided)


class LabelFiles:
    """A campaign as a file, sent as it is read: each page of items has a transaction of its own."""

    def __init__(self, database: Database, who: Principal, settings: ActiveLearningSettings) -> None:
        self._database = database
        self._who = who
        self._settings = settings

    async def campaign(self, campaign_id: uuid.UUID) -> LabelCampaign:
        async with self._database.session() as session:
            return await Campaigns(session, self._who.organisation_id, self._settings).get(campaign_id)

    async def rows(self, campaign: LabelCampaign, name: FormatName) -> AsyncIterator[bytes]:
        """JSON lines, or one JSON list, as the format has it."""
        form, first = FORMATS[name], True
        async for record in self._records(campaign):
            line = json.dumps(form.dump(record, campaign.kind), ensure_ascii=False)
            yield f"{line}\n".encode() if form.LINES else f"{'[' if first else ','}\n{line}".encode()
            first = False
        if not form.LINES:
            yield b"[]\n" if first else b"\n]\n"

    async def _records(self, campaign: LabelCampaign) -> AsyncIterator[Any]:
        after: uuid.UUID | None = None
        while True:
            async with self._database.session() as session:
                found, after = await Travel(session, self._who.organisation_id, self._settings).page(campaign, after)
            for record in found:
                yield record
            if after is None:
                return
