"""What nodes of graphs did and cost, counted for Prometheus: by whoever carries runs on, in Redis, from where every API process shows it.

Counts of all processes stand together, whichever is asked, and go on when one dies. Nothing depends on them: what Redis does not take is
not counted. Ray's own metrics (ray.util.metrics) are not used: they are shown at a port of each machine, and not at /metrics."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cluster.graphs.pending import Spent

log = structlog.get_logger(__name__)

KEY = "graphs:nodes"
# How often counts are sent, and how long the last ones wait for Redis.
EVERY_S = 1.0
CLOSING_S = 2.0
# What every graph is called that is not of the library: their names are people's, and without bound.
OWN = "own"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
MICROS = 1_000_000
# A turn of a model that calls tools: part of its node's time.
_TURN = re.compile(r"~\d+$")

Ended = Literal["succeeded", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Labels:
    graph: str
    kind: str


@dataclass(frozen=True, slots=True)
class NodeEnd:
    """How one step ended, in this process. ``seconds``: of work, without waiting for people or a time."""

    graph: str
    kind: str
    key: str
    state: Ended
    seconds: float
    attempts: int
    spent: Spent


class NodeMeter:
    """How a process that runs graphs counts. ``library``: the graphs whose names are told. ``note`` neither waits nor raises. Belongs to
    one event loop."""

    def __init__(self, cache: Redis, library: Collection[str], every_s: float = EVERY_S) -> None:
        self._cache = cache
        self._library = frozenset(library)
        self._every_s = every_s
        self._counts = defaultdict[str, float](float)
        self._task: asyncio.Task[None] | None = None

    def note(self, end: NodeEnd) -> None:
        graph = end.graph if end.graph in self._library else OWN
        for name, value in _counted(end):
            self._counts[f"{graph}|{end.kind}|{name}"] += value
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_soon())

    async def close(self) -> None:
        """Sends what is left, for a moment."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=CLOSING_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_S):
                await self._send()

    async def _send_soon(self) -> None:
        while self._counts:
            await asyncio.sleep(self._every_s)
            await self._send()

    async def _send(self) -> None:
        counts, self._counts = self._counts, defaultdict(float)
        if not counts:
            return
        try:
            async with self._cache.pipeline(transaction=False) as pipe:
                for name, value in counts.items():
                    pipe.hincrbyfloat(KEY, name, value)
                await pipe.execute()
        except (RedisError, OSError) as error:
            log.warning("what nodes did is not counted: the cache does not answer", error=type(error).__name__)


@dataclass(frozen=True, slots=True)
class NodeCounts:
    """Of all processes together. ``buckets``: how many visits took at most so many seconds."""

    labels: Labels
    states: Mapping[str, float]
    buckets: tuple[float, ...]
    seconds: float
    counts: Mapping[str, float]


async def node_counts(cache: Redis) -> list[NodeCounts]:
    """In order of their labels. Raises what Redis raises."""
    found: dict[Labels, dict[str, float]] = {}
    for field, value in (await cache.hgetall(KEY)).items():
        graph, kind, name = str(field).split("|")
        found.setdefault(Labels(graph, kind), {})[name] = float(value)
    return [_read(labels, values) for labels, values in sorted(found.items(), key=lambda one: (one[0].graph, one[0].kind))]


COUNTED = ("retries", "prompt_tokens", "completion_tokens", "micros")


def _counted(end: NodeEnd) -> Iterator[tuple[str, float]]:
    spent = {"prompt_tokens": end.spent.prompt_tokens, "completion_tokens": end.spent.completion_tokens, "micros": end.spent.micros}
    yield from ((name, value) for name, value in spent.items() if value)
    if end.attempts > 1:
        yield "retries", end.attempts - 1
    if _TURN.search(end.key):
        return
    yield f"state:{end.state}", 1
    yield "seconds", end.seconds
    yield f"le:{next((place for place, most in enumerate(BUCKETS) if end.seconds <= most), len(BUCKETS))}", 1


def _read(labels: Labels, values: Mapping[str, float]) -> NodeCounts:
    buckets, total = [], 0.0
    for place in range(len(BUCKETS) + 1):
        total += values.get(f"le:{place}", 0.0)
        buckets.append(total)
    states = {name.removeprefix("state:"): value for name, value in values.items() if name.startswith("state:")}
    counts = {name: values.get(name, 0.0) for name in COUNTED}
    return NodeCounts(labels, states, tuple(buckets), values.get("seconds", 0.0), counts)
