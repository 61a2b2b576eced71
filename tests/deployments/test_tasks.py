from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from deployments.tasks import Tasks
from tests.patience import PATIENCE_S


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    made = Tasks(2, "test")
    yield made
    made.close()


async def reached(condition: Callable[[Tasks], bool], tasks: Tasks) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition(tasks):  # noqa: ASYNC110 - Tasks announces nothing, it is only looked at
            await asyncio.sleep(0.005)


async def test_no_more_than_the_slots_run_at_once_and_the_rest_wait(tasks: Tasks) -> None:
    gate = threading.Event()
    calls = [asyncio.create_task(tasks.run(lambda _: gate.wait(20))) for _ in range(5)]
    await reached(lambda now: now.running == 2 and now.queued == 3, tasks)
    gate.set()
    assert await asyncio.gather(*calls) == [True] * 5
    await reached(lambda now: now.running == 0 and now.queued == 0, tasks)


async def test_a_caller_who_leaves_stops_the_work_and_the_slot_is_free_when_it_has_ended(tasks: Tasks) -> None:
    stopped, may_end = threading.Event(), threading.Event()

    def work(stop: threading.Event) -> None:
        assert stop.wait(20)
        stopped.set()
        assert may_end.wait(20)

    call = asyncio.create_task(tasks.run(work))
    await reached(lambda now: now.running == 1, tasks)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert await asyncio.to_thread(stopped.wait, 20)
    assert tasks.running == 1
    may_end.set()
    await reached(lambda now: now.running == 0, tasks)


async def test_one_who_leaves_while_waiting_takes_no_slot(tasks: Tasks) -> None:
    gate = threading.Event()
    busy = [asyncio.create_task(tasks.run(lambda _: gate.wait(20))) for _ in range(2)]
    waiting = asyncio.create_task(tasks.run(lambda _: True))
    await reached(lambda now: now.queued == 1, tasks)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert tasks.queued == 0
    gate.set()
    await asyncio.gather(*busy)
    assert await tasks.run(lambda _: "free") == "free"


async def test_an_error_reaches_the_caller_and_frees_the_slot(tasks: Tasks) -> None:
    def fail(_: threading.Event) -> None:
        raise ValueError("broken")

    for _ in range(3):
        with pytest.raises(ValueError, match="broken"):
            await tasks.run(fail)
    await reached(lambda now: now.running == 0, tasks)


async def test_work_may_close_the_tasks_it_belongs_to():
    tasks = Tasks(1, "test")
    await tasks.run(lambda _: tasks.close())
    with pytest.raises(RuntimeError):
        await tasks.run(lambda _: None)
