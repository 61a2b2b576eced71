"""A lean HTTP/1.1 client on asyncio and httptools, for load: a general client costs more per token than the servers that are measured.

(httpx takes about 60 microseconds for each chunk of a stream, this one about 10.)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import httptools


class Refused(ConnectionError):
    """The answer's ``status`` is not 2xx. The connection is fit for the next request."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"status {status}: {body.decode(errors='replace')[:200]}")
        self.status = status


class Connection:
    """One keep-alive connection, one request at a time; opened again when the server closed it. Use as an async context manager.

    ``key``: API key to show; empty: none.
    """

    def __init__(self, host: str, port: int, key: str = "") -> None:
        self._host, self._port = host, port
        self._authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.close()
            try:
                await writer.wait_closed()
            except ConnectionError:
                return  # the server was faster

    def post(self, path: str, body: bytes) -> AsyncIterator[bytes]:
        """See :meth:`request`."""
        return self.request("POST", path, body)

    async def request(self, method: str, path: str, body: bytes = b"") -> AsyncIterator[bytes]:
        """The body of the answer, in pieces as they arrive. Raises Refused for a status that is not 2xx, ConnectionError for an answer
        that is cut short."""
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=1 << 20)
        assert self._reader is not None
        self._writer.write(self._head(method, path, len(body)) + body)
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        while not answer.complete:
            data = await self._reader.read(1 << 16)
            if not data:
                await self.close()
                raise ConnectionError(f"the server closed the connection in the middle of an answer ({answer.total} bytes of body)")
            parser.feed_data(data)
            if answer.pieces and parser.get_status_code() // 100 == 2:
                yield answer.take()
        status = parser.get_status_code()
        if not parser.should_keep_alive():
            await self.close()
        if status // 100 != 2:
            raise Refused(status, answer.take())

    def _head(self, method: str, path: str, length: int) -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Type: application/json\r\n{self._authorization}"
            f"Accept: text/event-stream, application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode()


class _Answer:
    """What httptools calls back."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.complete = False
        self.total = 0

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)
        self.total += len(data)

    def on_message_complete(self) -> None:
        self.complete = True

    def take(self) -> bytes:
        joined = b"".join(self.pieces)
        self.pieces.clear()
        return joined
