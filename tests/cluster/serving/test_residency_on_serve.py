"""Residency for real: Serve's controller runs the policy, Ray shares out two logical GPUs, replicas are processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from ray.serve.context import _get_global_client

from cluster.contracts.generation import GenerationRequest, Sampling
from cluster.contracts.models import ModelKind, ModelState, ModelStatus
from cluster.contracts.serving import ReplicaSpec, ResidentModel
from cluster.hardware import CPU, Device
from cluster.serving.config import as_schema, models_app
from cluster.serving.gateway import ServeGateway
from cluster.settings import HttpSettings, ResidencySettings, Settings

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
def deployed(serve_runtime: Path) -> Settings:
    settings = Settings(
        home=serve_runtime.parent,
        residency=ResidencySettings(min_stay_s=1.0, max_wait_s=40.0, idle_unload_s=600.0),
        http=HttpSettings(request_timeout_s=60.0),
    )
    app = models_app([spec(m) for m in SHARES], [resident(m) for m in SHARES], settings, DEVICES)
    app["import_path"] = "cluster.fakes.models_app:build"
    client = _get_global_client()
    client.deploy_apps(as_schema({"applications": [app]}), _blocking=True)
    return settings


@pytest.fixture
async def gateway(deployed: Settings) -> AsyncIterator[ServeGateway]:
    gateway = ServeGateway([status(model) for model in SHARES], deployed)
    yield gateway
    await gateway.close()


async def say(gateway: ServeGateway, model: str, prompt: str, tokens: int | None = None) -> str:
    answer = await gateway.generate(GenerationRequest(model=model, prompt=prompt, sampling=Sampling(max_tokens=tokens)))
    return answer.text


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
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
