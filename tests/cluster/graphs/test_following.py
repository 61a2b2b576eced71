"""Following a run: every event once and in order, wherever one begins, and what is said meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing

import pytest

from cluster.errors import NotFound
from cluster.graphs.following import BATCH, Event, RunFollower, Silence, Told
from cluster.graphs.live import LiveEars, LiveVoice, Piece
from cluster.graphs.states import RunState
from cluster.graphs.table import GraphRun
from tests.cluster.graphs.house import House
from tests.cluster.graphs.test_live import ready
from tests.patience import PATIENCE_S


def follower(house: House, run: GraphRun, organisation_id: uuid.UUID | None = None) -> RunFollower:
    return RunFollower(house.database, LiveEars(house.stores.cache), house.graphs, organisation_id or house.organisation_id, run.id)


async def all_of(house: House, run: GraphRun, after: int = 0) -> list[Told]:
    async with asyncio.timeout(PATIENCE_S):
        return [told async for told in follower(house, run).events(after)]


def words(told: list[Told]) -> list[str]:
    return [f"{one.number} {one.data.get('state', one.kind)}" for one in told if isinstance(one, Event)]


async def test_whoever_comes_late_reads_everything_and_whoever_left_reads_on(house: House):
    run = await house.running()
    await house.claims.event(run.id, 1, "tool", {"name": "search"})
    await house.claims.end(run.id, 1, RunState.SUCCEEDED, output={})
    assert words(await all_of(house, run)) == ["1 queued", "2 running", "3 tool", "4 succeeded"]
    assert words(await all_of(house, run, after=2)) == ["3 tool", "4 succeeded"]
    assert await all_of(house, run, after=4) == []
    assert await follower(house, run).over(4)
    assert not await follower(house, run).over(3)


async def test_a_run_that_waits_is_told_and_followed_on(house: House):
    run = await house.running()
    following = asyncio.create_task(all_of(house, run))
    await house.act("pause", run)
    await house.claims.pause(run.id, 1)
    await house.act("resume", run)
    await house.claims.claim(1, 1)
    await asyncio.sleep(0.1)
    assert not following.done()
    await house.claims.end(run.id, 2, RunState.FAILED, error="It broke.")
    assert words(await following)[2:] == ["3 running", "4 paused", "5 queued", "6 running", "7 failed"]


async def test_what_a_model_says_comes_before_the_end_of_its_node(house: House):
    run, voice = await house.running(), LiveVoice(house.stores.cache)
    slow = house.limited(look_s=600, keepalive_s=300)
    following = asyncio.create_task(all_of(slow, run))
    await ready(house.stores.cache)
    log = house.log(run)
    await log.begin("a#1", "a", "llm")
    for word in ("Once ", "upon ", "a time"):
        await voice.say(run.id, "a", word)
    await voice.say(run.id, "b", "!")
    await asyncio.sleep(0.05)
    await log.finish("a#1", "Once upon a time")
    await house.claims.end(run.id, 1, RunState.SUCCEEDED, output={})
    voice.look(run.id)
    told = await following
    said = "".join(one.text for one in told if isinstance(one, Piece) and one.node == "a")
    assert said == "Once upon a time"
    finished = next(place for place, one in enumerate(told) if isinstance(one, Event) and one.data["state"] == "succeeded")
    assert finished > max(place for place, one in enumerate(told) if isinstance(one, Piece))
    await voice.close()


async def test_silence_is_broken_and_holds_no_connection(house: House):
    run = await house.running()
    async with aclosing(follower(house, run).events(2)) as told, asyncio.timeout(PATIENCE_S):
        assert isinstance(await anext(told), Silence)
        assert isinstance(await anext(told), Silence)
        assert house.database._engine.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_a_slow_reader_misses_pieces_and_no_event(house: House):
    run, voice = await house.running(), LiveVoice(house.stores.cache)
    async with aclosing(follower(house, run).events(0)) as told, asyncio.timeout(PATIENCE_S):
        first = await anext(told)
        await ready(house.stores.cache)
        for _ in range(2000):
            await voice.say(run.id, "a", "x" * 1000)
            await asyncio.sleep(0)
        log = house.log(run)
        for number in range(5):
            await log.begin(f"a#{number}", "a", "llm")
        await voice.close()
        await house.claims.end(run.id, 1, RunState.SUCCEEDED, output={})
        rest = [one async for one in told]
    assert [one.number for one in (first, *rest) if isinstance(one, Event)] == list(range(1, 9))
    said = [one for one in rest if isinstance(one, Piece)]
    assert sum(len(one.text) for one in said) < 2_000_000
    assert any(one.missed for one in said)


async def test_more_events_than_one_look_takes_come_all(house: House):
    run = await house.running()
    many = BATCH + 3
    await house.execute(
        "INSERT INTO graph_events (run_id, number, kind, data) SELECT :id, n + 2, 'tool', '{}' FROM generate_series(1, :many) n",
        id=run.id,
        many=many,
    )
    await house.execute("UPDATE graph_runs SET changes = changes + :many WHERE id = :id", id=run.id, many=many)
    await house.claims.end(run.id, 1, RunState.SUCCEEDED, output={})
    told = await all_of(house, run)
    assert [one.number for one in told if isinstance(one, Event)] == list(range(1, many + 4))


async def test_a_run_that_is_removed_ends_its_stream(house: House):
    run = await house.running()
    following = asyncio.create_task(all_of(house, run))
    await asyncio.sleep(0.1)
    await house.execute("DELETE FROM graph_runs WHERE id = :id", id=run.id)
    assert words(await following) == ["1 queued", "2 running"]
    with pytest.raises(NotFound):
        await follower(house, run).over(0)


async def test_a_run_of_another_organisation_is_not_followed(house: House):
    run = await house.running()
    other = (await house.neighbour()).organisation_id
    assert [told async for told in follower(house, run, other).events(0)] == []
    with pytest.raises(NotFound):
        await follower(house, run, other).over(0)


async def test_whoever_waits_for_the_end_is_woken_by_it_and_not_by_steps(house: House):
    run, voice = await house.running(), LiveVoice(house.stores.cache)
    slow = house.limited(look_s=600)
    waiting = asyncio.create_task(follower(slow, run).until_ended())
    await ready(house.stores.cache)
    log = house.log(run)
    await log.begin("a#1", "a", "llm")
    voice.look(run.id)
    voice.turned(run.id)  # as it is when a run waits, or goes on
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await house.claims.end(run.id, 1, RunState.SUCCEEDED, output={})
    voice.turned(run.id)
    async with asyncio.timeout(PATIENCE_S):
        await waiting
    await follower(slow, run).until_ended()
    await follower(slow, run, uuid.uuid4()).until_ended()
    await voice.close()


async def test_whoever_waits_for_the_end_looks_by_himself_as_well(house: House):
    run = await house.running()
    waiting = asyncio.create_task(follower(house, run).until_ended())
    await house.claims.end(run.id, 1, RunState.SUCCEEDED, output={})
    async with asyncio.timeout(PATIENCE_S):
        await waiting
