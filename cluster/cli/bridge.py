"""MCP messages, one a line, carried to the API's /mcp and back."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

Message = dict[str, Any]

TIMEOUT = httpx.Timeout(30.0, read=None)
# Seconds that requests under way have for their end when no more come.
AGAIN_S = 1.0
GRACE_S = 10.0
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
PARSE_ERROR, FAILED = -32700, -32000
# Of which fields a request's name is, which its header repeats.
_NAMES = ("name", "uri")


class Bridge:
    """For one program. ``write`` gets each message for it, without the end of the line."""

    def __init__(self, client: httpx.AsyncClient, write: Callable[[bytes], None]) -> None:
        self._client = client
        self._write = write
        self._opening: Message | None = None
        self._session: str | None = None
        self._version: str | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._listening: asyncio.Task[None] | None = None

    async def run(self, lines: asyncio.Queue[bytes | None]) -> None:
        """Until None comes; then requests under way are waited for, for a while."""
        try:
            while (line := await lines.get()) is not None:
                if line.strip():
                    await self._take(line)
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=GRACE_S)
        finally:
            tasks = [*self._tasks.values(), *([self._listening] if self._listening is not None else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._leave()

    async def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._fail(None, PARSE_ERROR, "Each line is one JSON-RPC message, as a JSON object.")
            return
        if message.get("method") == "notifications/cancelled" and self._session is None:
            self._cancel(message.get("params"))
        elif message.get("method") == "initialize" or "id" not in message:
            # What comes after a handshake needs what it gave, and notifications keep their order.
            await self._carry(message)
        else:
            task = asyncio.create_task(self._carry(message))
            key = json.dumps(message["id"])
            if message.get("method") == "resources/subscribe" and self._session is not None and self._listening is None:
                self._listening = asyncio.create_task(self._listen())
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._tasks.pop(key, None) if self._tasks.get(key) is done else None)

    async def _listen(self) -> None:
        """What the server says by itself of what is watched; a stream ends after a while, and the next one has what changed meanwhile."""
        while True:
            try:
                async with self._client.stream("GET", "/mcp", headers=self._headers({})) as answer:
                    if answer.is_success:
                        async for told in _messages(answer):
                            self._say(told)
            except httpx.HTTPError as error:
                sys.stderr.write(f"hearth mcp: nothing is heard of changes for a moment: {type(error).__name__}\n")
            await asyncio.sleep(AGAIN_S)

    def _cancel(self, params: object) -> None:
        """Leaving is how a request is taken back where there is no session."""
        request_id = params.get("requestId") if isinstance(params, dict) else None
        task = self._tasks.get(json.dumps(request_id))
        if task is not None:
            task.cancel()

    async def _carry(self, message: Message) -> None:
        try:
            if not await self._post(message) and await self._open_again():
                await self._post(message, last=True)
        except httpx.HTTPError:
            self._fail(message.get("id"), FAILED, "The API does not answer; `hearth status` shows how it stands.")

    async def _post(self, message: Message, *, last: bool = False) -> bool:
        """False: the session is gone, and nothing was said of it; not with ``last``."""
        async with self._client.stream("POST", "/mcp", content=json.dumps(message), headers=self._headers(message)) as answer:
            if answer.status_code == 404 and self._session is not None and not last:
                return False
            if answer.status_code >= 400:
                self._refused(message, answer.status_code, await answer.aread())
                return True
            if message.get("method") == "initialize":
                self._opening, self._session = message, answer.headers.get("mcp-session-id")
            async for told in _messages(answer):
                if message.get("method") == "initialize" and "result" in told:
                    self._version = told["result"].get("protocolVersion")
                self._say(told)
        return True

    async def _open_again(self) -> bool:
        """Another session in place of one that ended while nobody used it, without a word to the program."""
        if self._opening is None:
            return False
        answer = await self._client.post("/mcp", content=json.dumps(self._opening), headers=ACCEPT)
        self._session = answer.headers.get("mcp-session-id")
        return answer.is_success

    async def _leave(self) -> None:
        if self._session is not None:
            try:
                await self._client.delete("/mcp", headers={"Mcp-Session-Id": self._session})
            except httpx.HTTPError as error:
                sys.stderr.write(f"hearth mcp: the session ends by itself: {type(error).__name__}\n")

    def _headers(self, message: Message) -> dict[str, str]:
        version = _modern(message)
        if version is not None:
            told = {"Mcp-Protocol-Version": version, "Mcp-Method": str(message.get("method", ""))}
            name = next((message["params"][field] for field in _NAMES if isinstance(message["params"].get(field), str)), None)
            return {**ACCEPT, **told, **({"Mcp-Name": _header(name)} if name is not None else {})}
        if message.get("method") == "initialize":
            return ACCEPT
        session = {"Mcp-Session-Id": self._session} if self._session else {}
        return {**ACCEPT, **session, **({"Mcp-Protocol-Version": self._version} if self._version else {})}

    def _refused(self, message: Message, status: int, body: bytes) -> None:
        try:
            error = json.loads(body)["error"]
            told, code = str(error["message"]), error["code"] if isinstance(error["code"], int) else FAILED
        except (ValueError, KeyError, TypeError):
            told, code = f"The API answers with status {status}.", FAILED
        self._fail(message.get("id"), code, told)

    def _fail(self, request_id: object, code: int, told: str) -> None:
        self._say({"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": told}})

    def _say(self, message: Message) -> None:
        self._write(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode())


async def _messages(answer: httpx.Response) -> AsyncIterator[Message]:
    """Those of an answer: one as JSON, several as server-sent events, none where it was only taken."""
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        data: list[str] = []
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                data.append(line.removeprefix("data:").removeprefix(" "))
            elif not line and data:
                yield json.loads("\n".join(data))
                data = []
    elif body := await answer.aread():
        yield json.loads(body)


def _modern(message: Message) -> str | None:
    """The revision that a message names itself, as the newest do."""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    version = meta.get(VERSION_KEY) if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None


def _header(value: str) -> str:
    """As the protocol has it for what a header cannot hold."""
    if value.isascii() and value.isprintable() and value == value.strip() and not value.startswith("=?base64?"):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="
