from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from cluster.contracts.generation import JsonObject
from cluster.errors import BadInput, NotFound, Overloaded, RemoteFailed
from cluster.queue.bell import Bell
from cluster.queue.claims import Write
from cluster.queue.states import MessageState
from cluster.queue.tables import QueueMessage
from cluster.stores.sql import AsyncSession
from tests.cluster.queue.house import House


class Doing:
    """Counts, and does as it is told."""

    def __init__(self, *raises: Exception | None) -> None:
        self.done: list[int] = []
        self.seen: Counter[str] = Counter()
        self._raises = list(raises)

    async def __call__(self, message: QueueMessage) -> JsonObject:
        self.seen[str(message.id)] += 1
        if self._raises and (error := self._raises.pop(0)) is not None:
            raise error
        self.done.append(message.payload["n"])
        return {"n": message.payload["n"]}


async def test_a_message_is_done_and_its_result_kept(house: House) -> None:
    doing, message = Doing(), await house.add(payload={"n": 7})
    async with house.consuming({"count": doing}):
        ended = await house.ended(message)

    assert (ended.state, ended.result, ended.attempt, ended.error) == (MessageState.DONE, {"n": 7}, 1, None)
    assert ended.started_at is not None
    assert ended.finished_at is not None


async def test_higher_priorities_come_first_then_older_ones(house: House) -> None:
    one = house.limited(concurrent=1)
    doing = Doing()
    added = [await one.add(payload={"n": n}, priority=priority) for n, priority in ((1, 0), (2, 5), (3, 0), (4, 5))]
    async with one.consuming({"count": doing}):
        for message in added:
            await one.ended(message)

    assert doing.done == [2, 4, 1, 3]


async def test_a_ring_is_heard_long_before_the_next_look(house: House) -> None:
    rare, bell, first = house.limited(look_s=600), Bell(house.stores.cache), await house.add()
    async with rare.consuming({"count": Doing()}), asyncio.timeout(60):
        await rare.ended(first)
        message = await rare.add()
        while (await rare.look(message)).state != "done":
            # Again, in case that nobody listened yet.
            bell.ring()
            await asyncio.sleep(0.05)
    await bell.close()


async def test_two_consumers_never_take_one_message(house: House) -> None:
    many = house.limited(concurrent=4, concurrent_per_organisation=100)
    added = [await many.add(payload={"n": n}) for n in range(60)]
    doings = [Doing(), Doing(), Doing()]
    async with (
        many.consuming({"count": doings[0]}),
        many.consuming({"count": doings[1]}),
        many.consuming({"count": doings[2]}),
    ):
        for message in added:
            await many.ended(message)

    assert sorted(n for doing in doings for n in doing.done) == list(range(60))


async def test_an_organisation_that_hands_in_much_does_not_hold_up_another(house: House) -> None:
    small, neighbour = house.limited(concurrent=8, concurrent_per_organisation=2), await house.neighbour()
    held = asyncio.Event()
    at_work: Counter[Any] = Counter()

    async def hold(message: QueueMessage) -> JsonObject:
        at_work[message.organisation_id] += 1
        if message.organisation_id == house.organisation_id:
            await held.wait()
        return {}

    mine = [await small.add() for _ in range(10)]
    theirs = await neighbour.add()
    async with small.consuming({"count": hold}):
        assert (await neighbour.ended(theirs)).state == "done"
        assert at_work[house.organisation_id] == 2
        held.set()
        for message in mine:
            await house.ended(message)


async def test_what_fails_is_tried_again_later_and_later(house: House) -> None:
    doing, message = Doing(RemoteFailed("It is away."), ValueError("A slip.")), await house.add(payload={"n": 7})
    async with house.consuming({"count": doing}):
        ended = await house.ended(message)

    assert (ended.state, ended.tries, ended.attempt) == (MessageState.DONE, 2, 3)


async def test_poison_is_dead_after_its_attempts_and_done_once_it_is_replayed(house: House) -> None:
    doing, message = Doing(*[ValueError("Poison.")] * 3), await house.add()
    async with house.consuming({"count": doing}):
        dead = await house.ended(message)
        assert (dead.state, dead.tries) == (MessageState.DEAD, 3)
        assert dead.error == "ValueError: Poison. It was tried 3 times (setting queue.max_attempts)."
        async with house.messages() as messages:
            await messages.replay(await messages.get(house.organisation_id, message.id, lock=True))
        assert (await house.ended(message)).state == MessageState.DONE


