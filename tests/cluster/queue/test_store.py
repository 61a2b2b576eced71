from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from cluster.errors import BadInput, Conflict, NotFound, Overloaded, TooLarge
from cluster.queue.store import Wanted
from cluster.queue.tables import EVENTS
from tests.cluster.queue.house import House


async def test_the_same_key_is_the_same_message_in_one_queue_of_one_organisation(house: House) -> None:
    first = await house.add(idempotency_key="k")

    assert (await house.add(idempotency_key="k")).id == first.id
    assert (await house.add(idempotency_key="k", queue="other")).id != first.id
    assert (await (await house.neighbour()).add(idempotency_key="k")).id != first.id
    with pytest.raises(Conflict, match="asks for something else"):
        await house.add(idempotency_key="k", payload={"n": 2})


async def test_of_many_at_once_with_one_key_there_is_one_message(house: House) -> None:
    added = await asyncio.gather(*(house.add(idempotency_key="k") for _ in range(8)))

    assert len({message.id for message in added}) == 1


async def test_an_organisation_has_only_so_much_waiting_and_another_has_its_own(house: House) -> None:
    small = house.limited(pending_per_organisation=2)
    await asyncio.gather(*(small.add() for _ in range(2)))

    with pytest.raises(Overloaded, match=r"queue\.pending_per_organisation") as refused:
        await small.add()
    assert refused.value.retry_after_s == 5
    assert (await small.neighbour()).organisation_id != small.organisation_id
    await (await small.neighbour()).add()
    # What events there are does not count: they are not asked for.
    await house.execute("UPDATE queue_messages SET queue = :queue", queue=EVENTS)
    await small.add()


async def test_of_many_at_once_only_as_many_are_taken_as_there_is_room_for(house: House) -> None:
    small = house.limited(pending_per_organisation=3)
    answers = await asyncio.gather(*(small.add() for _ in range(10)), return_exceptions=True)

    assert sum(isinstance(answer, Overloaded) for answer in answers) == 7


async def test_a_message_waits_for_its_time(house: House) -> None:
    now = datetime.now(UTC)
    soon, later = await house.add(delay_s=60), await house.add(not_before=now + timedelta(hours=1))
    past = await house.add(not_before=now - timedelta(hours=1))

    assert 50 < (soon.not_before - now).total_seconds() < 70
    assert 3500 < (later.not_before - now).total_seconds() < 3700
    assert past.not_before < now
    for wrong in ({"delay_s": -1.0}, {"delay_s": 1e9}, {"not_before": now + timedelta(days=400)}, {"priority": 101}):
        with pytest.raises(BadInput):
            await house.add(**wrong)


async def test_a_payload_is_bounded(house: House) -> None:
    with pytest.raises(TooLarge, match=r"queue\.payload_bytes"):
        await house.limited(payload_bytes=1024).add(payload={"text": "x" * 2000})


async def test_a_dead_message_is_replayed_or_discarded_and_others_are_not(house: House) -> None:
    message = await house.add()
    async with house.messages() as messages:
        with pytest.raises(Conflict, match="only a dead one"):
            await messages.replay(await messages.get(house.organisation_id, message.id, lock=True))
    await house.execute("UPDATE queue_messages SET state = 'dead', tries = 3, error = 'no', finished_at = now()")

    async with house.messages() as messages:
        again = await messages.replay(await messages.get(house.organisation_id, message.id, lock=True))
    assert (again.state, again.tries, again.error, again.finished_at) == ("queued", 0, None, None)
    async with house.messages() as messages:
        await messages.discard(again)
    with pytest.raises(NotFound):
        await house.look(message)


async def test_all_dead_ones_of_a_queue_are_replayed_and_no_neighbour_s(house: House) -> None:
    neighbour = await house.neighbour()
    mine = [await house.add(queue=queue) for queue in ("a", "a", "b")]
    theirs = await neighbour.add(queue="a")
    await house.execute("UPDATE queue_messages SET state = 'dead', finished_at = now()")

    async with house.messages() as messages:
        assert await messages.replay_dead(house.organisation_id, Wanted(queue="a"), 10) == 2
    assert [(await house.look(message)).state for message in mine] == ["queued", "queued", "dead"]
    assert (await neighbour.look(theirs)).state == "dead"
    with pytest.raises(NotFound):
        await house.look(theirs)


async def test_what_was_done_goes_after_a_while_and_what_is_dead_stays_longer(house: House) -> None:
    states = ("done", "dead", "queued")
    added = [await house.add(payload={"state": state}) for state in states]
    await house.execute("UPDATE queue_messages SET state = payload ->> 'state', finished_at = now() - interval '20 days'")

    async with house.messages() as messages:
        assert await messages.remove_lapsed() == 1
        left = await messages.page(house.organisation_id, Wanted(), 10)
    assert {message.id for message in left} == {added[1].id, added[2].id}


async def test_messages_come_in_pages_the_newest_first(house: House) -> None:
    ids = [(await house.add(payload={"n": n})).id for n in range(3)]

    async with house.messages() as messages:
        first = await messages.page(house.organisation_id, Wanted(type="count"), 2)
        rest = await messages.page(house.organisation_id, Wanted(before=(first[-1].created_at, first[-1].id)), 2)
        none = await messages.page(uuid.uuid4(), Wanted(), 2)
    assert [message.id for message in (*first, *rest)] == ids[::-1]
    assert not none
