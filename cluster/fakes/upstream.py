"""A model provider on loopback, speaking Chat Completions, the Messages API and Ollama's chat, that misbehaves on request.

``python -m cluster.fakes.upstream PORT`` runs it for a person; tests use it as a context manager. It echoes the last message, a word a
token. What else it does is told by the model's name (``echo+status=503+times=2``) or the header ``X-Upstream: drip=0.1``:

status=N, retry_after=S    answers with that error status
slow=S, hang               waits that long, or for good, before it answers
drip=S, hang_after=N       waits that long before each event; falls silent after N events
cut=N, error_after=N       breaks the line off, or sends an error, after N events
malformed, usage=KIND      answers what is no JSON; reports ``none`` or ``wrong`` usage
leak                       an error message repeats the key it was given
times=N                    all that only for the first N requests of the model
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from cluster.fakes.loopback import LoopbackServer
from cluster.fakes.upstream_wire import ANTHROPIC, OLLAMA, OPENAI, Asked, Wire

HEADER = "X-Upstream"


@dataclass(frozen=True)
class Behaviour:
    """What one request is answered with, read from ``word+name=value+name`` (see above)."""

    told: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> Self:
        return cls({name: value for name, _, value in (part.partition("=") for part in text.split("+")[1:])})

    def number(self, name: str) -> float | None:
        return float(self.told[name]) if name in self.told else None

    def __contains__(self, name: str) -> bool:
        return name in self.told


@dataclass
class Upstream(LoopbackServer):
    """``models``: what it lists, after ``listing_s``. ``key``: what it wants to be shown. ``down``: a status that everything is answered
    with, and ``complaint`` what is said. ``asked``: every request for an answer; ``listed``: how often it was asked for its models;
    ``gone``: how many callers left before their answer was complete."""

    models: tuple[str, ...] = ("echo",)
    listing_s: float = 0.0
    key: str | None = None
    down: int | None = None
    complaint: str = "down for maintenance"
    asked: list[Asked] = field(default_factory=list)
    listed: int = 0
    gone: int = 0
    _seen: Counter[str] = field(default_factory=Counter)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/models", self._list_openai)
        app.router.add_get("/api/tags", self._list_ollama)
        for wire in (OPENAI, ANTHROPIC, OLLAMA):
            app.router.add_post(wire.path, self._handler(wire))
        return app

    async def _list_openai(self, request: web.Request) -> web.Response:
        refused = await self._listing(request)
        entries = [{"id": model, "object": "model", "type": "model", "created": 1_700_000_000, "owned_by": "fake"} for model in self.models]
        return refused or web.json_response({"object": "list", "data": entries, "has_more": False})

    async def _list_ollama(self, request: web.Request) -> web.Response:
        return await self._listing(request) or web.json_response({"models": [{"name": model, "model": model} for model in self.models]})

    async def _listing(self, request: web.Request) -> web.Response | None:
        self.listed += 1
        await asyncio.sleep(self.listing_s)
        return self._refused(request, OPENAI)

    def _refused(self, request: web.Request, wire: Wire) -> web.Response | None:
        shown = request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.down is not None:
            return web.json_response(wire.error(self.complaint), status=self.down)
        if self.key is not None and shown != self.key:
            return web.json_response(wire.error(f"Incorrect API key provided: {shown}"), status=401)
        return None

    def _handler(self, wire: Wire) -> Any:
        async def answer(request: web.Request) -> web.StreamResponse:
            return self._refused(request, wire) or await self._answer(request, wire)

        return answer

    async def _answer(self, request: web.Request, wire: Wire) -> web.StreamResponse:
        body = await request.json()
        asked = Asked(request.path, dict(request.headers), body)
        self.asked.append(asked)
        told = Behaviour.read("+".join(("", request.headers[HEADER])) if HEADER in request.headers else str(body["model"]))
        self._seen[asked.model] += 1
        if self._seen[asked.model] > (told.number("times") or float("inf")):
            told = Behaviour({})
        try:
            return await self._behave(request, asked, told, wire)
        except (asyncio.CancelledError, ConnectionError):
            self.gone += 1
            raise

    async def _behave(self, request: web.Request, asked: Asked, told: Behaviour, wire: Wire) -> web.StreamResponse:
        await asyncio.sleep(told.number("slow") or 0)
        if "hang" in told:
            await asyncio.Event().wait()
        if (status := told.number("status")) is not None:
            retry = {"Retry-After": told.told["retry_after"]} if "retry_after" in told else {}
            shown = request.headers.get("Authorization") or request.headers.get("x-api-key") or ""
            return web.json_response(wire.error(shown if "leak" in told else "told to fail"), status=int(status), headers=retry)
        if "malformed" in told:
            return web.Response(text='data: {"choices": [oops\n\n', content_type="text/event-stream" if asked.streams else "text/plain")
        if not asked.streams:
            return web.json_response(wire.whole(asked, told.told.get("usage")))
        return await self._stream(request, asked, told, wire)

    async def _stream(self, request: web.Request, asked: Asked, told: Behaviour, wire: Wire) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": wire.content_type})
        await response.prepare(request)
        for count, event in enumerate(wire.events(asked, told.told.get("usage"))):
            if count == told.number("cut") and request.transport is not None:
                request.transport.abort()
                return response
            if count == told.number("hang_after"):
                await asyncio.Event().wait()
            if count == told.number("error_after"):
                await response.write(wire.framed(wire.error_event("told to fail in mid-stream")))
                return response
            await asyncio.sleep(told.number("drip") or 0)
            await response.write(wire.framed(event))
        return response


async def main(port: int) -> None:
    async with Upstream(port=port) as upstream:
        sys.stdout.write(f"OpenAI: {upstream.url}/v1  Anthropic: {upstream.url}/v1  Ollama: {upstream.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
