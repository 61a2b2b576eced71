"""Requests per minute: counted once, whichever replica is asked."""

from __future__ import annotations

import asyncio

import pytest
from openai import AsyncOpenAI, RateLimitError

from api.limits.limiter import Limiter
from api.web.principal import Principal, Role
from cluster.settings import SubjectQuota
from tests.api.fixtures.metering import ASK, ASK_URL, served
from tests.api.limits.conftest import quotas
from tests.patience import PATIENCE_S

TWO = SubjectQuota(requests_per_minute=2, concurrent=0)
FIVE = SubjectQuota(requests_per_minute=5, concurrent=0)


async def test_two_replicas_share_one_limit(open_app, person, error):
    async with open_app(user=TWO) as one, open_app(user=TWO) as other:
        for client in (one, other):
            assert (await client.post(ASK_URL, json=ASK, headers=person.headers)).status_code == 200
        for client in (one, other):
            refused = await client.post(ASK_URL, json=ASK, headers=person.headers)
            assert refused.status_code == 429
            told = error(refused)
            assert (told["type"], told["code"]) == ("rate_limit_error", "rate_limit_exceeded")
            assert "You have sent 2 requests in a minute" in told["message"]
            assert 1 <= int(refused.headers["retry-after"]) <= 120
            assert refused.headers["x-ratelimit-remaining"] == "0"


async def test_many_at_once_are_counted_exactly(open_app, person):
    async with open_app(user=FIVE) as one, open_app(user=FIVE) as other:
        calls = [client.get("/v1/models", headers=person.headers) for client in (one, other) for _ in range(20)]
        answers = await asyncio.gather(*calls)
    # At the turn of a minute a few more are taken than at another moment.
    assert 5 <= sum(answer.status_code == 200 for answer in answers) <= 6


async def test_every_answer_tells_how_one_stands(open_app, person):
    async with open_app(user=FIVE) as client:
        first = await client.post(ASK_URL, json=ASK, headers=person.headers)
        missing = await client.get("/v1/models/nowhere", headers=person.headers)
        ours = await client.get("/api/v1/models", headers=person.headers)
    assert first.headers["x-ratelimit-limit"] == first.headers["x-ratelimit-limit-requests"] == "5"
    assert first.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining-requests"] == "4"
    assert 60 <= int(first.headers["x-ratelimit-reset"]) <= 120
    assert first.headers["x-ratelimit-reset-requests"].endswith("s")
    assert (missing.status_code, missing.headers["x-ratelimit-remaining"]) == (404, "3")
    assert ours.headers["x-ratelimit-remaining"] == "2"
    assert "x-ratelimit-limit-requests" not in ours.headers


@pytest.mark.parametrize("kind", ["key", "user", "organisation"])
async def test_a_limit_may_be_of_a_key_a_user_or_an_organisation(open_app, person, error, kind):
    async with open_app(**{kind: SubjectQuota(requests_per_minute=1, concurrent=0)}) as client:
        assert (await client.get("/v1/models", headers=person.headers)).status_code == 200
        refused = await client.get("/v1/models", headers=person.headers)
    whose = {"key": "This API key has", "user": "You have", "organisation": "Your organisation has"}[kind]
    assert refused.status_code == 429
    assert error(refused)["message"].startswith(whose)


async def test_colleagues_share_the_limit_of_their_organisation_and_strangers_do_not(open_app, person, make_person):
    colleague, stranger = await make_person(Role.VIEWER, person), await make_person()
    async with open_app(organisation=TWO) as client:
        for somebody in (person, colleague):
            assert (await client.get("/v1/models", headers=somebody.headers)).status_code == 200
        assert (await client.get("/v1/models", headers=colleague.headers)).status_code == 429
        assert (await client.get("/v1/models", headers=stranger.headers)).status_code == 200


async def test_what_one_limit_refuses_uses_up_no_other(open_app, person, make_person):
    colleague = await make_person(Role.VIEWER, person)
    async with open_app(user=TWO, organisation=FIVE) as client:
        for _ in range(10):
            await client.get("/v1/models", headers=person.headers)
        assert (await client.get("/v1/models", headers=colleague.headers)).status_code == 200


async def test_public_paths_and_limits_themselves_are_answered_to_whoever_is_over_theirs(open_app, person):
    async with open_app(user=SubjectQuota(requests_per_minute=1, concurrent=0)) as client:
        for _ in range(3):
            last = await client.get("/v1/models", headers=person.headers)
        assert last.status_code == 429
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/api/v1/limits", headers=person.headers)).status_code == 200
        assert (await client.get("/api/v1/usage", headers=person.headers)).status_code == 200


async def test_no_limit_means_no_header(open_app, person):
    async with open_app() as client:
        answer = await client.post(ASK_URL, json=ASK, headers=person.headers)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


async def test_a_minute_later_requests_are_taken_again(stores, person):
    limiter = Limiter(stores, quotas(user=SubjectQuota(requests_per_minute=1, concurrent=0)), minute_s=0.5)
    who = Principal(person.user_id, person.organisation_id, Role.ADMIN)
    seen: list[bool] = []
    async with asyncio.timeout(PATIENCE_S):
        while seen[-2:] != [True, False] or True not in seen[:-1]:
            seen.append((await limiter.request(who)).refused is not None)
            await asyncio.sleep(0.01)


async def test_openais_client_knows_what_the_answer_means(make_app, person):
    app = make_app(user=SubjectQuota(requests_per_minute=1, concurrent=0))
    async with served(app) as address, AsyncOpenAI(base_url=f"{address}/v1", api_key=person.key, max_retries=0) as client:
        await client.models.list()
        with pytest.raises(RateLimitError) as refused:
            await client.models.list()
    assert refused.value.code == "rate_limit_exceeded"
