"""The load of a streaming bench: so many streams at once, each starting its next request when the last one ended, and what they saw.

The same schedule drives an engine in the same process and a server over HTTP; only the ``Ask`` differs.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from itertools import pairwise
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field


class Job(BaseModel):
    """What to ask. ``stagger_s``: the first requests of the streams are spread over so many seconds, as callers come in real life.

    ``silenced``: token ids that must not be generated (the end of text), so that every answer has exactly ``max_tokens`` tokens.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    streams: int = Field(ge=1)
    requests: int = Field(ge=1)
    max_tokens: int = Field(ge=1)
    stagger_s: float = Field(0.0, ge=0)
    silenced: tuple[int, ...] = ()
    seed: int = 1
    key: str = Field("", description="API key to show.", repr=False)

    def prompt(self, number: int) -> str:
        """Short, and different for each request, so that none is answered from a cache of the last one's prompt."""
        words = random.Random(self.seed * 100_003 + number).sample(_WORDS, 8)  # noqa: S311 - a repeatable prompt, not a secret
        return f"Request {number}: tell me about {', '.join(words)}."


class Outcome(BaseModel):
    """What the streams saw. ``seconds``: from the first request to the last answer; times in milliseconds; one error line for each failure.

    ``gaps_ms``: between the arrivals of two pieces of one answer. ``peak_open``: most streams that were open at the same time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float
    tokens: int
    ttft_ms: tuple[float, ...]
    gaps_ms: tuple[float, ...]
    errors: tuple[str, ...] = ()
    peak_open: int = 0
    client_cpu_s: float = 0.0
    server_cpu_s: float = 0.0


class Piece(Protocol):
    """``text``: whether this piece brings text; ``tokens``: the answer's count, once it is known."""

    @property
    def text(self) -> bool: ...

    @property
    def tokens(self) -> int | None: ...


Ask = Callable[[int], AsyncIterator[Piece]]


async def drive(job: Job, ask: Ask) -> Outcome:
    """Runs the whole job. A failed request is an error line, never an exception."""
    return await _Run(job, ask).go()


class _Run:
    def __init__(self, job: Job, ask: Ask) -> None:
        self._job, self._ask = job, ask
        self._numbers = iter(range(job.requests))
        self._ttft: list[float] = []
        self._gaps: list[float] = []
        self._errors: list[str] = []
        self._tokens = self._open = self._peak = 0

    async def go(self) -> Outcome:
        started, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for stream in range(self._job.streams):
                group.create_task(self._stream(self._job.stagger_s * stream / self._job.streams))
        return Outcome(
            seconds=time.perf_counter() - started,
            tokens=self._tokens,
            ttft_ms=tuple(round(value, 3) for value in self._ttft),
            gaps_ms=tuple(round(value, 3) for value in self._gaps),
            errors=tuple(self._errors),
            peak_open=self._peak,
            client_cpu_s=time.process_time() - cpu,
        )

    async def _stream(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        for number in self._numbers:
            self._open += 1
            self._peak = max(self._peak, self._open)
            try:
                await self._one(number)
            except Exception as error:  # noqa: BLE001 - whatever went wrong with one request is what the bench counts
                self._errors.append(f"{type(error).__name__}: {error}"[:300])
            finally:
                self._open -= 1

    async def _one(self, number: int) -> None:
        sent = time.perf_counter()
        arrivals: list[float] = []
        async with aclosing(self._ask(number)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if piece.text:
                    arrivals.append(time.perf_counter())
                if piece.tokens is not None:
                    self._tokens += piece.tokens
        if arrivals:
            self._ttft.append((arrivals[0] - sent) * 1000)
            self._gaps += [(after - before) * 1000 for before, after in pairwise(arrivals)]


_WORDS = (
    "rivers",
    "lamps",
    "engines",
    "gardens",
    "copper",
    "winter",
    "bridges",
    "letters",
    "harbours",
    "violins",
    "markets",
    "clouds",
    "bread",
)
