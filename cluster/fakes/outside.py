"""The world outside, on loopback: a web server that misbehaves on request, and names that lead where one says.

Paths of the server::

    /html            a page of HTML                    /text       a few words
    /status/N        answers with that status          /flaky/N    503 for the first N times, then words
    /to?url=         redirects there (303: &code=303)  /loop       redirects to itself for ever
    /drip            a byte now and then, for ever     /silent     never answers
    /large/N         N bytes without saying how many   /claims/N   says that it has N bytes
    /bomb/N          N MiB of zeros, packed            /packed/X   says that it is packed as X, and is not
    /lie             says that it is a PDF, and is a page
    /echo            what it was sent, as JSON         /cut        breaks off in the middle
"""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from cluster.fakes.loopback import LoopbackServer

MIB = 2**20
PAGE = "<!doctype html><html><head><title>Goats</title></head><body><h1>Goats</h1><p>They climb.</p></body></html>"


@dataclass
class NamedAddresses:
    """A resolver of names. Each time a name is asked for, its next list of addresses is the answer, and the last one from then on.
    ``asked``: how often each name was."""

    names: Mapping[str, Sequence[Sequence[str]]]
    asked: Counter[str] = field(default_factory=Counter)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        answers = self.names.get(host)
        if answers is None:
            raise OSError(f"nobody knows {host}")
        self.asked[host] += 1
        return answers[min(self.asked[host], len(answers)) - 1]


@dataclass
class Outside(LoopbackServer):
    """``pages``: more paths, with media type and content. ``seen``: path and headers of every request; ``hits``: how often each path was
    asked for."""

    pages: dict[str, tuple[str, str | bytes]] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.seen.append((path, dict(request.headers)))
        self.hits[path] += 1
        if path in self.pages:
            return self._page(request, *self.pages[path])
        word, _, rest = path.removeprefix("/").partition("/")
        answer = getattr(self, f"_{word}", None) if word in WORDS else None
        if answer is None:
            raise web.HTTPNotFound
        answered: web.StreamResponse = await answer(request, rest)
        return answered

    def _page(self, request: web.Request, media: str, content: str | bytes) -> web.Response:
        """With a validator, so that asking again may be answered with 304."""
        raw = content.encode() if isinstance(content, str) else content
        tag = f'"{hash(raw):x}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(body=raw, headers={"Content-Type": media, "ETag": tag})

    async def _text(self, request: web.Request, _: str) -> web.Response:
        return web.Response(text=f"words from {request.host}")

    async def _html(self, request: web.Request, _: str) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def _status(self, request: web.Request, rest: str) -> web.Response:
        return web.Response(status=int(rest), text="as you asked")

    async def _flaky(self, request: web.Request, rest: str) -> web.Response:
        if self.hits[request.path] <= int(rest):
            return web.Response(status=503, text="in a moment", headers={"Retry-After": "0"})
        return web.Response(text="here it is")

    async def _to(self, request: web.Request, _: str) -> web.Response:
        return web.Response(status=int(request.query.get("code", "302")), headers={"Location": request.query["url"]})

    async def _loop(self, request: web.Request, _: str) -> web.Response:
        return web.Response(status=302, headers={"Location": "/loop"})

    async def _drip(self, request: web.Request, _: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.02)

    async def _silent(self, request: web.Request, _: str) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async def _large(self, request: web.Request, rest: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for start in range(0, int(rest), MIB):
            await response.write(b"a" * min(MIB, int(rest) - start))
        return response

    async def _claims(self, request: web.Request, rest: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain", "Content-Length": rest})
        await response.prepare(request)
        return response

    async def _bomb(self, request: web.Request, rest: str) -> web.Response:
        headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
        return web.Response(body=_packed(int(rest)), headers=headers)

    async def _packed(self, request: web.Request, rest: str) -> web.Response:
        return web.Response(body=b"not packed at all", headers={"Content-Type": "text/plain", "Content-Encoding": rest})

    async def _lie(self, request: web.Request, _: str) -> web.Response:
        return web.Response(body=PAGE.encode(), content_type="application/pdf")

    async def _echo(self, request: web.Request, _: str) -> web.Response:
        text = (await request.read()).decode()
        headers: dict[str, list[str]] = defaultdict(list)
        for name, value in request.headers.items():
            headers[name.lower()].append(value)
        return web.json_response({"method": request.method, "headers": headers, "text": text, "query": dict(request.query)})

    async def _cut(self, request: web.Request, _: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain", "Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response


WORDS = frozenset("text html status flaky to loop drip silent large claims bomb packed lie echo cut".split())


def _packed(mib: int) -> bytes:
    return gzip.compress(bytes(mib * MIB), 9)
