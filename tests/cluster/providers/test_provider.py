from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Sequence

import pytest
import structlog

from cluster.contracts.generation import GenerationDelta
from cluster.contracts.models import ModelKind
from cluster.errors import (
    BadInput,
    DeadlineExceeded,
    EngineError,
    HearthError,
    ModelNotFound,
    Overloaded,
    TooLarge,
    Unavailable,
    Unprocessable,
)
from cluster.fakes.upstream import Upstream
from tests.cluster.providers.conftest import BRISK, KEY, provider
from tests.cluster.providers.questions import ask, streamed, until

KINDS = ("openai", "anthropic", "ollama")


def one(upstream: Upstream, model: str, kind: str = "openai", **others: object) -> dict[str, object]:
    """A provider with a single model that behaves as its name says."""
    return {"far": provider(upstream, kind, (model,), **others)}


async def read(stream: AsyncIterator[Sequence[GenerationDelta]], seen: list[GenerationDelta]) -> None:
    async for batch in stream:
        seen += batch


async def asked(upstream: Upstream, times: int) -> None:
    """Returns when the upstream was asked so often."""
    await until(lambda: len(upstream.asked) >= times)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
async def test_an_error_that_passes_is_repeated_until_it_has_passed(kind, status, upstream, making):
    model = f"echo+status={status}+times=2"
    gateway = making(one(upstream, model, kind))
    assert (await gateway.generate(ask(f"far/{model}"))).text == "You said: good morning Riga"
    assert len(upstream.asked) == 3
    assert gateway.stats.of("far", model).repeats == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadInput),
        (401, EngineError),
        (402, Unavailable),
        (403, EngineError),
        (404, ModelNotFound),
        (413, TooLarge),
        (422, Unprocessable),
    ],
)
async def test_an_error_that_stays_is_told_at_once(status, error, upstream, making):
    model = f"echo+status={status}"
    gateway = making(one(upstream, model))
    with pytest.raises(error, match="Provider 'far'"):
        await streamed(gateway, ask(f"far/{model}"))
    assert len(upstream.asked) == 1


async def test_repeats_end_and_the_error_says_what_the_provider_said(upstream, making):
    gateway = making(one(upstream, "echo+status=503"))
    with pytest.raises(Unavailable, match="Provider 'far' answered 503; retry in 1 s: \"told to fail\""):
        await gateway.generate(ask("far/echo+status=503"))
    assert len(upstream.asked) == 3


async def test_a_provider_that_asks_for_time_is_given_it(upstream, making):
    model = "echo+status=429+retry_after=1+times=1"
    gateway = making(one(upstream, model))
    begun = asyncio.get_running_loop().time()
    await gateway.generate(ask(f"far/{model}"))
    assert asyncio.get_running_loop().time() - begun >= 1


async def test_a_provider_that_asks_for_too_much_time_is_not_waited_for(upstream, making):
    model = "echo+status=429+retry_after=50"
    gateway = making(one(upstream, model))
    with pytest.raises(Overloaded) as caught:
        await gateway.generate(ask(f"far/{model}"))
    assert len(upstream.asked) == 1
    assert caught.value.retry_after_s == 50


async def test_a_server_that_is_not_there_is_named_after_the_repeats(making):
    async with Upstream() as upstream:
        entry = provider(upstream, models=("echo",))
    gateway = making({"far": entry})
    with pytest.raises(Unavailable, match="'far' cannot be reached \\(ConnectError\\); check its base_url"):
        await gateway.generate(ask("far/echo"))
    assert gateway.stats.of("far", "echo").repeats == 2


