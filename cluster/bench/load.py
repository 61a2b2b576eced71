"""The client of a serving bench, in a process of its own.

``python -m cluster.bench.load HOST PORT PATH`` reads a Job from stdin and prints its Outcome.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from cluster.bench.connection import Connection
from cluster.bench.streams import Job, drive


@dataclass(frozen=True, slots=True)
class Chunk:
    """One server-sent event of a chat stream."""

    text: bool
    tokens: int | None


class ChatClient:
    """Streams chat completions over a pool of keep-alive connections."""

    def __init__(self, job: Job, host: str, port: int, path: str) -> None:
        self._job, self._host, self._port, self._path = job, host, port, path
        self._idle: list[Connection] = []

    async def ask(self, number: int) -> AsyncIterator[Chunk]:
        """The events of one answer. Raises ConnectionError, also for an event that reports an error or a stream without its end."""
        connection = self._idle.pop() if self._idle else Connection(self._host, self._port, self._job.key)
        rest = b""
        try:
            async with aclosing(connection.post(self._path, self._body(number))) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    *events, rest = (rest + piece).split(b"\n\n")
                    for event in events:
                        if (chunk := read_event(event)) is not None:
                            yield chunk
        except ConnectionError:
            await connection.close()  # in the middle of an answer it is of no further use
            raise
        self._idle.append(connection)

    async def close(self) -> None:
        for connection in self._idle:
            await connection.close()

    def _body(self, number: int) -> bytes:
        body = {
            "model": self._job.model,
            "messages": [{"role": "user", "content": self._job.prompt(number)}],
            "max_tokens": self._job.max_tokens,
            "temperature": 0.0,
            "logit_bias": {str(token): -100 for token in self._job.silenced},
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        return json.dumps(body).encode()


def read_event(event: bytes) -> Chunk | None:
    """One event as a Chunk; None for comments and the closing [DONE]. Raises ConnectionError for an error event."""
    data = event.lstrip().removeprefix(b"data:").strip()
    if not event.lstrip().startswith(b"data:") or data == b"[DONE]":
        return None
    parsed = json.loads(data)
    if "error" in parsed:
        raise ConnectionError(f"error event: {parsed['error']}"[:300])
    usage = parsed.get("usage")
    delta = parsed["choices"][0]["delta"] if parsed.get("choices") else {}
    return Chunk(bool(delta.get("content") or delta.get("reasoning_content")), usage["completion_tokens"] if usage else None)


async def run(job: Job, host: str, port: int, path: str) -> str:
    """The outcome as JSON."""
    client = ChatClient(job, host, port, path)
    try:
        return (await drive(job, client.ask)).model_dump_json()
    finally:
        await client.close()


def allow_many_connections() -> None:
    """As many open sockets as the system lets this process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    allow_many_connections()
    sys.stdout.write(asyncio.run(run(Job.model_validate_json(sys.stdin.read()), sys.argv[1], int(sys.argv[2]), sys.argv[3])))
