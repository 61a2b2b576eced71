"""Reads a streamed answer off the line, event by event, with a limit on the silence between two."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack

import httpx2

from cluster.contracts.generation import GenerationDelta
from cluster.errors import DeadlineExceeded
from cluster.providers.dialect import Dialect
from cluster.providers.failures import AttemptFailed, cut_short, malformed


class Answer:
    """The deltas of one response; the last one says how it ended. Raises AttemptFailed.

    ``closing``: what holds the connection, once the answer has begun and belongs to whoever reads it.
    """

    def __init__(self, provider: str, response: httpx2.Response, dialect: Dialect, idle_s: float) -> None:
        self._provider = provider
        self._events = _events(response) if dialect.framing == "events" else _lines(response)
        self._reader = dialect.reader()
        self._idle_s = idle_s
        self._ready: deque[GenerationDelta] = deque()
        self._finished = False
        self.closing = AsyncExitStack()

    async def begin(self) -> None:
        """Returns when the first delta is here."""
        while not self._ready:
            await self._read()

    async def aclose(self) -> None:
        await self._events.aclose()
        await self.closing.aclose()

    def __aiter__(self) -> AsyncIterator[GenerationDelta]:
        return self

    async def __anext__(self) -> GenerationDelta:
        while not self._ready:
            if self._finished:
                raise StopAsyncIteration
            await self._read()
        return self._ready.popleft()

    async def _read(self) -> None:
        text = None if self._reader.ended else await self._next()
        if text is not None:
            self._ready.extend(self._reader.feed(text))
        else:
            self._ready.append(self._reader.finish())
            self._finished = True

    async def _next(self) -> str | None:
        """The next event, or None at the end of the line."""
        try:
            async with asyncio.timeout(self._idle_s):
                return await anext(self._events, None)
        except TimeoutError:
            said = f"Provider '{self._provider}' sent nothing for {self._idle_s:g} s; its answer was ended."
            raise AttemptFailed(DeadlineExceeded(said), unwell=True) from None
        except httpx2.SSEError:
            raise malformed(self._provider, "no stream where one was asked for") from None
        except httpx2.TransportError:
            raise cut_short(self._provider) from None


async def _events(response: httpx2.Response) -> AsyncGenerator[str, None]:
    async for event in httpx2.EventSource(response):
        if event.data:
            yield event.data


async def _lines(response: httpx2.Response) -> AsyncGenerator[str, None]:
    async for line in response.aiter_lines():
        yield line