async def test_a_provider_that_hangs_is_given_up(upstream, making):
    gateway = making(one(upstream, "echo+hang", timeouts={"request_s": 0.2}))
    for question in (gateway.generate, lambda request: streamed(gateway, request)):
        with pytest.raises(DeadlineExceeded, match=r"'far' did not answer within 0\.2 s"):
            await question(ask("far/echo+hang"))
    await until(lambda: upstream.gone == 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_that_falls_silent_is_ended(kind, upstream, making):
    gateway = making(one(upstream, "echo+hang_after=5", kind, timeouts={"stream_idle_s": 0.2}))
    seen: list[GenerationDelta] = []
    with pytest.raises(DeadlineExceeded, match=r"sent nothing for 0\.2 s"):
        await read(gateway.stream(ask("far/echo+hang_after=5", "one two three four five six")), seen)
    assert seen
    await until(lambda: upstream.gone == 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trouble", ["cut=5", "error_after=5"])
async def test_a_stream_that_breaks_after_its_first_token_ends_with_an_error_and_is_not_repeated(kind, trouble, upstream, making):
    gateway = making(one(upstream, f"echo+{trouble}", kind))
    seen: list[GenerationDelta] = []
    with pytest.raises(HearthError, match=r"broke off before its answer was complete|told to fail in mid-stream"):
        await read(gateway.stream(ask(f"far/echo+{trouble}", "one two three four five six")), seen)
    assert "You" in seen[0].text
    assert len(upstream.asked) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trouble", ["cut=0", "error_after=0"])
async def test_a_stream_that_breaks_before_its_first_token_is_repeated_unseen(kind, trouble, upstream, making):
    model = f"echo+{trouble}+times=1"
    gateway = making(one(upstream, model, kind))
    assert (await streamed(gateway, ask(f"far/{model}"))).text == "You said: good morning Riga"
    assert len(upstream.asked) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_nonsense_is_told_as_such_and_not_repeated(kind, upstream, making):
    gateway = making(one(upstream, "echo+malformed", kind))
    for question in (gateway.generate, lambda request: streamed(gateway, request)):
        with pytest.raises(EngineError, match="sent an answer that cannot be read"):
            await question(ask("far/echo+malformed"))
    assert len(upstream.asked) == 2


async def test_leaving_a_stream_ends_the_providers_work(upstream, making):
    gateway = making(one(upstream, "echo+drip=0.05"))
    stream = gateway.stream(ask("far/echo+drip=0.05", " ".join("abcdefghijklmnopqrstuvwxyz")))
    await anext(stream)
    await stream.aclose()
    await until(lambda: upstream.gone == 1)


async def test_leaving_before_the_first_token_ends_the_providers_work_and_frees_the_place(upstream, making):
    gateway = making(one(upstream, "echo+hang", limits={"concurrent": 1, "max_wait_s": 0.1}))
    for _ in range(2):
        task = asyncio.create_task(streamed(gateway, ask("far/echo+hang")))
        waiting = len(upstream.asked)
        await asked(upstream, waiting + 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await until(lambda: upstream.gone == 2)


async def test_no_more_run_at_once_than_configured_and_who_waits_too_long_is_told(upstream, making):
    gateway = making(one(upstream, "echo+hang", limits={"concurrent": 2, "max_wait_s": 0.1}))
    tasks = [asyncio.create_task(gateway.generate(ask("far/echo+hang"))) for _ in range(2)]
    await until(lambda: len(upstream.asked) == 2)
    with pytest.raises(Overloaded, match="as much as its limits"):
        await gateway.generate(ask("far/echo+hang"))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_no_more_are_asked_in_a_minute_than_configured(upstream, making):
    gateway = making(one(upstream, "echo", limits={"requests_per_minute": 3, "max_wait_s": 0.1}))
    outcomes = await asyncio.gather(*(gateway.generate(ask("far/echo")) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, Overloaded) for outcome in outcomes) == 2
    assert len(upstream.asked) == 3


async def test_a_provider_that_fails_again_and_again_is_left_alone_until_it_is_well(upstream, making):
    entry = one(upstream, "echo", retries={"attempts": 1}, breaker={"failures": 2, "rest_s": 0.3})
    gateway = making(entry)
    upstream.down = 503
    for _ in range(2):
        with pytest.raises(Unavailable, match="answered 503"):
            await gateway.generate(ask("far/echo"))
    upstream.down = None
    with pytest.raises(Unavailable, match="failed 2 times in a row and is left alone; retry in 1 s"):
        await gateway.generate(ask("far/echo"))
    assert upstream.asked == []
    assert (await gateway.resolve("far/echo", ModelKind.LLM)).state == "failed"
    await until(lambda: gateway._listings["far"].provider.breaker.state == "half_open")
    await gateway.generate(ask("far/echo"))
    assert (await gateway.resolve("far/echo", ModelKind.LLM)).state == "ready"


@pytest.mark.parametrize("status", [400, 429])
async def test_a_provider_that_answers_at_all_is_not_left_alone(status, upstream, making):
    gateway = making(one(upstream, f"echo+status={status}", retries={"attempts": 1}, breaker={"failures": 1}))
    for _ in range(3):
        with pytest.raises(HearthError, match="told to fail"):
            await gateway.generate(ask(f"far/echo+status={status}"))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_key_is_shown_to_nobody_even_if_the_provider_repeats_it(kind, upstream, making, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    gateway = making(one(upstream, "echo+status=400+leak", kind))
    with structlog.testing.capture_logs() as logs, pytest.raises(BadInput) as caught:
        await gateway.generate(ask("far/echo+status=400+leak"))
    upstream.key = "another"
    with pytest.raises(EngineError, match="refused our key") as refused:
        await gateway.generate(ask("far/echo+status=400+leak"))
    internals = vars(gateway._listings["far"].provider)
    shown = [repr(internals), repr(vars(internals["_key"])), str(await gateway.health(probe=True)), str(logs), caplog.text]
    shown += ["".join(traceback.format_exception(error.value)) for error in (caught, refused)]
    assert "***" in caught.value.message
    assert all(KEY not in text for text in [*shown, *capsys.readouterr()])


async def test_a_redirect_is_not_followed(upstream, making):
    gateway = making(one(upstream, "echo+status=307"))
    with pytest.raises(EngineError, match="answered 307; check its base_url"):
        await gateway.generate(ask("far/echo+status=307"))


async def test_what_was_asked_and_what_it_cost_is_counted(upstream, making):
    priced = [{"name": "echo", "price": {"input": 3.0, "cached": 0.5, "output": 15.0}}]
    gateway = making({"far": provider(upstream) | {"models": priced}})
    await gateway.generate(ask("far/echo"))
    await streamed(gateway, ask("far/echo"))
    counted = gateway.stats.of("far", "echo")
    assert (counted.requests, counted.answers, counted.prompt_tokens, counted.cached_tokens, counted.completion_tokens) == (2, 2, 22, 8, 10)
    assert counted.cost == pytest.approx((14 * 3 + 8 * 0.5 + 10 * 15) / 1e6)


async def test_failures_are_counted_by_their_code(upstream, making):
    gateway = making(one(upstream, "echo+status=503", retries=BRISK | {"attempts": 1}))
    with pytest.raises(Unavailable):
        await gateway.generate(ask("far/echo+status=503"))
    assert gateway.stats.of("far", "echo+status=503").failures == {"unavailable": 1}
