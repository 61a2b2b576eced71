"""``hearth queue`` against an API that is really served."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from api.app import create_app
from cluster.cli.queue import queue_app
from cluster.errors import BadInput
from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from cluster.queue.store import Messages, NewMessage
from cluster.runtime.processes import MARK
from cluster.runtime.state import RunState, write_state
from cluster.serving.vectors import ServeVectors
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.metering import served
from tests.api.fixtures.people import Person, add_person
from tests.cluster.queue.house import forget_messages

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def person(stores: StoreClients) -> Person:
    return await add_person(stores)


@pytest.fixture
async def run(stores: StoreClients, store_settings: Settings, person: Person, tmp_path: Path) -> AsyncIterator[Run]:
    """``hearth queue WORDS``, where a process stands for the head of a running cluster."""
    home = Home(tmp_path)
    home.keys.mkdir()
    home.admin_key.write_text(person.key)
    await forget_messages(stores)
    head = await asyncio.create_subprocess_exec("sleep", "300", env={**os.environ, MARK: home.mark})
    async with served(create_app(FakeGateway(), store_settings, stores, ServeVectors(store_settings.vectors))) as address:
        write_state(home, RunState(pid=head.pid, phase="ready", profile="laptop", base_url=address, started_at=time.time()))

        async def run(*words: str) -> Result:
            return await asyncio.to_thread(CliRunner().invoke, queue_app, [*words, "--home", str(tmp_path)])

        yield run
    await forget_messages(stores)
    head.terminate()
    await head.wait()


async def test_dead_messages_are_counted_shown_and_replayed(run: Run, person: Person, stores: StoreClients, store_settings: Settings):
    async with stores.database.session() as session:
        messages = Messages(session, store_settings.queue)
        for queue in ("letters", "letters", "others"):
            new = NewMessage("workflow", {"workflow": "gone"}, person.organisation_id, person.user_id, "admin", queue=queue)
            await messages.enqueue(new)
        await session.execute(text("UPDATE queue_messages SET state = 'dead', tries = 8, error = 'Nobody can.', finished_at = now()"))

    found = told(await run("stats", "--json"))
    assert [(queue["queue"], queue["dead"]) for queue in found["queues"]] == [("letters", 2), ("others", 1)]
    assert "letters" in (await run("stats")).output
    dead = told(await run("dead", "--queue", "letters", "--json"))
    assert [one["error"] for one in dead] == ["Nobody can."] * 2
    assert dead[0]["id"][:8] in (await run("dead")).output
    assert "Replayed 1 messages." in (await run("replay", dead[0]["id"])).output
    assert told(await run("replay", "--all", "--json")) == {"replayed": 2}
    assert told(await run("dead", "--json")) == []
    for words in (("replay",), ("replay", dead[0]["id"], "--all")):
        assert isinstance((await run(*words)).exception, BadInput)


def told(result: Result) -> Any:
    """The last line: the server is in this process too, and may say something."""
    return json.loads(result.output.splitlines()[-1])
