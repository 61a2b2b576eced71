"""Tokens of a day, budgets of a month, and what holds while a store does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from api.limits.limiter import Limiter
from api.usage.ledger import UsageLedger
from api.web.principal import Principal, Role
from cluster.errors import QuotaSpent, Unavailable
from cluster.settings import Settings, StorageSettings, SubjectQuota
from cluster.specs.prices import Consumption
from cluster.stores.clients import StoreClients, connect
from tests.api.fixtures.metering import ASK, ASK_URL, PRICES
from tests.api.limits.conftest import quotas
from tests.api.usage.test_ledger import whoever
from tests.patience import PATIENCE_S

HUNDRED = SubjectQuota(requests_per_minute=0, concurrent=0, tokens_per_day=100)
TEN_EUR = SubjectQuota(requests_per_minute=0, concurrent=0, budget_per_month=10)
LATE = datetime(2031, 12, 31, 23, 59, 30, tzinfo=UTC)
LATER = datetime(2032, 1, 1, 0, 0, 5, tzinfo=UTC)


class Hand:
    """A clock that is moved by hand."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


Pair = tuple[Limiter, UsageLedger]


@pytest.fixture
def clock() -> Hand:
    return Hand(LATE)


@pytest.fixture
def pair(stores: StoreClients, clock: Hand) -> Callable[..., Pair]:
    """A limiter and a ledger, as one replica has them."""

    def make(**groups: SubjectQuota) -> Pair:
        settings = quotas(**groups)
        return Limiter(stores, settings, clock), UsageLedger(stores, settings, PRICES, clock)

    return make


async def test_over_the_tokens_of_a_day_the_answer_says_until_when(pair, clock):
    limiter, ledger = pair(user=HUNDRED)
    who = whoever()
    assert (await limiter.ask(who))[0].refused is None
    await ledger.record(who, "fake-embedder", Consumption(input_tokens=60, output_tokens=40))
    verdict, _ = await limiter.ask(who)
    refusal = verdict.error()
    assert isinstance(refusal, QuotaSpent)
    assert "You have used 100 of 100 tokens of this day; the day's limit starts anew at 2032-01-01T00:00:00Z" in refusal.message
    assert refusal.retry_after_s == 30
    assert verdict.headers(openai=True) == {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "30",
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "30s",
    }
    clock.moment = LATER
    assert (await limiter.ask(who))[0].refused is None
    await limiter.leases.close()


async def test_over_the_budget_of_a_month_the_answer_says_whose(pair, clock):
    limiter, ledger = pair(organisation=TEN_EUR)
    who, colleague = whoever(), whoever()
    colleague = Principal(colleague.user_id, who.organisation_id, Role.EDITOR)
    await limiter.ask(who)
    await ledger.record(who, "fake-llm", Consumption(output_tokens=12))
    refusal = (await limiter.ask(colleague))[0].error()
    assert refusal is not None
    assert "Your organisation has used 12.00 of 10.00 of this month's budget" in refusal.message
    assert "2032-01-01T00:00:00Z" in refusal.message
    clock.moment = LATER
    assert (await limiter.ask(colleague))[0].refused is None
    await limiter.leases.close()


async def test_a_replica_whose_clock_is_behind_gives_no_tokens_back(stores, pair, clock):
    limiter, ledger = pair(user=HUNDRED)
    who = whoever()
    clock.moment = LATER
    await limiter.ask(who)
    await ledger.record(who, "fake-embedder", Consumption(input_tokens=100))
    behind = Limiter(stores, quotas(user=HUNDRED), Hand(LATE))
    assert (await behind.ask(who))[0].refused is not None
    assert (await limiter.ask(who))[0].refused is not None
    await limiter.leases.close()


async def test_what_was_used_is_remembered_when_redis_has_forgotten(stores, pair, clock):
    limiter, ledger = pair(user=HUNDRED, organisation=TEN_EUR)
    who = whoever()
    await limiter.ask(who)
    await ledger.record(who, "fake-llm", Consumption(input_tokens=99))
    await ledger.flush()
    for standing in (await limiter.look(await limiter.quotas.of(who))).standings:
        await stores.cache.delete(standing.subject.counter)
    verdict, _ = await limiter.ask(who)
    assert verdict.refused is not None
    assert [standing.cost_nano for standing in verdict.standings] == [99 * 10**9] * 3
    await limiter.leases.close()


async def test_the_answer_of_a_model_is_held_to_the_tokens_and_reading_is_not(open_app, person, stores):
    async with open_app(user=HUNDRED) as client:
        assert (await client.post(ASK_URL, json=ASK, headers=person.headers)).status_code == 200
        ledger = UsageLedger(stores, quotas(), PRICES)
        await ledger.record(Principal(person.user_id, person.organisation_id, Role.ADMIN), "fake-embedder", Consumption(150))
        refused = await client.post(ASK_URL, json=ASK, headers=person.headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
        assert (await client.get("/v1/models", headers=person.headers)).status_code == 200


@pytest.fixture
async def without_cache(store_settings: Settings, tmp_path):
    """Clients whose Redis nobody has started."""
    address = tmp_path / "redis.url"
    address.write_text("redis://127.0.0.1:1/0")
    address.chmod(0o600)
    storage: StorageSettings = store_settings.storage.model_copy(update={"redis_url_file": address})
    clients = connect(store_settings.model_copy(update={"storage": storage}))
    yield clients
    await clients.close()


async def test_without_redis_requests_are_answered(without_cache):
    limiter = Limiter(without_cache, quotas(user=SubjectQuota(requests_per_minute=1, concurrent=1, tokens_per_day=1)))
    who = whoever()
    for _ in range(3):
        assert (await limiter.ask(who))[0].refused is None
        assert (await limiter.request(who)).refused is None


async def test_without_redis_whoever_has_a_budget_is_asked_to_wait(without_cache):
    limiter = Limiter(without_cache, quotas(organisation=TEN_EUR))
    with pytest.raises(Unavailable, match="budget cannot be found out now"):
        await limiter.ask(whoever())
    assert (await limiter.request(whoever())).refused is None


async def test_a_ledger_without_redis_holds_nobody_up(without_cache):
    ledger = UsageLedger(without_cache, quotas(), PRICES)
    for _ in range(100):
        ledger.note(whoever(), "fake-llm", Consumption(output_tokens=1))
    async with asyncio.timeout(PATIENCE_S):
        await ledger.stop()
