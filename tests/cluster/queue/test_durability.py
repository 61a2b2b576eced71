"""Whatever dies, a message that was taken is done, and what it begins is begun once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from cluster.home import REPOSITORY, Home
from cluster.queue.bell import Bell
from cluster.queue.tables import QueueMessage
from cluster.settings import Settings
from cluster.stores.away import AWAY
from cluster.stores.clients import connect
from cluster.stores.keeper import Stores
from cluster.stores.migrate import migrate
from tests.cluster.queue.house import QUICK, House, found
from tests.cluster.queue.mortal import Doing, Task
from tests.patience import PATIENCE_S

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
async def start(house: House, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a process that works on messages."""
    told = tmp_path / "task.json"
    told.write_text(Task(settings=house.settings, file=tmp_path / "said").model_dump_json())
    processes: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-m", "tests.cluster.queue.mortal", str(told)], cwd=REPOSITORY)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()


async def said(folder: Path, most: int) -> list[tuple[str, int, int]]:
    """What processes wrote, as soon as there are so many lines: message, process, attempt."""
    file = folder / "said"
    async with asyncio.timeout(PATIENCE_S):
        while not file.exists() or len(file.read_text().splitlines()) < most:  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.02)
    return [(one, int(two), int(three)) for one, two, three in (line.split() for line in file.read_text().splitlines())]


async def test_a_message_whose_process_is_killed_is_done_by_another(house: House, start: Start, tmp_path: Path) -> None:
    message = await house.add(type="hold")
    first = start()
    ((_, pid, _),) = await said(tmp_path, 1)
    os.kill(pid, signal.SIGKILL)
    first.wait()

    await house.execute("UPDATE queue_messages SET type = 'write'")
    async with house.consuming({"write": Doing(Task(settings=house.settings, file=tmp_path / "said")).write}):
        ended = await house.ended(message)
    assert (ended.state, ended.attempt, ended.tries) == ("done", 2, 1)
    assert ended.result == {"pid": os.getpid()}


async def test_what_a_message_begins_is_begun_once_though_its_process_is_killed_after_it_has_written(
    house: House, start: Start, tmp_path: Path
) -> None:
    message = await house.add(type="begin", payload={"hold": True})
    first = start()
    ((_, pid, _),) = await said(tmp_path, 1)
    os.kill(pid, signal.SIGKILL)
    first.wait()

    async with house.consuming({"begin": Doing(Task(settings=house.settings, file=tmp_path / "said")).begin}):
        ended = await house.ended(message)
    jobs = await jobs_of(house)
    assert (ended.state, ended.attempt) == ("done", 2)
    assert ended.result == {"job_id": jobs[0]}
    assert len(jobs) == 1


async def test_a_message_that_kills_its_process_is_dead_in_the_end(house: House) -> None:
    message = await house.add()
    for _ in range(3):
        await house.execute("UPDATE queue_messages SET not_before = now()")
        async with house.owning() as worker:
            assert await house.claims.claim(worker, 1)
        await house.lost_one()
    dead = await house.look(message)
    assert (dead.state, dead.tries) == ("dead", 3)
    assert "The process that worked on it is gone." in str(dead.error)


async def test_many_messages_are_done_once_each_while_processes_are_killed(house: House, start: Start, tmp_path: Path) -> None:
    added = [await house.add(type="begin") for _ in range(60)]
    processes = [start(), start()]
    await said(tmp_path, 10)
    processes[0].kill()
    processes.append(start())
    await said(tmp_path, 25)
    processes[1].kill()
    ended = [await house.ended(message) for message in added]

    jobs = await jobs_of(house)
    assert len(jobs) == 60
    assert {str(message.result) for message in ended} == {str({"job_id": job}) for job in jobs}


async def test_nothing_is_lost_when_redis_is_emptied_and_both_stores_are_killed(tmp_path: Path) -> None:
    settings, home = Settings(home=tmp_path, offline=True, queue=QUICK), Home(tmp_path)
    home.create()
    servers = Stores(home, settings)
    servers.start()
    migrate(settings)
    clients = connect(settings)
    bell, done = Bell(clients.cache), set[int]()

    async def count(message: QueueMessage) -> None:
        done.add(message.payload["n"])

    try:
        house = await found(clients, settings)
        async with house.consuming({"count": count}):
            await clients.cache.flushall()
            added = [await house.add(payload={"n": n}, delay_s=n % 2) for n in range(10)]
            bell.ring()
            for server in servers.servers:
                assert server.process is not None
                os.kill(server.process.pid, signal.SIGKILL)
            ended = [await settled(house, message) for message in added]
    finally:
        await bell.close()
        await clients.close()
        servers.stop()
    assert {message.state for message in ended} == {"done"}
    assert done == set(range(10))


async def settled(house: House, message: QueueMessage) -> QueueMessage:
    """Its end, through a database that is away for a while."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await house.ended(message)
            except AWAY:
                await asyncio.sleep(0.1)


async def jobs_of(house: House) -> list[str]:
    async with house.database.session() as session:
        chosen = text("SELECT id FROM jobs WHERE organisation_id = :id")
        return [str(found) for found in await session.scalars(chosen, {"id": house.organisation_id})]
