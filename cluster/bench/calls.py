"""The client of an embedding bench: so many callers, each sending one sentence after another.

``python -m cluster.bench.calls HOST PORT PATH`` reads a CallJob from stdin and prints its CallOutcome.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

from pydantic import BaseModel, ConfigDict, Field

from cluster.bench.connection import Connection

_WORDS = (
    "the a of in at from with over under river lamp engine garden copper winter bridge letter harbour violin market cloud was is has runs "
    "holds turns brings opens slowly never often twice bright old quiet narrow seven tall"
)


class CallJob(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    callers: int = Field(ge=1)
    requests: int = Field(ge=1)
    seed: int = 1
    key: str = Field("", description="API key to show.", repr=False)

    def sentence(self, number: int) -> str:
        """8 to 24 words, the same for the same number."""
        rng = random.Random(self.seed * 100_003 + number)  # noqa: S311 - a repeatable text, not a secret
        return " ".join(rng.choices(_WORDS.split(), k=rng.randint(8, 24))).capitalize() + "."


class CallOutcome(BaseModel):
    """``seconds`` from the first request to the last answer; one error line for each failure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float
    latency_ms: tuple[float, ...]
    errors: tuple[str, ...] = ()


async def run(job: CallJob, host: str, port: int, path: str) -> CallOutcome:
    """Runs the whole job."""
    numbers = iter(range(job.requests))
    latency: list[float] = []
    errors: list[str] = []

    async def caller() -> None:
        async with Connection(host, port, job.key) as connection:
            for number in numbers:
                sent = time.perf_counter()
                body = json.dumps({"model": job.model, "input": job.sentence(number)}).encode()
                try:
                    answer = b"".join([piece async for piece in connection.post(path, body)])
                except (OSError, ConnectionError) as error:
                    errors.append(f"{type(error).__name__}: {error}"[:300])
                    continue
                if b'"embedding"' in answer:
                    latency.append((time.perf_counter() - sent) * 1000)
                else:
                    errors.append(f"no embedding in {answer[:200]!r}")

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(job.callers):
            group.create_task(caller())
    return CallOutcome(seconds=time.perf_counter() - started, latency_ms=tuple(latency), errors=tuple(errors))


if __name__ == "__main__":
    job = CallJob.model_validate_json(sys.stdin.read())
    sys.stdout.write(asyncio.run(run(job, sys.argv[1], int(sys.argv[2]), sys.argv[3])).model_dump_json())
