"""The client of a bench that times single requests, in a process of its own.

``python -m cluster.bench.timing HOST PORT PATH`` reads a TimingJob from stdin and prints its Timed; PATH goes before every request's own.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict

from pydantic import BaseModel, ConfigDict, Field

from cluster.bench.connection import Connection, Refused


class Request(BaseModel):
    """``status``: what the answer must have; another is an error. ``key``: API key to show, empty for none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    path: str
    method: str = "GET"
    status: int = 200
    key: str = Field("", repr=False)


class TimingJob(BaseModel):
    """``callers`` go through ``requests`` in their order, each sending the next one when its last was answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: tuple[Request, ...]
    callers: int = Field(1, ge=1)


class Timed(BaseModel):
    """Milliseconds from sending a request to the end of its answer, by kind. One error line for each failure, which has no time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ms: dict[str, tuple[float, ...]]
    errors: tuple[str, ...] = ()


async def run(job: TimingJob, host: str, port: int, prefix: str = "") -> Timed:
    """Runs the whole job."""
    requests = iter(job.requests)
    ms: dict[str, list[float]] = defaultdict(list)
    errors: list[str] = []

    async def caller() -> None:
        lines: dict[str, Connection] = {}
        for request in requests:
            line = lines.setdefault(request.key, Connection(host, port, request.key))
            sent = time.perf_counter()
            try:
                status = await _status(line, request, prefix)
            except OSError as error:
                errors.append(f"{request.kind}: {type(error).__name__}: {error}"[:300])
                continue
            if status == request.status:
                ms[request.kind].append((time.perf_counter() - sent) * 1000)
            else:
                errors.append(f"{request.kind}: status {status}, expected {request.status}")
        for line in lines.values():
            await line.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(job.callers):
            group.create_task(caller())
    return Timed(ms={kind: tuple(samples) for kind, samples in ms.items()}, errors=tuple(errors))


async def _status(line: Connection, request: Request, prefix: str) -> int:
    try:
        async for _ in line.request(request.method, prefix + request.path):
            pass
    except Refused as refused:
        return refused.status
    return 200


if __name__ == "__main__":
    timing_job = TimingJob.model_validate_json(sys.stdin.read())
    sys.stdout.write(asyncio.run(run(timing_job, sys.argv[1], int(sys.argv[2]), sys.argv[3])).model_dump_json())
