from __future__ import annotations

import asyncio
import uuid
from collections import Counter

import pytest
from sqlalchemy import text

from cluster.errors import Conflict, NotFound, Unprocessable
from cluster.learning.labels.queue import LabelQueue
from tests.cluster.learning.labels.campaign import open_desk

LABELS = {"kind": "label", "labels": ["goat", "sheep", "cow"]}


async def test_the_best_item_is_given_first_and_stays_with_whoever_has_it(stores):
    desk = await open_desk(stores.database)
    await desk.put(3)
    mira, otto = await desk.people(2)
    first = await desk.give(mira)
    assert [held.item.source_id for held in first] == ["s0"]
    assert [held.assignment.id for held in await desk.give(mira)] == [first[0].assignment.id], "asked again, the same is given"
    assert [held.item.source_id for held in await desk.give(otto)] == ["s1"]
    assert [held.item.source_id for held in await desk.give(mira, 5)] == ["s0", "s2"]


async def test_never_more_people_hold_an_item_than_it_needs_however_many_ask_at_once(stores):
    desk = await open_desk(stores.database, labels_per_item=2)
    await desk.put(12)
    people = await desk.people(8)

    async def work(user: uuid.UUID) -> None:
        idle = 0
        while idle < 3:
            held = await desk.give(user, 2)
            idle = 0 if held else idle + 1
            for one in held:
                await desk.submit(one, user, "At seven.")

    await asyncio.gather(*(work(user) for user in people))
    rows = await desk.assignments()
    assert {row.state for row in rows} == {"submitted"}
    assert set(Counter(row.item_id for row in rows).values()) == {2}
    assert {item.state for item in await desk.items()} == {"agreed"}
    assert len(await desk.items()) == 12


async def test_all_at_once_for_one_item_give_it_to_as_many_as_it_needs(stores):
    desk = await open_desk(stores.database, labels_per_item=3)
    await desk.put(1)
    people = await desk.people(10)
    for _ in range(4):
        await asyncio.gather(*(desk.give(user) for user in people))
    rows = await desk.assignments()
    assert len(rows) == 3
    assert len({row.user_id for row in rows}) == 3


async def test_one_person_asking_twice_at_once_is_given_the_same(stores):
    desk = await open_desk(stores.database)
    await desk.put(5)
    (mira,) = await desk.people(1)
    answers = await asyncio.gather(*(desk.give(mira, 2) for _ in range(4)))
    assert len({held.assignment.id for answer in answers for held in answer}) == 2


async def test_what_lapsed_goes_to_somebody_else_and_a_late_label_counts_while_there_is_room(stores):
    desk = await open_desk(stores.database)
    await desk.put(1)
    mira, otto = await desk.people(2)
    (late,) = await desk.give(mira)
    assert await desk.give(otto) == []
    await desk.lapse()
    (taken,) = await desk.give(otto)
    assert taken.item.id == late.item.id
    with pytest.raises(Conflict, match="ran out"):
        await desk.submit(late, mira, "At noon.")
    await desk.lapse()
    assert (await desk.submit(late, mira, "At noon.")).item.state == "agreed"
    with pytest.raises(Conflict, match="decided already"):
        await desk.submit(taken, otto, "At seven.")
    assert [row.state for row in await desk.assignments()] == ["submitted", "held"]


async def test_a_lapsed_item_can_come_back_to_the_same_person(stores):
    desk = await open_desk(stores.database)
    await desk.put(1)
    (mira,) = await desk.people(1)
    (first,) = await desk.give(mira)
    await desk.lapse()
    (second,) = await desk.give(mira)
    assert first.assignment.id == second.assignment.id
    assert len(await desk.assignments()) == 1


async def test_a_label_sent_twice_counts_once_and_a_second_one_is_refused(stores):
    desk = await open_desk(stores.database, labels_per_item=2)
    await desk.put(1)
    (mira,) = await desk.people(1)
    (held,) = await desk.give(mira)
    both = await asyncio.gather(*(desk.submit(held, mira, "At  seven.") for _ in range(3)))
    assert {one.assignment.state for one in both} == {"submitted"}
    assert (await desk.submit(held, mira, " At seven. ")).assignment.value == {"value": "At  seven."}
    with pytest.raises(Conflict, match="labelled this item already"):
        await desk.submit(held, mira, "At noon.")
    assert await desk.give(mira) == [], "one who labelled an item is not given it again"


