"""What is asked of a model to measure it: the same questions for all settings of a round, other ones in each round.

The rate is of what the model says it produced, so that an answer that ends early is no error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

import numpy as np

from cluster.contracts.generation import Caching, Generation, GenerationRequest, Message, Sampling
from cluster.contracts.perception import EmbeddingRequest, Embeddings

WORDS = tuple(
    "light river market under seven careful stone answer garden travel winter letter bright history morning engine paper road".split()
)


class Asked(Protocol):
    """A replica, or the gateway in front of some."""

    async def generate(self, request: GenerationRequest) -> Generation: ...

    async def embed(self, request: EmbeddingRequest) -> Embeddings: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """``value``: the rate that settings are compared by, the higher the better. ``more``: other figures, by name."""

    value: float
    more: Mapping[str, float] = field(default_factory=dict)


class Load(Protocol):
    """``metric`` and ``unit`` say what a sample's value is."""

    @property
    def metric(self) -> str: ...

    @property
    def unit(self) -> str: ...

    async def run(self, asked: Asked, seed: int) -> Sample: ...


@dataclass(frozen=True, slots=True)
class Talk:
    """``streams`` people ask a language model at once, each ``turns`` questions of so many words, one after the other."""

    model: str
    streams: int
    words: int
    answer_tokens: int
    turns: int = 2
    metric: str = "tokens of answers"
    unit: str = "tokens/s"

    async def run(self, asked: Asked, seed: int) -> Sample:
        rng = Random(seed)  # noqa: S311 - makes questions, guards nothing
        questions = [[self._request(rng, f"optimise-{seed}-{one}-{turn}") for turn in range(self.turns)] for one in range(self.streams)]
        began = time.perf_counter()
        done = await asyncio.gather(*(_one_after_the_other(asked, own) for own in questions))
        seconds = time.perf_counter() - began
        tokens = sum(count for own in done for count, _ in own)
        waits = [wait for own in done for _, wait in own]
        return Sample(
            max(tokens, 1) / seconds, {"p95_answer_s": float(np.percentile(waits, 95)), "tokens": float(tokens), "seconds": seconds}
        )

    def _request(self, rng: Random, request_id: str) -> GenerationRequest:
        return GenerationRequest(
            model=self.model,
            messages=(Message("user", f"Tell me about {' '.join(rng.choices(WORDS, k=self.words))}."),),
            sampling=Sampling(temperature=0.0, max_tokens=self.answer_tokens),
            request_id=request_id,
            caching=Caching(ttl_s=0),
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """Texts of 4 to 120 words are embedded, each in a request of its own, all at once."""

    model: str
    texts: int
    metric: str = "texts embedded"
    unit: str = "texts/s"

    async def run(self, asked: Asked, seed: int) -> Sample:
        rng = Random(seed)  # noqa: S311 - makes texts, guards nothing
        requests = [EmbeddingRequest(self.model, (" ".join(rng.choices(WORDS, k=rng.randint(4, 120))),)) for _ in range(self.texts)]
        began = time.perf_counter()
        await asyncio.gather(*(asked.embed(request) for request in requests))
        seconds = time.perf_counter() - began
        return Sample(self.texts / seconds, {"seconds": seconds})


async def _one_after_the_other(asked: Asked, requests: Sequence[GenerationRequest]) -> list[tuple[int, float]]:
    """Tokens of each answer, and the seconds it took."""
    done = []
    for request in requests:
        began = time.perf_counter()
        answer = await asked.generate(request)
        done.append((answer.usage.completion_tokens, time.perf_counter() - began))
    return done
