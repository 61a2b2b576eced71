"""kill -9 of an API process, of Redis and of PostgreSQL while 200 answers are written: each is saved once, with all that was said."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from redis.exceptions import RedisError
from sqlalchemy import func, select

from api.conversations.tables import Message
from api.people.tables import Membership, Organisation, User
from api.streams import keys
from api.streams.fold import Folded
from api.streams.journal import Journal
from api.streams.tables import GenerationRow
from cluster.home import Home
from cluster.settings import ConversationSettings, Settings
from cluster.stores.clients import StoreClients, connect
from cluster.stores.keeper import Stores
from cluster.stores.migrate import migrate
from cluster.stores.server import Server
from tests.api.fixtures.replica import Replica, replica
from tests.patience import PATIENCE_S

ANSWERS = 200
# Seconds for a word of an answer that is read to its end, and of one that ends with its process.
PACE_S, SLOW_S = 0.4, 1.0
CONVERSATIONS = "/api/v1/chat/conversations"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = Home(tmp_path / "home")
    home.create()
    return Settings(home=home.root, conversations=ConversationSettings(lease_s=5.0, sweep_s=0.2))


@pytest.fixture
def servers(settings: Settings) -> Iterator[Stores]:
    """A PostgreSQL and a Redis of the test's own, and the keeper that starts them again."""
    home = Home(settings.home)
    servers = Stores(home, settings)
    servers.start()
    migrate(settings)
    yield servers
    servers.stop()
    shutil.rmtree(home.scratch, ignore_errors=True)


@dataclass(frozen=True)
class Accepted:
    """What was asked and answered with 2xx: the words of each message by the id of its answer."""

    said: dict[uuid.UUID, str]
    conversations: dict[uuid.UUID, uuid.UUID]


async def test_answers_whose_process_was_killed_are_finished_by_another_with_all_that_was_said(settings: Settings, servers: Stores):
    stores = connect(settings)
    with replica(settings, SLOW_S) as other:
        with replica(settings, SLOW_S) as first:
            accepted = await prepare(stores, first)
            await middle_of_writing(stores, accepted)
            first.kill()
        journals = {answer: await folded(stores, settings, answer) for answer in accepted.said}
        await all_saved(stores, other)
    for message in await answers(stores, accepted):
        journal = journals[message.id]
        expected = whole(accepted.said[message.id]) if message.status == "complete" else "".join(part["text"] for part in journal.parts)
        assert message.status == ("complete" if journal.finish or not journal.began else "interrupted")
        assert (message.text, message.completion_tokens) == (expected, len(expected.split()))
    await stores.close()


async def test_answers_are_written_to_their_end_although_redis_is_killed(settings: Settings, servers: Stores):
    await whole_although_killed(settings, servers.redis)


async def test_answers_are_written_to_their_end_although_postgresql_is_killed(settings: Settings, servers: Stores):
    await whole_although_killed(settings, servers.postgres)


async def whole_although_killed(settings: Settings, victim: Server | None) -> None:
    assert victim is not None
    killed = victim.process
    assert killed is not None
    stores = connect(settings)
    with replica(settings, PACE_S) as api:
        accepted = await prepare(stores, api)
        await middle_of_writing(stores, accepted)
        os.kill(killed.pid, signal.SIGKILL)
        # Sessions of a killed PostgreSQL answer for a moment more: what counts is the server that takes its place.
        await until(lambda: answering(stores, victim.process is not killed))
        await all_saved(stores, api)
    for message in await answers(stores, accepted):
        said = accepted.said[message.id]
        assert (message.status, message.text, message.tokens_exact) == ("complete", whole(said), True)
        assert (message.prompt_tokens, message.completion_tokens) == (len(said.split()), len(whole(said).split()))
    await stores.close()


def whole(said: str) -> str:
    """What the model answers; it counts a token for each word."""
    return f"You said: {said}"


async def prepare(stores: StoreClients, api: Replica) -> Accepted:
    """200 conversations, and a message in each with at least 28 words to answer."""
    said, conversations, numbers = {}, {}, iter(range(ANSWERS))

    async def worker(client: httpx.AsyncClient) -> None:
        for number in numbers:
            made = (await client.post(CONVERSATIONS, json={"title": str(number)})).json()["data"]["id"]
            words = " ".join(f"{number}-{word}" for word in range(28 + number % 30))
            answer = await client.post(f"{CONVERSATIONS}/{made}/prepare-stream", json={"model": "fake-llm", "content": words})
            assert answer.status_code == 200, answer.text
            generation = uuid.UUID(answer.json()["data"]["generation_id"])
            said[generation], conversations[generation] = words, uuid.UUID(made)

    async with httpx.AsyncClient(base_url=api.base, headers=await somebody(stores), timeout=300) as client, asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(worker(client))
    return Accepted(said, conversations)


async def somebody(stores: StoreClients) -> dict[str, str]:
    """Headers of an editor."""
    organisation, user = uuid.uuid4(), uuid.uuid4()
    async with stores.database.session() as session:
        session.add(Organisation(id=organisation, name="Farm"))
        session.add(User(id=user, email="mira@example.org", name="Mira"))
        await session.flush()
        session.add(Membership(organisation_id=organisation, user_id=user, role="editor"))
    return {"X-Who": f"{user}/{organisation}/editor"}


async def middle_of_writing(stores: StoreClients, accepted: Accepted) -> None:
    """Returns when every answer has begun. Many are still being written then, however slow the machine is."""

    async def all_begun() -> bool:
        lengths = [await stores.cache.xlen(keys.events(answer)) for answer in accepted.said]
        return min(lengths) >= 3

    await until(all_begun)
    assert await running(stores) >= ANSWERS // 10


async def running(stores: StoreClients) -> int:
    async with stores.database.session() as session:
        query = select(func.count()).select_from(GenerationRow).where(GenerationRow.state == "running")
        return await session.scalar(query) or 0


async def all_saved(stores: StoreClients, api: Replica) -> None:
    """Returns when nothing is being written any more, and nothing is left open."""

    async def done() -> bool:
        assert api.process.poll() is None
        return await running(stores) == 0 and await stores.cache.scard(keys.OPEN) == 0

    await until(done)


async def answers(stores: StoreClients, accepted: Accepted) -> list[Message]:
    """The assistant's messages: one in each conversation, with the id that was promised."""
    async with stores.database.session() as session:
        found = list(await session.scalars(select(Message).where(Message.role == "assistant")))
    assert {message.id: message.conversation_id for message in found} == accepted.conversations
    assert len(found) == ANSWERS
    return found


async def folded(stores: StoreClients, settings: Settings, answer: uuid.UUID) -> Folded:
    """What readers were shown of it so far."""
    journal = Folded()
    for event in await Journal(stores.cache, settings.conversations, answer).read():
        journal.add(event.content, event.tokens)
    return journal


async def answering(stores: StoreClients, started: bool) -> bool:
    try:
        return started and bool(await stores.cache.ping()) and await stores.database.answers()
    except (OSError, RedisError):
        return False


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "did not come true in time"
        await asyncio.sleep(0.1)
