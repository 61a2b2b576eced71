"""Counts arrive exactly once: whoever flushes, whatever is killed, however often something is sent."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from api.limits.scripts import RECORD
from api.usage.ledger import BATCHES, OPEN, UsageLedger
from api.usage.repository import UsageDays
from api.usage.tables import UsageDay
from api.web.principal import Principal, Role
from cluster.settings import QuotaSettings
from cluster.specs.prices import Consumption
from cluster.stores.clients import StoreClients
from tests.api.fixtures.metering import PRICES
from tests.patience import PATIENCE_S

QUICK = QuotaSettings(flush_s=0.05)


def whoever() -> Principal:
    """Somebody of an organisation of their own."""
    return Principal(uuid.uuid4(), uuid.uuid4(), Role.EDITOR, uuid.uuid4())


async def rows_of(stores: StoreClients, who: Principal) -> list[UsageDay]:
    async with stores.database.session() as session:
        chosen = select(UsageDay).where(UsageDay.organisation_id == who.organisation_id).order_by(UsageDay.model, UsageDay.day)
        return list((await session.scalars(chosen)).all())


@pytest.fixture
def ledger(stores: StoreClients) -> UsageLedger:
    return UsageLedger(stores, QUICK, PRICES)


@pytest.fixture
def other(stores: StoreClients) -> UsageLedger:
    """That of another replica."""
    return UsageLedger(stores, QUICK, PRICES)


async def test_what_answers_used_is_added_up_by_day_user_key_and_model(stores, ledger):
    who = whoever()
    signed_in = Principal(who.user_id, who.organisation_id, Role.EDITOR)
    ledger.note(who, "fake-llm", Consumption(10, 5, 4))
    ledger.note(who, "fake-llm", Consumption(1, 1, estimated=True))
    ledger.note(who, "fake-whisper", Consumption(audio_seconds=90.5))
    ledger.note(who, "fake-clip", Consumption(images=3))
    await ledger.record(signed_in, "fake-llm", Consumption(2))
    await ledger.flush()
    rows = {(row.model, row.key_id): row for row in await rows_of(stores, who)}
    assert len(rows) == 4
    chat = rows["fake-llm", who.key_id]
    assert (chat.requests, chat.input_tokens, chat.output_tokens, chat.cached_tokens, chat.estimated) == (2, 11, 6, 4, 1)
    assert chat.cost == 17
    assert (chat.user_id, chat.day) == (who.user_id, datetime.now(UTC).date())
    sound = rows["fake-whisper", who.key_id]
    assert (sound.audio_ms, sound.cost) == (90_500, Decimal("9.05"))
    assert rows["fake-clip", who.key_id].images == 3
    assert rows["fake-llm", None].input_tokens == 2


async def test_noting_waits_for_nothing(stores, ledger):
    who = whoever()
    for _ in range(1000):
        ledger.note(who, "fake-llm", Consumption(1))
    assert await stores.cache.hlen(OPEN) >= 0
    await ledger.sent()
    await ledger.flush()
    assert [(row.requests, row.input_tokens) for row in await rows_of(stores, who)] == [(1000, 1000)]


async def test_two_replicas_that_flush_at_once_count_once(stores, ledger, other):
    who = whoever()
    for _ in range(10):
        await asyncio.gather(*(one.record(who, "fake-llm", Consumption(3, 4)) for one in (ledger, other) for _ in range(5)))
        await asyncio.gather(*(one.flush() for one in (ledger, other, ledger, other)))
    (row,) = await rows_of(stores, who)
    assert (row.requests, row.input_tokens, row.output_tokens) == (100, 300, 400)


async def test_one_batch_that_two_replicas_move_at_once_counts_once(stores, ledger, other):
    who = whoever()
    await ledger.record(who, "fake-llm", Consumption(7))
    for batch in await ledger.cut():
        moved = await asyncio.gather(*(one.move(batch) for one in (ledger, other) for _ in range(4)))
        assert sum(moved) <= 1
    assert [row.input_tokens for row in await rows_of(stores, who)] == [7]


async def test_killed_between_cutting_and_moving_nothing_is_lost(stores, ledger, other):
    who = whoever()
    await ledger.record(who, "fake-llm", Consumption(7))
    await ledger.cut()
    await other.flush()
    assert [row.input_tokens for row in await rows_of(stores, who)] == [7]


async def test_killed_between_the_database_and_redis_nothing_is_counted_twice(stores, ledger, other):
    who = whoever()
    await ledger.record(who, "fake-llm", Consumption(7))
    for batch in await ledger.cut():
        kept = await stores.cache.hgetall(f"usage:batch:{batch}")
        await ledger.move(batch)
        # As if the batch had not been removed, because its replica was killed just then.
        if kept:
            await stores.cache.hset(f"usage:batch:{batch}", mapping=kept)
            await stores.cache.sadd(BATCHES, str(batch))
    await other.flush()
    assert [row.input_tokens for row in await rows_of(stores, who)] == [7]
    assert not await stores.cache.smembers(BATCHES)


async def test_killed_in_the_middle_of_the_transaction_nothing_is_lost(stores, ledger, other):
    who = whoever()
    await ledger.record(who, "fake-llm", Consumption(7))
    (batch, *_) = await ledger.cut()

    async def killed() -> None:
        async with stores.database.session() as session:
            assert await UsageDays(session).begin(batch)
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        await killed()
    await other.flush()
    assert [row.input_tokens for row in await rows_of(stores, who)] == [7]


async def test_a_sending_that_arrives_twice_counts_once(stores):
    """Its answer was lost, so it was sent again."""
    who, sent = whoever(), f"usage:sent:{uuid.uuid4().hex}"
    field = f"2026-11-21|{who.organisation_id}|{who.user_id}||requests|fake-llm"
    entry = {"subjects": [], "day": 1, "month": 1, "tokens": 1, "cost": 1, "amounts": {field: 1}}
    record = stores.cache.register_script(RECORD)
    for number in (1, 1, 2, 2, 1):
        await record(keys=[sent, OPEN], args=[number, 60, json.dumps([entry])])
    await UsageLedger(stores, QUICK, PRICES).flush()
    assert [(row.day, row.requests) for row in await rows_of(stores, who)] == [(date(2026, 11, 21), 2)]


async def test_a_model_may_be_called_anything(stores, ledger):
    who = whoever()
    await ledger.record(who, "provider/a|b|c:d", Consumption(1))
    await ledger.flush()
    assert [row.model for row in await rows_of(stores, who)] == ["provider/a|b|c:d"]


async def test_it_flushes_by_itself_while_it_runs(stores, ledger):
    who = whoever()
    await ledger.start()
    ledger.note(who, "fake-llm", Consumption(1))
    async with asyncio.timeout(PATIENCE_S):
        while not await rows_of(stores, who):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.02)
    await ledger.stop()


async def test_stopping_sends_what_was_noted(stores, ledger, other):
    who = whoever()
    await ledger.start()
    ledger.note(who, "fake-llm", Consumption(1))
    await ledger.stop()
    await other.flush()
    assert [row.requests for row in await rows_of(stores, who)] == [1]
