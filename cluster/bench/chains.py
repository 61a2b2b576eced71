"""The client of the agents bench, in a process of its own: graphs that do nothing, a chain of nodes each of which adds one.

``python -m cluster.bench.chains HOST PORT PATH`` reads a ChainJob from stdin and prints its ChainSeen; PATH is that of the workflows.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cluster.bench.connection import Connection
from cluster.bench.load import allow_many_connections

# The server answers when the run has ended, or after so many seconds; then it is asked again, until ``LIMIT_S`` after the run began.
WAIT_S, LOOK_S, LIMIT_S = 60, 0.5, 600.0
ENDED = frozenset({"succeeded", "failed", "cancelled"})


class ChainJob(BaseModel):
    """``runs`` of a chain of ``nodes``, ``at_once`` of them at the same time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    nodes: int = Field(ge=1)
    runs: int = Field(ge=1)
    at_once: int = Field(1, ge=1)
    key: str = Field("", description="API key to show.", repr=False)


class ChainSeen(BaseModel):
    """``under_way_ms``: of each run that ended well, from its first step to its end, by the clock of who ran it; ``whole_ms``: from asking
    for it to knowing its end, waiting for its turn included. ``peak``: most that were under way at one moment. One error line for each
    run that failed, or gave another number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float
    under_way_ms: tuple[float, ...]
    whole_ms: tuple[float, ...]
    peak: int
    errors: tuple[str, ...] = ()


def chain(nodes: int) -> dict[str, Any]:
    """The graph, as definitions have it: the number that goes in comes out ``nodes`` higher."""
    after = {number: {"then": f"n{number + 1}"} for number in range(nodes - 1)}
    return {
        "name": f"chain-{nodes}",
        "input": {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
        "state": {"number": {"type": "integer"}},
        "start": "n0",
        "nodes": {
            f"n{number}": {
                "kind": "transform",
                "value": "state.number + 1" if number else "input.number + 1",
                "to": "number",
                **after.get(number, {}),
            }
            for number in range(nodes)
        },
        "output": {"number": "state.number"},
    }


def most_at_once(spans: Sequence[tuple[float, float]]) -> int:
    """Of spans of time with a beginning and an end, the most that overlap; what ends as another begins does not overlap it."""
    changes = sorted((moment, change) for begin, end in spans for moment, change in ((begin, 1), (end, -1)))
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


class _Run:
    def __init__(self, job: ChainJob, host: str, port: int, path: str) -> None:
        self._job, self._host, self._port, self._path = job, host, port, path
        self._spans: list[tuple[float, float]] = []
        self._whole: list[float] = []
        self._errors: list[str] = []

    async def go(self) -> ChainSeen:
        numbers = iter(range(self._job.runs))
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._job.at_once):
                group.create_task(self._caller(numbers))
        return ChainSeen(
            seconds=time.perf_counter() - began,
            under_way_ms=tuple((end - begin) * 1000 for begin, end in self._spans),
            whole_ms=tuple(self._whole),
            peak=most_at_once(self._spans),
            errors=tuple(self._errors),
        )

    async def _caller(self, numbers: Any) -> None:
        async with Connection(self._host, self._port, self._job.key) as line:
            for number in numbers:
                asked = time.perf_counter()
                try:
                    self._take(number, await self._ended(line, number))
                except (OSError, ValueError, KeyError, TypeError) as error:
                    self._errors.append(f"{type(error).__name__}: {error}"[:300])
                    continue
                self._whole.append((time.perf_counter() - asked) * 1000)

    async def _ended(self, line: Connection, number: int) -> dict[str, Any]:
        """The run when it has ended."""
        body = {"workflow": chain(self._job.nodes)["name"], "input": {"number": number}, "wait_s": WAIT_S}
        until = time.perf_counter() + LIMIT_S
        run = await _asked(line, "POST", f"{self._path}/execute", json.dumps(body).encode())
        while run["state"] not in ENDED:
            if time.perf_counter() > until:
                raise ValueError(f"a run was still {run['state']} after {LIMIT_S:.0f} s")
            await asyncio.sleep(LOOK_S)
            run = await _asked(line, "GET", f"{self._path}/runs/{run['id']}")
        return run

    def _take(self, number: int, run: dict[str, Any]) -> None:
        if run["state"] != "succeeded":
            raise ValueError(f"a run has {run['state']}: {run['error']}")
        if run["output"] != {"number": number + self._job.nodes}:
            raise ValueError(f"a run gave {run['output']} of {number} and {self._job.nodes} nodes")
        self._spans.append((moment(run["started_at"]), moment(run["finished_at"])))


async def _asked(line: Connection, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(b"".join([piece async for piece in line.request(method, path, body)]))["data"]
    return answer


def moment(text: str) -> float:
    """Seconds of a time in ISO 8601."""
    return datetime.fromisoformat(text).timestamp()


async def run(job: ChainJob, host: str, port: int, path: str) -> ChainSeen:
    """Runs the whole job."""
    return await _Run(job, host, port, path).go()


if __name__ == "__main__":
    chain_job = ChainJob.model_validate_json(sys.stdin.read())
    allow_many_connections()
    sys.stdout.write(asyncio.run(run(chain_job, sys.argv[1], int(sys.argv[2]), sys.argv[3])).model_dump_json())
