"""Residency for real: Serve's controller runs the policy, Ray shares out two logical GPUs, replicas are processes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

import psutil
import pytest

from cluster import ledger
from cluster.contracts.generation import GenerationRequest, Sampling
from cluster.contracts.models import ModelKind, ModelState, ModelStatus
from cluster.contracts.residency import ResidencySnapshot
from cluster.contracts.serving import ReplicaSpec, ResidentModel
from cluster.errors import EngineError, ModelNotFound, Unavailable, Unprocessable
from cluster.hardware import CPU, Device
from cluster.serving.config import models_app
from cluster.serving.gateway import ServeGateway
from cluster.settings import HttpSettings, ResidencySettings, Settings
from tests.patience import PATIENCE_S

GIB = 2**30
DEVICES = (
    Device("gpu-0", "Card", 24 * GIB, "6.1"),
    Device("gpu-1", "Card", 24 * GIB, "6.1"),
    Device(CPU, "CPU", 8 * GIB, None),
)
# Four that share two cards in turns, one that is pinned beside them, one on the CPU, one that does not load.
SHARES = {"north": 0.6, "south": 0.6, "east": 0.6, "west": 0.8, "pole": 0.2, "broken": 0.1}


def spec(model: str) -> ReplicaSpec:
    return ReplicaSpec(
        model=model,
        kind=ModelKind.LLM,
        engine="llama_cpp",
        path="broken" if model == "broken" else "",
        dtype="float32",
        device="cuda",
        device_name="Card",
        budget_bytes=int(SHARES[model] * 24 * GIB),
        device_bytes=24 * GIB,
    )


def resident(model: str) -> ResidentModel:
    return ResidentModel(
        model=model,
        pinned=model == "pole",
        priority=0,
        num_gpus=SHARES[model],
        budget_bytes=int(SHARES[model] * 24 * GIB),
        load_s=1.0,
        resident=model in {"pole", "north"},
    )


def status(model: str) -> ModelStatus:
    return ModelStatus(
        id=model,
        kind=ModelKind.LLM,
        state=ModelState.READY,
        capabilities=("chat",),
        engine="llama_cpp",
        device="gpu-0",
        dtype="float32",
        budget_bytes=0,
        pinned=model == "pole",
        context_tokens=100,
        reason="",
        created=0,
        owned_by="test",
        adapters=("fine",) if model == "north" else (),
    )


@pytest.fixture(scope="module")
def deployed(serve_runtime: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(
        home=tmp_path_factory.mktemp("home"),
        residency=ResidencySettings(min_stay_s=1.0, max_wait_s=PATIENCE_S, idle_unload_s=600.0),
        http=HttpSettings(request_timeout_s=2 * PATIENCE_S),
    )
    app = models_app([spec(m) for m in SHARES], [resident(m) for m in SHARES], settings, DEVICES)
    app["import_path"] = "cluster.fakes.models_app:build"
    serve_runtime(app)
    yield settings
    serve_runtime()


@pytest.fixture(scope="module")
async def gateway(deployed: Settings) -> AsyncIterator[ServeGateway]:
    gateway = ServeGateway([status(model) for model in SHARES], deployed)
    yield gateway
    await gateway.close()


async def say(gateway: ServeGateway, model: str, prompt: str, tokens: int | None = None) -> str:
    answer = await gateway.generate(GenerationRequest(model=model, prompt=prompt, sampling=Sampling(max_tokens=tokens)))
    return answer.text


async def is_ready(gateway: ServeGateway, model: str) -> bool:
    return (await gateway.resolve(model, ModelKind.LLM)).state is ModelState.READY


async def until(condition: Callable[[], Any], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        await asyncio.sleep(0.1)


async def test_four_models_that_cannot_coexist_answer_concurrent_traffic_without_one_failure(gateway: ServeGateway) -> None:
    async def client(model: str, number: int) -> list[str]:
        return [await say(gateway, model, f"{model} {number} {turn}") for turn in range(5)]

    models = ["north", "south", "east", "west"]
    answers = await asyncio.gather(*(client(model, number) for model in models for number in range(6)))
    assert sorted(text for texts in answers for text in texts) == sorted(
        f"{model} {number} {turn}" for model in models for number in range(6) for turn in range(5)
    )
    snapshot = await gateway.residency()
    assert snapshot.swaps_total >= 2


async def test_a_model_that_was_announced_is_there_before_it_is_asked(gateway: ServeGateway) -> None:
    # Two cards hold two of the four that take turns, so that two of them are out.
    away, *_ = [model for model in ("south", "east", "west", "north") if not await is_ready(gateway, model)]
    for _ in range(3):
        gateway.announce(away)
    gateway.announce("nobody")
    async with asyncio.timeout(PATIENCE_S):
        while not await is_ready(gateway, away):  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.1)
    await until_running(gateway, 0)


async def test_an_evicted_model_leaves_no_process(gateway: ServeGateway) -> None:
    pid = int(await say(gateway, "north", "pid"))
    assert psutil.pid_exists(pid)
    await asyncio.gather(*(say(gateway, model, "hello") for model in ("south", "east", "west")))
    await until(lambda: not psutil.pid_exists(pid))


async def test_the_pinned_model_is_never_evicted(gateway: ServeGateway) -> None:
    before = await say(gateway, "pole", "pid")
    await asyncio.gather(*(say(gateway, model, "hello") for model in ("west", "north", "south", "east", "pole")))
    assert await say(gateway, "pole", "pid") == before
    decisions = (await gateway.residency()).decisions
    assert not [decision for decision in decisions if decision.model == "pole" and decision.action == "evict"]


async def test_requests_that_a_killed_replica_was_working_on_are_done_by_the_next(gateway: ServeGateway) -> None:
    pid = int(await say(gateway, "pole", "pid"))
    calls = [asyncio.create_task(say(gateway, "pole", f"word {number}", 100)) for number in range(8)]
    await until_running(gateway, 8)
    os.kill(pid, signal.SIGKILL)
    answers = await asyncio.gather(*calls)
    assert len(answers) == 8
    assert int(await say(gateway, "pole", "pid")) != pid


async def test_a_stream_whose_replica_is_killed_ends_with_an_engine_error(gateway: ServeGateway) -> None:
    pid = int(await say(gateway, "pole", "pid"))
    request = GenerationRequest(model="pole", prompt="word", sampling=Sampling(max_tokens=2000))
    seen = 0

    async def kill_after_three() -> None:
        nonlocal seen
        async for _ in gateway.stream(request):
            seen += 1
            if seen == 3:
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(EngineError, match="send the request again"):
        await kill_after_three()
    assert seen >= 3


async def test_closing_a_stream_stops_the_work(gateway: ServeGateway) -> None:
    request = GenerationRequest(model="pole", prompt="word", sampling=Sampling(max_tokens=5000))
    async with aclosing(gateway.stream(request)) as stream:
        assert (await anext(stream))[0].text == "word "
        await until_running(gateway, 1)
    await until_running(gateway, 0)


async def test_cancelling_a_call_stops_the_work(gateway: ServeGateway) -> None:
    call = asyncio.create_task(say(gateway, "pole", "word", 5000))
    await until_running(gateway, 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until_running(gateway, 0)


async def test_errors_of_a_replica_keep_their_kind_and_message(gateway: ServeGateway) -> None:
    with pytest.raises(Unprocessable, match=r"^This prompt is refused; send another\.$"):
        await say(gateway, "pole", "refuse")
    with pytest.raises(EngineError, match="RuntimeError: fail"):
        await say(gateway, "pole", "fail")
    with pytest.raises(Unprocessable):
        async for _ in gateway.stream(GenerationRequest(model="pole", prompt="refuse")):
            pass


async def test_a_model_that_does_not_load_is_reported_as_failed_and_refuses_at_once(gateway: ServeGateway) -> None:
    with pytest.raises(EngineError, match="broken"):
        await say(gateway, "broken", "hello")
    resolved = await gateway.resolve("broken", ModelKind.LLM)
    assert resolved.state is ModelState.FAILED
    assert "repair it" in resolved.reason


async def test_unknown_models_adapters_and_kinds_name_the_nearest(gateway: ServeGateway) -> None:
    with pytest.raises(ModelNotFound, match="did you mean 'north'"):
        await gateway.resolve("nort", ModelKind.LLM)
    with pytest.raises(ModelNotFound, match="did you mean 'north:fine'"):
        await gateway.resolve("north:fin", ModelKind.LLM)
    with pytest.raises(ModelNotFound, match="no model of kind ocr"):
        await gateway.resolve("north", ModelKind.OCR)
    assert (await gateway.resolve("north:fine", ModelKind.LLM)).id == "north"


async def test_a_lease_makes_idle_models_leave_and_those_that_wait_are_told_when_to_come_back(deployed: Settings) -> None:
    impatient = deployed.model_copy(update={"residency": deployed.residency.model_copy(update={"max_wait_s": 2.0})})
    gateway = ServeGateway([status(model) for model in SHARES], impatient)
    book: Any = ledger.find()
    leases = [f"job-{number}" for number in range(2)]
    for lease in leases:
        await book.request_lease.remote(lease, "a training job", 0.8, 0, 60.0)
    try:
        for lease in leases:
            await until_granted(book, lease)
        with pytest.raises(Unavailable, match=r"retry in \d+ s"):
            await say(gateway, "west", "hello")
        assert await say(gateway, "pole", "hello") == "hello"
    finally:
        for lease in leases:
            await book.release_lease.remote(lease)
        await gateway.close()


async def test_a_killed_ledger_comes_back_with_its_leases_and_counts(gateway: ServeGateway) -> None:
    book: Any = ledger.find()
    for model in ("north", "south", "east", "west"):  # they do not all fit, so one of them has to be loaded
        assert await say(gateway, model, "hello") == "hello"
    before = await until_counted(gateway)
    lease = await book.request_lease.remote("kept", "a training job", 0.01, 0, 60.0)
    try:
        pid = await book.__ray_call__.remote(lambda _: os.getpid())
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not psutil.pid_exists(pid))
        assert (await book.renew_lease.remote("kept", 60.0)).holder == lease.holder
        assert await say(gateway, "pole", "hello") == "hello"
        loads = {one.model: one.loads_total for one in before.models}
        after = await until_counted(gateway)
        assert all(one.loads_total >= loads[one.model] for one in after.models)
        assert after.swaps_total >= before.swaps_total
    finally:
        await book.release_lease.remote("kept")


async def until_counted(gateway: ServeGateway) -> ResidencySnapshot:
    """The snapshot, once the ledger has heard of a load."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        snapshot = await gateway.residency()
        if any(one.loads_total for one in snapshot.models):
            return snapshot
        assert time.monotonic() < deadline, "no load was counted"
        await asyncio.sleep(0.1)


async def until_running(gateway: ServeGateway, count: int) -> None:
    """Until the pinned model's replica itself says that it is working on ``count`` other answers."""
    deadline = time.monotonic() + PATIENCE_S
    while int(await say(gateway, "pole", "running")) != count:
        assert time.monotonic() < deadline, "did not come true in time"
        await asyncio.sleep(0.05)


async def until_granted(book: Any, lease: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not (await book.renew_lease.remote(lease, 60.0)).granted:
        assert time.monotonic() < deadline, "was not granted in time"
        await asyncio.sleep(0.1)
