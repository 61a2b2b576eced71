"""Rows of the gate, the registry and datasets as judgements."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select

from cluster.learning.analytics.judgements import Judgement, Wanted, judgements
from cluster.learning.gate.table import GateVerdict
from cluster.learning.labels.table import LabelItem
from cluster.stores.clients import StoreClients
from tests.cluster.learning.analytics.judged import Place
from tests.organisations import new_organisation


@pytest.fixture
async def place(stores: StoreClients) -> Place:
    return Place(stores.database, *await new_organisation(stores.database))


async def told(place: Place, wanted: Wanted | None = None) -> list[Judgement]:
    async with place.database.session() as session:
        return await judgements(session, place.organisation_id, wanted or Wanted(100))


async def test_a_verdict_is_told_with_what_its_adapter_was_trained_on(place: Place):
    await place.train(0.6, 4, uploads=1)
    (one,) = await told(place)
    assert (one.base, one.adapter, one.task, one.outcome, one.score, one.before) == ("nano", "sums@1", "sums", "passed", 0.6, 0.3)
    assert (one.training_seconds, one.training_tokens, one.items_sha256) == (100.0, 5000, "a" * 64)
    assert one.tokens is not None
    assert one.tokens["candidate"].prompt == 1000
    assert one.data is not None
    assert (one.data.dataset, one.data.version, one.data.labels, one.data.sources) == ("sums", 1, 5, {"label": 4, "upload": 1})
    assert (one.data.chosen, one.data.label_seconds) == ("active", 12.0)


@pytest.mark.parametrize(
    ("strategy", "chosen"),
    [("active", "active"), ("uncertainty", "active"), ("diversity", "active"), ("random", "random"), (None, "unknown")],
)
async def test_how_labels_were_chosen_is_read_from_the_queue(place: Place, strategy: str | None, chosen: str):
    await place.train(0.6, 3, strategy)
    (one,) = await told(place)
    assert one.data is not None
    assert one.data.chosen == chosen


async def test_where_no_way_to_choose_has_more_than_half_nobody_knows(place: Place):
    await place.train(0.6, 3, "random", uploads=3)
    (one,) = await told(place)
    assert one.data is not None
    assert one.data.chosen == "unknown"


async def test_labels_whose_items_are_gone_are_counted_and_nobody_knows_how_they_were_chosen(place: Place):
    await place.train(0.6, 3)
    async with place.database.session() as session:
        await session.execute(delete(LabelItem).where(LabelItem.organisation_id == place.organisation_id))
    (one,) = await told(place)
    assert one.data is not None
    assert (one.data.labels, one.data.chosen, one.data.label_seconds) == (3, "unknown", 0.0)


async def test_the_earliest_comes_first_and_the_latest_are_looked_at(place: Place):
    for score in (0.4, 0.5, 0.6):
        await place.train(score, 1)
    assert [one.score for one in await told(place)] == [0.4, 0.5, 0.6]
    assert [one.score for one in await told(place, Wanted(2))] == [0.5, 0.6]


async def test_only_what_is_wanted_is_told(place: Place):
    await place.train(0.4, 1)
    assert len(await told(place, Wanted(9, base="nano", task="sums"))) == 1
    assert await told(place, Wanted(9, base="mega")) == []
    assert await told(place, Wanted(9, task="tales")) == []


async def test_a_verdict_without_an_outcome_or_without_an_adapter_here_is_left_out(place: Place):
    await place.train(0.4, 1)
    async with place.database.session() as session:
        row = await session.scalar(select(GateVerdict).where(GateVerdict.organisation_id == place.organisation_id))
        assert row is not None
        row.candidate = "nano:other@1"
        await session.flush()
    assert await told(place) == []


async def test_another_organisation_s_are_not_seen(stores: StoreClients, place: Place):
    await place.train(0.4, 1)
    other = Place(stores.database, *await new_organisation(stores.database))
    await other.train(0.9, 2)
    assert [one.score for one in await told(place)] == [0.4]
    (theirs,) = await told(other)
    assert theirs.data is not None
    assert theirs.data.labels == 2, "though the same digest is in both"
