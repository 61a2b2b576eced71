"""The application as it is served: real engines on the CPU, taking turns in the memory they share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from cluster.contracts.generation import GenerationRequest, Sampling
from cluster.contracts.models import ModelKind, ModelState, ModelStatus
from cluster.contracts.serving import ReplicaSpec, ResidentModel
from cluster.errors import ContextLengthExceeded
from cluster.hardware import CPU, Device
from cluster.serving.config import models_app
from cluster.serving.gateway import ServeGateway
from cluster.settings import ResidencySettings, Settings
from tests.deployments.fixtures.tiny_model import TinyModel, llama_spec
from tests.deployments.fixtures.tiny_model import tiny as tiny
from tests.patience import PATIENCE_S

MIB = 2**20
MODELS = ("left", "right")


def spec(tiny: TinyModel, model: str) -> ReplicaSpec:
    return llama_spec(tiny, model=model, budget_bytes=300 * MIB, device_bytes=400 * MIB, max_queued=100, capabilities=("chat",))


def status(model: str) -> ModelStatus:
    return ModelStatus(
        id=model,
        kind=ModelKind.LLM,
        state=ModelState.READY,
        capabilities=("chat",),
        engine="llama_cpp",
        device=CPU,
        dtype="float32",
        budget_bytes=300 * MIB,
        pinned=False,
        context_tokens=512,
        reason="",
        created=0,
        owned_by="test",
        adapters=("formal", "terse"),
    )


@pytest.fixture(scope="module")
async def gateway(
    serve_runtime: Callable[..., None], tiny: TinyModel, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServeGateway]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), residency=ResidencySettings(min_stay_s=0.5, max_wait_s=60.0))
    residents = [
        ResidentModel(model=model, pinned=False, priority=0, num_gpus=0, budget_bytes=300 * MIB, resident=model == "left")
        for model in MODELS
    ]
    memory = Device(CPU, "CPU", 400 * MIB, None)
    serve_runtime(models_app([spec(tiny, model) for model in MODELS], residents, settings, [memory]))
    gateway = ServeGateway([status(model) for model in MODELS], settings)
    yield gateway
    await gateway.close()
    serve_runtime()


def asking(model: str, tokens: int = 4) -> GenerationRequest:
    return GenerationRequest(model=model, prompt="hello", sampling=Sampling(max_tokens=tokens, temperature=0.0))


async def test_two_models_that_do_not_fit_together_both_answer(gateway: ServeGateway) -> None:
    answers = await asyncio.gather(*(gateway.generate(asking(model)) for model in MODELS * 3))
    assert {answer.usage.completion_tokens for answer in answers} <= {1, 2, 3, 4}
    assert len({answer.text for answer in answers}) == 1
    # Where they are is looked at every now and then, so what is said of it may be of a moment ago.
    async with asyncio.timeout(PATIENCE_S):
        while await residents(gateway) != 1:  # noqa: ASYNC110 - what is looked at is in another process
            await asyncio.sleep(0.05)


async def residents(gateway: ServeGateway) -> int:
    return sum(one.resident for one in (await gateway.residency()).models)


async def test_a_stream_says_the_same_as_a_whole_answer_and_ends_with_usage(gateway: ServeGateway) -> None:
    whole = await gateway.generate(asking("left", 12))
    deltas = [delta async for batch in gateway.stream(asking("left", 12)) for delta in batch]
    assert "".join(delta.text for delta in deltas) == whole.text
    assert deltas[-1].usage == whole.usage
    assert deltas[-1].finish_reason == whole.finish_reason


async def test_an_adapter_is_addressed_behind_a_colon(gateway: ServeGateway) -> None:
    plain, adapted = await gateway.generate(asking("left", 12)), await gateway.generate(asking("left:formal", 12))
    assert plain.text != adapted.text


async def test_an_over_long_prompt_is_refused_as_the_engine_refuses_it(gateway: ServeGateway) -> None:
    with pytest.raises(ContextLengthExceeded, match="tokens"):
        await gateway.generate(GenerationRequest(model="left", prompt="hello " * 3000))
