"""The stream that answers a client's request, on which requests of ours travel too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Message, Send

STREAM = "text/event-stream"


class Line:
    """What the SDK sends goes through :meth:`pass_on`; what we say stands between two of its events. The SDK itself has no way to ask
    where a request is served by itself: its answer comes with another one, to whichever process."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._turn = asyncio.Lock()
        self._open = asyncio.Event()

    async def pass_on(self, message: Message) -> None:
        async with self._turn:
            await self._send(message)
        if message["type"] == "http.response.start" and Headers(raw=message["headers"]).get("content-type", "").startswith(STREAM):
            self._open.set()

    async def say(self, message: Mapping[str, Any]) -> None:
        """Waits until the stream has begun."""
        await self._open.wait()
        frame = f"event: message\r\ndata: {json.dumps(message, ensure_ascii=False, separators=(',', ':'))}\r\n\r\n"
        async with self._turn:
            await self._send({"type": "http.response.body", "body": frame.encode(), "more_body": True})
