"""A models application without weights: every language model answers with what it was told, from a real Serve replica.

For trying residency and the gateway: set ``import_path`` of the models application to ``cluster.fakes.models_app:build``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ray import serve

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, Usage
from cluster.contracts.serving import MODELS_ROOT, ReplicaSpec
from cluster.errors import EngineError, Unprocessable
from cluster.serving.args import ModelsArgs

# Seconds for one token, as on a card that makes 50 a second.
TOKEN_S = 0.02


class EchoModel:
    """Says the prompt, a word a token, ``max_tokens`` times at the most; answers ``pid`` with its process id and ``running`` with
    the number of other answers it is working on, fails on ``fail``, refuses ``refuse``. A spec with path ``broken`` does not load."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = ReplicaSpec.model_validate(spec)
        self._running = 0
        if self._spec.path == "broken":
            raise EngineError(f"{self._spec.model} is broken; repair it.")

    async def generate(self, request: GenerationRequest) -> Generation:
        words = self._words(request)
        with self._counted():
            await asyncio.sleep(TOKEN_S * len(words))
        return Generation(" ".join(words), "stop", Usage(len(words), len(words)))

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        words = self._words(request)
        with self._counted():
            for word in words:
                await asyncio.sleep(TOKEN_S)
                yield [GenerationDelta(text=f"{word} ")]
        yield [GenerationDelta(finish_reason="stop", usage=Usage(len(words), len(words)))]

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    def _words(self, request: GenerationRequest) -> list[str]:
        prompt = str(request.prompt)
        if prompt == "fail":
            raise RuntimeError(prompt)
        if prompt == "refuse":
            raise Unprocessable("This prompt is refused; send another.")
        facts = {"pid": os.getpid(), "running": self._running}
        spoken = [str(facts[prompt])] if prompt in facts else prompt.split()
        return (spoken * (request.sampling.max_tokens or 1))[: request.sampling.max_tokens or None]


class Root:
    def __init__(self, *models: object) -> None:
        pass


def build(args: ModelsArgs | Mapping[str, Any]) -> serve.Application:
    """As deployments.app:build, with every model an EchoModel."""
    bound = [
        serve.deployment(name=spec.model)(EchoModel).bind(spec.model_dump(mode="json")) for spec in ModelsArgs.model_validate(args).models
    ]
    application: serve.Application = serve.deployment(name=MODELS_ROOT, ray_actor_options={"num_cpus": 0})(Root).bind(*bound)
    return application
