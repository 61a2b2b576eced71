"""Streamable HTTP to an MCP server, by the rules of everything that goes out: checked addresses, bounded reading, and the journal."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpcore2
import httpx2
import structlog
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client
from sqlalchemy.exc import SQLAlchemyError

from cluster.errors import Conflict, HearthError, RemoteFailed, TooLarge
from cluster.outgoing.client import WRITE_S, Outgoing
from cluster.outgoing.gate import GatedBackend
from cluster.outgoing.journal import Account, Asker
from cluster.outgoing.trust import trusted
from cluster.outgoing.urls import Target, shown, without
from cluster.settings import Settings
from cluster.tools.remote.servers import Reach

log = structlog.get_logger(__name__)

STREAM = "text/event-stream"
CONNECTIONS = 8
# What a client of a revision that every server of today takes begins with.
BEGINNING = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "hearth", "version": "1"}},
}


@asynccontextmanager
async def http_transport(
    reach: Reach, outgoing: Outgoing, settings: Settings, asker: Asker, auth: httpx2.Auth | None = None
) -> AsyncIterator[TransportStreams]:
    """Raises HearthError, in a group, when the server cannot be reached or does not answer as it should. ``auth``: how requests are signed
    in; what it asks by itself goes the same way, without the headers that are the server's."""
    assert reach.url is not None
    most = int(settings.tools.message_bytes)
    times = httpx2.Timeout(None, connect=settings.outgoing.connect_timeout_s, pool=settings.tools.timeout_s)
    gated = GatedTransport(outgoing, settings, asker, reach.secrets, most)
    async with (
        httpx2.AsyncClient(
            transport=gated, headers=dict(reach.headers), timeout=times, trust_env=False, follow_redirects=False, auth=auth
        ) as client,
        streamable_http_client(reach.url, http_client=client, max_sse_event_size=most) as streams,
    ):
        yield streams


async def sign_in(reach: Reach, auth: httpx2.Auth, outgoing: Outgoing, settings: Settings, asker: Asker) -> None:
    """Sends what a client begins with, so that the server says how it wants to be signed in at, and ``auth`` does that. Raises Conflict
    where the server wants nothing, and what signing in raises."""
    assert reach.url is not None
    wanted = False

    async def look(answer: httpx2.Response) -> None:
        nonlocal wanted
        wanted = wanted or answer.status_code == 401

    gated = GatedTransport(outgoing, settings, asker, reach.secrets, int(settings.tools.message_bytes))
    times = httpx2.Timeout(settings.outgoing.timeout_s, connect=settings.outgoing.connect_timeout_s)
    headers = {**reach.headers, "accept": f"application/json, {STREAM}"}
    hooks: dict[str, list[Any]] = {"response": [look]}
    async with httpx2.AsyncClient(transport=gated, headers=headers, timeout=times, trust_env=False, auth=auth, event_hooks=hooks) as client:
        answer = await client.post(reach.url, json=BEGINNING)
    if not wanted:
        raise Conflict(f"The MCP server '{reach.name}' asks nobody to sign in.")
    if answer.status_code >= 400:
        raise RemoteFailed(f"The MCP server '{reach.name}' answers {answer.status_code} after signing in.")


class GatedTransport(httpx2.AsyncBaseTransport):
    """``most_bytes``: of one answer that is no stream of events; of such, each event is bounded by whoever reads it."""

    def __init__(self, outgoing: Outgoing, settings: Settings, asker: Asker, secrets: tuple[str, ...], most_bytes: int) -> None:
        self._outgoing = outgoing
        self._asker = asker
        self._secrets = secrets
        self._most_bytes = most_bytes
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=trusted(settings.outgoing.ca_file),
            max_connections=CONNECTIONS,
            max_keepalive_connections=CONNECTIONS,
            network_backend=GatedBackend(outgoing.gate),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        target = Target.of(str(request.url))
        account, begun = Account(shown(target.url, self._secrets)), time.monotonic()
        content = await request.aread()
        request_id = await self._outgoing.journal.begin(self._asker, request.method, account.url, target.host, len(content))
        try:
            answer = await self._asked(request, target, content)
        except BaseException as error:
            account.error = error.code if isinstance(error, HearthError) else "interrupted"
            account.message = without(str(error), self._secrets)
            await self._close(request_id, account, begun)
            raise
        account.status = answer.status
        headers = httpx2.Headers(answer.headers)
        account.media_type = headers.get("content-type", "").partition(";")[0].strip()[:200] or None
        address = answer.extensions["network_stream"].get_extra_info("server_addr")
        account.address = str(address[0]) if address else None
        most = None if account.media_type == STREAM else self._most_bytes
        stream = _Bounded(answer, most, self, request_id, account, begun)
        return httpx2.Response(answer.status, headers=headers, stream=stream, extensions=answer.extensions)

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _asked(self, request: httpx2.Request, target: Target, content: bytes) -> httpcore2.Response:
        url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.target.encode("ascii"))
        # Unpacking could make anything of a few bytes.
        kept = [(name, value) for name, value in request.headers.raw if name.lower() != b"accept-encoding"]
        headers = [*kept, (b"accept-encoding", b"identity")]
        asked = httpcore2.Request(request.method, url, headers=headers, content=content, extensions=request.extensions)
        try:
            answer = await self._pool.handle_async_request(asked)
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as error:
            raise RemoteFailed(f"'{target.host}' does not answer as it should: {type(error).__name__}.") from None
        coding = httpx2.Headers(answer.headers).get("content-encoding", "identity").strip().lower()
        if coding not in {"", "identity"}:
            await answer.aclose()
            raise RemoteFailed(f"The answer is packed as '{coding[:40]}', which was not asked for.")
        return answer

    async def _close(self, request_id: uuid.UUID, account: Account, begun: float) -> None:
        account.ms = round((time.monotonic() - begun) * 1000)
        with anyio.CancelScope(shield=True), anyio.move_on_after(WRITE_S):
            try:
                await self._outgoing.journal.end(request_id, account)
            except (SQLAlchemyError, OSError) as error:
                log.warning("how a request ended could not be written down", request=str(request_id), error=type(error).__name__)


class _Bounded(httpx2.AsyncByteStream):
    """The content of an answer; when it is closed, the journal is told of it."""

    def __init__(
        self, answer: httpcore2.Response, most: int | None, transport: GatedTransport, request_id: uuid.UUID, account: Account, begun: float
    ) -> None:
        self._answer = answer
        self._most = most
        self._transport = transport
        self._request_id = request_id
        self._account = account
        self._begun = begun
        self._read = 0
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._answer.aiter_stream():
                self._read += len(piece)
                if self._most is not None and self._read > self._most:
                    raise TooLarge(f"The server's message is larger than {self._most} bytes (setting tools.message_bytes).")
                yield piece
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
            self._account.error = "remote_failed"
            raise httpx2.ReadError(f"The answer broke off: {type(error).__name__}.") from None
        except HearthError as error:
            self._account.error, self._account.message = error.code, error.message
            raise

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._account.bytes = self._read
        with anyio.CancelScope(shield=True):
            await self._answer.aclose()
        await self._transport._close(self._request_id, self._account, self._begun)