async def test_more_than_half_decide_and_without_them_it_is_disputed(stores):
    desk = await open_desk(stores.database, labels_per_item=3, **LABELS)
    await desk.put(2)
    for user, values in zip(await desk.people(3), (("goat", "goat"), ("goat", "sheep"), ("cow", "cow")), strict=True):
        for value in values:
            await desk.label(user, value)
    agreed, disputed = await desk.items()
    assert (agreed.state, agreed.final) == ("agreed", {"value": "goat"})
    assert (disputed.state, disputed.final) == ("disputed", None)
    async with stores.database.session() as session:
        queue = LabelQueue(session, desk.organisation, desk.settings)
        decided = await queue.adjudicate(disputed.id, desk.owner, "sheep")
        with pytest.raises(Unprocessable, match="goat, sheep, cow"):
            await queue.adjudicate(disputed.id, desk.owner, "horse")
    assert (decided.state, decided.final, decided.final_by) == ("adjudicated", {"value": "sheep"}, desk.owner)
    assert len(await desk.assignments()) == 6


async def test_who_skips_is_not_asked_again_and_others_are(stores):
    desk = await open_desk(stores.database)
    await desk.put(1)
    mira, otto = await desk.people(2)
    (held,) = await desk.give(mira)
    async with stores.database.session() as session:
        queue = LabelQueue(session, desk.organisation, desk.settings)
        assert (await queue.skip(held.assignment.id, mira, "Too hard.")).assignment.remark == "Too hard."
        await queue.skip(held.assignment.id, mira, "Too hard.")
    assert await desk.give(mira) == []
    assert (await desk.label(otto, "At seven.")).item.state == "agreed"


async def test_a_hold_is_extended_until_somebody_else_has_the_item(stores):
    desk = await open_desk(stores.database, lease_s=60)
    await desk.put(1)
    mira, otto = await desk.people(2)
    (held,) = await desk.give(mira)
    await desk.lapse()
    async with stores.database.session() as session:
        await LabelQueue(session, desk.organisation, desk.settings).extend(held.assignment.id, mira)
    assert await desk.give(otto) == []
    await desk.lapse()
    await desk.give(otto)
    async with stores.database.session() as session:
        with pytest.raises(Conflict, match="others have it"):
            await LabelQueue(session, desk.organisation, desk.settings).extend(held.assignment.id, mira)


async def test_nobody_labels_what_was_given_to_another_or_in_another_organisation(stores):
    desk, elsewhere = await open_desk(stores.database), await open_desk(stores.database)
    await desk.put(1)
    mira, otto = await desk.people(2)
    (held,) = await desk.give(mira)
    with pytest.raises(NotFound):
        await desk.submit(held, otto, "At seven.")
    with pytest.raises(NotFound):
        await elsewhere.submit(held, mira, "At seven.")


async def test_a_closed_campaign_gives_nothing_and_takes_what_is_held(stores):
    desk = await open_desk(stores.database)
    await desk.put(2)
    (mira,) = await desk.people(1)
    (held,) = await desk.give(mira)
    desk.campaign.state = "closed"
    with pytest.raises(Conflict, match="closed"):
        await desk.give(mira)
    assert (await desk.submit(held, mira, "At seven.")).item.state == "agreed"


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ({}, " ", "not an empty one"),
        ({}, 7, "is a text"),
        (LABELS, "horse", "goat, sheep, cow"),
        ({"kind": "json", "form": {"type": "object", "required": ["legs"]}}, {}, "legs"),
    ],
)
async def test_a_label_is_one_that_the_campaign_asks_for(stores, kind, value, said):
    desk = await open_desk(stores.database, **kind)
    await desk.put(1)
    (mira,) = await desk.people(1)
    (held,) = await desk.give(mira)
    with pytest.raises(Unprocessable, match=said):
        await desk.submit(held, mira, value)
    assert [row.state for row in await desk.assignments()] == ["held"]


async def test_json_labels_agree_whatever_the_order_of_their_keys(stores):
    desk = await open_desk(stores.database, labels_per_item=2, kind="json", form={"type": "object"})
    await desk.put(1)
    mira, otto = await desk.people(2)
    await desk.label(mira, {"animal": "goat", "legs": 4})
    assert (await desk.label(otto, {"legs": 4, "animal": "goat"})).item.state == "agreed"


async def test_who_is_erased_takes_their_words_and_holds_along(stores):
    desk = await open_desk(stores.database)
    mira, otto = await desk.people(2)
    await desk.put(1, user_id=mira)
    await desk.put(2, source_id="other")
    await desk.give(otto)
    async with stores.database.session() as session:
        await session.execute(text("DELETE FROM users WHERE id IN (:mira, :otto)"), {"mira": mira, "otto": otto})
    assert [item.source_id for item in await desk.items()] == ["other"]
    assert await desk.assignments() == []
