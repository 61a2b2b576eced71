"""The engine alone, asked in its own process: ``python -m deployments.bench.direct``.

Reads one line of JSON, a ReplicaSpec, loads it and answers "ready"; then for each line with a Job prints a line with its Outcome.
The end of stdin ends it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

from cluster.bench.streams import Job, Outcome, drive
from cluster.contracts.generation import GenerationRequest, Message, Sampling
from cluster.contracts.serving import ReplicaSpec
from deployments.llm import Llm


@dataclass(frozen=True, slots=True)
class Piece:
    text: bool
    tokens: int | None


def request(job: Job, number: int) -> GenerationRequest:
    """The same request that the HTTP client of the bench sends."""
    sampling = Sampling(temperature=0.0, max_tokens=job.max_tokens, logit_bias=dict.fromkeys(job.silenced, -100.0))
    return GenerationRequest(model=job.model, messages=(Message("user", job.prompt(number)),), sampling=sampling)


async def measure(llm: Llm, job: Job) -> Outcome:
    async def ask(number: int) -> AsyncIterator[Piece]:
        async for deltas in llm.stream(request(job, number)):
            for delta in deltas:
                yield Piece(bool(delta.text or delta.reasoning), delta.usage.completion_tokens if delta.usage else None)

    return await drive(job, ask)


async def main() -> None:
    llm = Llm(ReplicaSpec.model_validate_json(sys.stdin.readline()))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while line := await asyncio.to_thread(sys.stdin.readline):
        outcome = await measure(llm, Job.model_validate_json(line))
        sys.stdout.write(outcome.model_dump_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
