"""An MCP server of an older revision, over streamable HTTP, that misbehaves."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from cluster.fakes.loopback import LoopbackServer

GO = {"name": "go", "inputSchema": {"type": "object"}}
INFO = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "bad", "version": "1"}}


@dataclass
class BadWeb(LoopbackServer):
    """``how``: what a call comes to. ``asked``: methods that were asked for, in order."""

    how: str = "fine"
    asked: list[str] = field(default_factory=list)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method != "POST":
            return web.Response(status=405)
        message = await request.json()
        method, number = message["method"], message.get("id")
        self.asked.append(method)
        if self.how == "elsewhere":
            return web.Response(status=307, headers={"Location": "http://127.0.0.1:1/mcp"})
        if method == "initialize":
            return self._result(number, INFO)
        if method == "tools/list":
            return self._result(number, {"tools": [GO]})
        if method == "tools/call":
            return await self._called(request, number)
        return web.json_response(
            {"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "no"}}, status=200 if number else 202
        )

    async def _called(self, request: web.Request, number: object) -> web.StreamResponse:
        if self.how == "status":
            return web.Response(status=500, text="boom")
        if self.how == "page":
            return web.Response(text="<html>Welcome</html>", content_type="text/html")
        if self.how == "packed":
            return web.Response(
                body=gzip.compress(b" " * 10_000_000), content_type="application/json", headers={"Content-Encoding": "gzip"}
            )
        if self.how == "hangs":
            await asyncio.sleep(600)
        if self.how in {"flood", "stream"}:
            return await self._flood(request)
        return self._result(number, {"content": [{"type": "text", "text": self.how}]})

    async def _flood(self, request: web.Request) -> web.StreamResponse:
        kind = "application/json" if self.how == "flood" else "text/event-stream"
        answer = web.StreamResponse(headers={"Content-Type": kind})
        await answer.prepare(request)
        await answer.write(b"data: " if self.how == "stream" else b"{")
        for _ in range(100):
            try:
                await answer.write(b"x" * 2**20)
            except ConnectionError:
                break
        return answer

    @staticmethod
    def _result(number: object, result: dict[str, Any]) -> web.Response:
        return web.json_response({"jsonrpc": "2.0", "id": number, "result": result})