async def test_what_can_never_be_done_is_dead_at_once(house: House) -> None:
    for error in (BadInput("Nobody can."), NotFound("Gone.")):
        doing, message = Doing(error), await house.add()
        async with house.consuming({"count": doing}):
            dead = await house.ended(message)
        assert (dead.state, dead.tries, dead.error) == (MessageState.DEAD, 1, error.message)
    unknown = await house.add(type="unheard")
    async with house.consuming({"count": Doing()}):
        assert "Nobody here knows" in str((await house.ended(unknown)).error)


async def test_what_is_refused_for_now_waits_and_loses_no_try(house: House) -> None:
    doing, message = Doing(*[Overloaded("Too many; retry in 1 s.")] * 2), await house.add(payload={"n": 1})
    async with house.consuming({"count": doing}):
        ended = await house.ended(message)

    assert (ended.state, ended.tries, ended.attempt) == (MessageState.DONE, 0, 3)


async def test_an_attempt_that_takes_too_long_is_ended(house: House) -> None:
    hasty, begun = house.limited(timeout_s=0.1), []

    async def slow(message: QueueMessage) -> JsonObject:
        begun.append(message.attempt)
        if message.attempt == 1:
            await asyncio.Event().wait()
        return {}

    message = await hasty.add()
    async with hasty.consuming({"count": slow}):
        ended = await hasty.ended(message)
    assert (ended.state, ended.tries, begun) == (MessageState.DONE, 1, [1, 2])


async def test_what_a_message_begins_is_written_with_its_end_or_not_at_all(house: House) -> None:
    seen: list[int] = []

    async def begin(message: QueueMessage) -> Write:
        async def write(session: AsyncSession) -> JsonObject:
            await house.leave_mark(session, f"try {message.attempt}")
            seen.append(message.attempt)
            if message.attempt < 3:
                raise ValueError("It breaks off after it has written.")
            return {"attempt": message.attempt}

        return write

    message = await house.add()
    async with house.consuming({"count": begin}):
        assert (await house.ended(message)).result == {"attempt": 3}
    assert seen == [1, 2, 3]
    assert await house.marks() == ["try 3"]


async def test_a_consumer_that_stops_gives_back_what_it_works_on(house: House) -> None:
    begun = asyncio.Event()

    async def hold(_: QueueMessage) -> JsonObject:
        begun.set()
        await asyncio.Event().wait()
        return {}

    message = await house.add(payload={"n": 3})
    async with house.consuming({"count": hold}), asyncio.timeout(30):
        await begun.wait()
    left = await house.look(message)
    assert (left.state, left.tries, left.worker) == ("queued", 0, None)
    async with house.consuming({"count": Doing()}):
        assert (await house.ended(message)).attempt == 2


async def test_who_was_taken_for_gone_can_write_nothing_any_more(house: House) -> None:
    await house.add()
    async with house.owning() as worker:
        (claimed,) = await house.claims.claim(worker, 1)
        assert await house.claims.take_over() == 0
    await house.lost_one()

    assert not await house.claims.finish(claimed, {"late": True})
    assert not await house.claims.fail(claimed, "late")
    assert not await house.claims.give_back(claimed)
    now = await house.look(claimed)
    assert (now.state, now.tries, now.result) == ("queued", 1, None)


async def test_a_clock_that_is_set_back_holds_nothing_up(house: House) -> None:
    message = await house.add()
    # As a database writes it whose clock was an hour ahead then.
    await house.execute("UPDATE queue_messages SET created_at = created_at + interval '1 hour', queued_at = queued_at + interval '1 hour'")
    await house.execute("UPDATE queue_messages SET due_at = due_at + interval '1 hour'")
    async with house.consuming({"count": Doing()}):
        assert (await house.ended(message)).state == "done"


async def test_a_delayed_message_is_left_until_its_time(house: House) -> None:
    doing = Doing()
    later, now = await house.add(payload={"n": 1}, delay_s=3600), await house.add(payload={"n": 2})
    async with house.consuming({"count": doing}):
        await house.ended(now)
        assert (await house.look(later)).state == "queued"
        await house.execute("UPDATE queue_messages SET not_before = now() WHERE id = :id", id=later.id)
        await house.ended(later)
    assert doing.done == [2, 1]
