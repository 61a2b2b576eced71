"""The client of the chat bench, in a process of its own: people who talk, and requests that are timed.

``python -m cluster.bench.talk HOST PORT PATH`` reads a TalkJob from stdin and prints its Talked; PATH is that of the conversations.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from contextlib import aclosing

from pydantic import BaseModel, ConfigDict, Field

from cluster.bench.connection import Connection
from cluster.bench.load import allow_many_connections

_WORDS = "river lamp engine garden copper winter bridge letter harbour violin market cloud bread goat well fence".split()


class Talker(BaseModel):
    """Somebody with a ``key`` (or an access token), and the conversation in which they talk."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    conversation: str
    key: str = Field(repr=False)


class TalkJob(BaseModel):
    """Each talker says something, reads the answer to its end, waits up to twice ``think_s`` and goes on, ``rounds`` times.

    ``stagger_s``: the talkers begin spread over so many seconds; 0: all at the same moment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    talkers: tuple[Talker, ...]
    rounds: int = Field(ge=1)
    max_tokens: int = Field(ge=1)
    think_s: float = Field(0.0, ge=0)
    stagger_s: float = Field(0.0, ge=0)


class Talked(BaseModel):
    """``prepare_ms``: of each prepare-stream; ``first_ms``: from its sending to the first event with text. ``whole``: answers read
    to an end that says `complete`. ``peak_open``: most streams that were open at the same time. One error line for each failure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prepare_ms: tuple[float, ...]
    first_ms: tuple[float, ...]
    seconds: float
    whole: int
    peak_open: int
    errors: tuple[str, ...] = ()


class _Run:
    def __init__(self, job: TalkJob, host: str, port: int, path: str) -> None:
        self._job, self._host, self._port, self._path = job, host, port, path
        self._prepare: list[float] = []
        self._first: list[float] = []
        self._errors: list[str] = []
        self._whole = self._open = self._peak = 0

    async def go(self) -> Talked:
        started, step = time.perf_counter(), self._job.stagger_s / len(self._job.talkers)
        async with asyncio.TaskGroup() as group:
            for number, talker in enumerate(self._job.talkers):
                group.create_task(self._talk(number, talker, step * number))
        return Talked(
            prepare_ms=tuple(self._prepare),
            first_ms=tuple(self._first),
            seconds=time.perf_counter() - started,
            whole=self._whole,
            peak_open=self._peak,
            errors=tuple(self._errors),
        )

    async def _talk(self, number: int, talker: Talker, delay_s: float) -> None:
        rng = random.Random(number)  # noqa: S311 - repeatable words and pauses, no secret
        await asyncio.sleep(delay_s)
        async with Connection(self._host, self._port, talker.key) as mine, Connection(self._host, self._port) as reading:
            for _ in range(self._job.rounds):
                try:
                    await self._round(mine, reading, talker.conversation, " ".join(rng.choices(_WORDS, k=8)))
                except (OSError, ValueError, KeyError) as error:
                    self._errors.append(f"{type(error).__name__}: {error}"[:300])
                    await reading.close()  # in the middle of an answer it is of no further use
                await asyncio.sleep(rng.uniform(0, 2 * self._job.think_s))

    async def _round(self, mine: Connection, reading: Connection, conversation: str, said: str) -> None:
        body = {"model": self._job.model, "content": said, "max_tokens": self._job.max_tokens}
        sent = time.perf_counter()
        answer = b"".join([piece async for piece in mine.post(f"{self._path}/{conversation}/prepare-stream", json.dumps(body).encode())])
        self._prepare.append((time.perf_counter() - sent) * 1000)
        self._open += 1
        self._peak = max(self._peak, self._open)
        try:
            await self._read(reading, json.loads(answer)["data"]["stream_url"], sent)
        finally:
            self._open -= 1

    async def _read(self, reading: Connection, url: str, sent: float) -> None:
        text = b""
        spoke = False
        async with aclosing(reading.request("GET", url)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                text += piece
                if not spoke and b'"type":"text"' in text:
                    spoke = True
                    self._first.append((time.perf_counter() - sent) * 1000)
        if b'"status":"complete"' in text and b'"type":"end"' in text:
            self._whole += 1
        else:
            self._errors.append(f"the stream ended with {text[-200:]!r}")


async def run(job: TalkJob, host: str, port: int, path: str) -> Talked:
    """Runs the whole job. A failure is an error line, never an exception."""
    return await _Run(job, host, port, path).go()


if __name__ == "__main__":
    allow_many_connections()
    talk_job = TalkJob.model_validate_json(sys.stdin.read())
    sys.stdout.write(asyncio.run(run(talk_job, sys.argv[1], int(sys.argv[2]), sys.argv[3])).model_dump_json())
