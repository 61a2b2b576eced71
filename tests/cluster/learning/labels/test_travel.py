from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from cluster.errors import Unprocessable
from cluster.learning.labels.examples import examples, latest
from cluster.learning.labels.formats import FORMATS, records
from cluster.learning.labels.record import Decided, Given, Origin, Record, Turn
from cluster.learning.labels.statistics import campaign_agreement, statistics
from cluster.learning.labels.travel import Imported, Travel, exported
from tests.cluster.learning.labels.campaign import Desk, open_desk


def labelled(name: str, *labels: tuple[str, str], final: Decided | None = None) -> Record:
    given = tuple(Given(annotator=who, value=value) for who, value in labels)
    return Record(source=Origin(id=name), messages=(Turn(role="user", content=f"{name}?"),), answer="No idea.", labels=given, final=final)


async def bring(desk: Desk, found: list[Record]) -> Imported:
    async with desk.database.session() as session:
        return await Travel(session, desk.organisation, desk.settings).bring(desk.campaign, found, desk.owner)


async def take(desk: Desk) -> list[Record]:
    async with desk.database.session() as session:
        return [record async for record in exported(session, desk.organisation, desk.campaign, desk.settings)]


@pytest.mark.parametrize("name", FORMATS)
async def test_a_campaign_goes_into_a_file_and_into_another_campaign_the_same(stores, name):
    desk, other = await open_desk(stores.database, labels_per_item=2), await open_desk(stores.database, labels_per_item=2)
    await desk.put(3)
    for user in await desk.people(2):
        await desk.label(user, "At seven.")
    (mira,) = await desk.people(1)
    await desk.label(mira, "At noon.")
    before = await take(desk)
    raw = json.dumps([FORMATS[name].dump(record, "text") for record in before]).encode()
    assert await bring(other, list(records(raw, name, "text"))) == Imported(3, 0, 3, 1)
    after = await take(other)
    # People of another organisation are names there, so whoever brought the file answers for what was decided.
    strip = {"final": None, "labels": ()}
    assert [one.model_copy(update=strip) for one in after] == [one.model_copy(update=strip) for one in before]
    assert [sorted(map(str, one.labels)) for one in after] == [sorted(map(str, one.labels)) for one in before]
    assert [one.final and one.final.value for one in after] == [one.final and one.final.value for one in before]
    assert {one.final.by for one in after if one.final} == {str(other.owner)}


async def test_labels_from_elsewhere_come_to_the_items_that_are_there_and_overwrite_nothing(stores):
    desk = await open_desk(stores.database, labels_per_item=2)
    mira, otto = await desk.people(2)
    await bring(desk, [labelled("a"), labelled("b")])
    (held,) = await desk.give(mira)
    await desk.submit(held, mira, "Mine.")
    name = held.item.source_id
    found = labelled(name, (str(mira), "Not mine."), (str(otto), "Mine."))
    assert await bring(desk, [found]) == Imported(0, 1, 1, 1)
    assert await bring(desk, [found]) == Imported(0, 1, 0, 0), "the same file again changes nothing"
    item = next(item for item in await desk.items() if item.source_id == name)
    assert (item.state, item.final) == ("agreed", {"value": "Mine."})


async def test_what_was_decided_elsewhere_is_decided_here(stores):
    desk = await open_desk(stores.database)
    found = labelled("a", final=Decided(value="At seven.", by="label_studio:3", adjudicated=True))
    assert await bring(desk, [found]) == Imported(1, 0, 0, 1)
    (item,) = await desk.items()
    assert (item.state, item.final_by) == ("adjudicated", desk.owner)


async def test_an_import_with_one_wrong_label_writes_nothing(stores):
    desk = await open_desk(stores.database, kind="label", labels=["goat", "sheep"])
    with pytest.raises(Unprocessable, match=r"Record 2: 'value' is one of goat, sheep"):
        await bring(desk, [labelled("a", ("x", "goat")), labelled("b", ("x", "horse"))])
    assert await desk.items() == []


async def test_decided_items_are_examples_and_those_of_the_erased_are_not(stores):
    desk = await open_desk(stores.database)
    await desk.put(3)
    mira, otto = await desk.people(2)
    await desk.label(mira, "At seven.")
    await desk.label(otto, "No idea.")
    async with stores.database.session() as session:
        found = [one async for one in examples(session, desk.organisation, desk.campaign.id)]
    assert [(one.chosen, one.rejected, one.task, one.source.kind) for one in found] == [
        ("At seven.", "No idea.", "farm", "label"),
        ("No idea.", None, "farm", "label"),
    ]
    assert found[0].source.user_id == str(mira)
    assert found[0].messages == ({"role": "user", "content": "Question 0?"},)
    async with stores.database.session() as session:
        await session.execute(text("DELETE FROM users WHERE id = :mira"), {"mira": mira})
    async with stores.database.session() as session:
        assert [one.chosen async for one in examples(session, desk.organisation)] == ["No idea."]
        assert [one.chosen for one in await latest(session, desk.organisation, 1)] == ["No idea."]
    elsewhere = await open_desk(stores.database)
    async with stores.database.session() as session:
        assert [one async for one in examples(session, elsewhere.organisation, desk.campaign.id)] == []


async def test_statistics_and_agreement_say_what_people_did(stores):
    desk = await open_desk(stores.database, labels_per_item=2, kind="label", labels=["goat", "sheep"])
    mira, otto = await desk.people(2)
    said = (("goat", "goat"), ("sheep", "sheep"), ("goat", "sheep"))
    await bring(desk, [labelled(str(at), (str(mira), a), (str(otto), b)) for at, (a, b) in enumerate(said)])
    await desk.put(1)
    await desk.give(mira)
    async with stores.database.session() as session:
        found = await statistics(session, desk.campaign.id)
        agreed = await campaign_agreement(session, desk.campaign.id, 1000)
    assert (found.items, found.labels) == ({"open": 1, "agreed": 2, "disputed": 1, "adjudicated": 0}, 6)
    assert {person.annotator: (person.labels, person.held, person.agreed) for person in found.people} == {
        str(mira): (3, 1, 1.0),
        str(otto): (3, 0, 1.0),
    }
    assert found.values == {"goat": 1, "sheep": 1}
    assert (agreed.items, agreed.agreed, agreed.pairs[0].kappa) == (3, 0.6667, 0.4)
