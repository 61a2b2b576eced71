"""Two cards that a profile declares, and models without weights on them: one that is pinned, two that take turns with whoever comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.contracts.generation import GenerationRequest, Sampling
from cluster.contracts.models import ModelKind, ModelState, ModelStatus
from cluster.contracts.residency import ResidencySnapshot
from cluster.contracts.serving import ReplicaSpec, ResidentModel
from cluster.hardware import CPU, Device
from cluster.serving.config import ServeConfig, models_app
from cluster.serving.gateway import ServeGateway
from cluster.settings import HttpSettings, ResidencySettings, Settings
from tests.patience import PATIENCE_S

# Shares of a card: the two do not fit beside a training that wants SHARE.
SHARES = {"north": 0.6, "south": 0.6, "pole": 0.2}
PINNED = "pole"
SHARE = 0.7
PAUSE_S = 0.1


def devices(card_bytes: int) -> tuple[Device, ...]:
    cards = [Device(f"gpu-{number}", "Card", card_bytes, "6.1") for number in range(2)]
    return (*cards, Device(CPU, "CPU", card_bytes, None))


def serving_settings(home: Path) -> Settings:
    return Settings(
        home=home,
        residency=ResidencySettings(min_stay_s=1.0, max_wait_s=PATIENCE_S, idle_unload_s=600.0),
        http=HttpSettings(request_timeout_s=2 * PATIENCE_S),
    )


def application(settings: Settings, card_bytes: int) -> ServeConfig:
    """Of the models, as a Serve config file has it."""
    replicas = [_replica(model, share, card_bytes) for model, share in SHARES.items()]
    residents = [_resident(model, share, card_bytes) for model, share in SHARES.items()]
    return models_app(replicas, residents, settings, devices(card_bytes)) | {"import_path": "cluster.fakes.models_app:build"}


def _replica(model: str, share: float, card_bytes: int) -> ReplicaSpec:
    told: dict[str, Any] = {"engine": "llama_cpp", "path": "", "dtype": "float32", "device": "cuda", "device_name": "Card"}
    return ReplicaSpec(model=model, kind=ModelKind.LLM, budget_bytes=int(share * card_bytes), device_bytes=card_bytes, **told)


def _resident(model: str, share: float, card_bytes: int) -> ResidentModel:
    budget = int(share * card_bytes)
    return ResidentModel(model=model, pinned=model == PINNED, priority=0, num_gpus=share, budget_bytes=budget, load_s=1.0)


def _status(model: str) -> ModelStatus:
    told: dict[str, Any] = {"state": ModelState.READY, "capabilities": ("chat",), "engine": "llama_cpp", "device": "gpu-0"}
    told |= {"dtype": "float32", "budget_bytes": 0, "context_tokens": 100, "reason": "", "created": 0, "owned_by": "test"}
    return ModelStatus(id=model, kind=ModelKind.LLM, pinned=model == PINNED, **told)


@dataclass
class Asked:
    """``answers``: how many each model has given while it was asked."""

    gateway: ServeGateway
    answers: dict[str, int]

    async def say(self, model: str, prompt: str) -> str:
        """The answer, which is the prompt; a failure is raised."""
        answer = await self.gateway.generate(GenerationRequest(model=model, prompt=prompt, sampling=Sampling()))
        return answer.text

    @asynccontextmanager
    async def under_load(self, *models: str) -> AsyncIterator[None]:
        """Each of them is asked over and over while the block lasts; a request that fails, or is answered wrongly, fails the block."""
        over = asyncio.Event()

        async def ask(model: str) -> None:
            while not over.is_set():
                asked = f"{model} {self.answers[model]}"
                assert await self.say(model, asked) == asked
                self.answers[model] += 1
                await asyncio.sleep(PAUSE_S)

        async with asyncio.TaskGroup() as asking:
            for model in models:
                asking.create_task(ask(model))
            try:
                yield
            finally:
                over.set()

    async def until_seen(self, so: Any) -> ResidencySnapshot:
        """What the ledger says, as soon as it is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not so(seen := await self.gateway.residency()):  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.1)
            return seen


def asked_of(settings: Settings) -> Asked:
    return Asked(ServeGateway([_status(model) for model in SHARES], settings), dict.fromkeys(SHARES, 0))


def resident(seen: ResidencySnapshot) -> set[str]:
    return {model.model for model in seen.models if model.resident}
