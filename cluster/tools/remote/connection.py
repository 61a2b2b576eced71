"""One open connection to an MCP server. It lives in a task of its own, because what it is made of must be left where it was entered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import structlog
from mcp import Client
from mcp.client._transport import TransportStreams
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    HEADER_MISMATCH,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    Implementation,
    InputRequiredResult,
    InputResponse,
    PaginatedRequestParams,
    Tool,
    ToolListChangedNotification,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter, ValidationError

from cluster.contracts.generation import JsonObject
from cluster.errors import HearthError, RemoteFailed
from cluster.outgoing.urls import without
from cluster.settings import ToolSettings
from cluster.tools.remote.answering import ROUNDS, Answering

log = structlog.get_logger(__name__)
T = TypeVar("T")

US = Implementation(name="hearth", version="1")
END_S = 10.0
PAGES = 1000
# Until a call is made again whose server asks for nothing but that.
LATER_S = 0.25
MESSAGE_CHARS = 500
# What the SDK says when it is the connection, and not one answer, that has ended.
ALL_CLOSED = "Connection closed"
GIVEN: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(CallToolResult | InputRequiredResult)


class Connection:
    """``transport`` makes one way to the server. ``changed`` is called when the server says that its tools are others now. ``secrets``:
    what no message tells, as it is then. ``answering``: what it is told that asks something beside a call."""

    def __init__(
        self,
        name: str,
        transport: Callable[[], AbstractAsyncContextManager[TransportStreams]],
        settings: ToolSettings,
        changed: Callable[[], None],
        secrets: Callable[[], tuple[str, ...]] = tuple,
        answering: Answering | None = None,
    ) -> None:
        self._name = name
        self._transport = transport
        self._settings = settings
        self._changed = changed
        self.secrets = secrets
        self._answering = answering or Answering(name, trusted=False)
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._over = asyncio.Event()
        self._why: HearthError | None = None
        self._busy = 0
        self._used = time.monotonic()

    @property
    def alive(self) -> bool:
        return self._ready.is_set() and not self._over.is_set() and not self._stop.is_set()

    async def open(self) -> None:
        """Raises RemoteFailed, and what reaching the server raises, within ``tools.connect_s``."""
        try:
            async with asyncio.timeout(self._settings.connect_s):
                try:
                    await self._begin("auto")
                except RemoteFailed:
                    # The newest revision of the protocol begins with a question that some older servers do not survive.
                    await self.close()
                    self._renew()
                    await self._begin("legacy")
        except TimeoutError:
            await self.close()
            raise self._failed(f"did not answer within {self._settings.connect_s:g} s (setting tools.connect_s)") from None
        except BaseException:
            await self.close()
            raise

    async def list(self) -> list[Tool]:
        """All tools that it shows, at most one more than ``tools.listed``."""
        found: list[Tool] = []
        cursor: str | None = None
        for _ in range(PAGES):
            page = await self._asked(self._page, cursor)
            found += page.tools
            if page.next_cursor is None or page.next_cursor == cursor or len(found) > self._settings.listed:
                return found[: self._settings.listed + 1]
            cursor = page.next_cursor
        raise self._failed(f"lists its tools on more than {PAGES} pages")

    async def call(self, tool: str, arguments: JsonObject, answering: Answering | None = None) -> CallToolResult:
        """Raises RemoteFailed, and what ``answering`` raises; waits as long as the server takes. When the caller gives up, the server is
        told to stop. ``answering``: what the server is told that asks something in this call, as the newest revision has it; with older
        ones nobody knows which call a question belongs to."""
        answering = answering or self._answering
        try:
            return await self._asked(self._called, tool, arguments, answering)
        except _Mismatch:
            await self.list()
            return await self._asked(self._called, tool, arguments, answering)

    async def close(self) -> None:
        self._stop.set()
        if self._task is None:
            return
        done, _ = await asyncio.wait((self._task,), timeout=END_S if self._ready.is_set() else 0.0)
        if not done:
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=END_S)

    async def _begin(self, mode: str) -> None:
        self._task = asyncio.create_task(self._live(mode), name=f"mcp {self._name}")
        waits = [asyncio.ensure_future(self._ready.wait()), asyncio.ensure_future(self._over.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        if self._over.is_set():
            raise self._why or self._failed("closed the connection")

    def _renew(self) -> None:
        for event in (self._stop, self._over, self._ready):
            event.clear()
        self._why = None

    async def _live(self, mode: str) -> None:
        try:
            async with Client(
                self._transport(),
                mode=mode,
                client_info=US,
                message_handler=self._heard,
                elicitation_callback=self._elicited,
                cache=None,
                read_timeout_seconds=None,
            ) as client:
                self._client = client
                self._used = time.monotonic()
                self._ready.set()
                await self._stay(client)
        except Exception as error:  # noqa: BLE001 - whoever waits for an answer is told
            self._why = self._reason(error)
            log.info("a connection to an MCP server ended", server=self._name, why=self._why.message)
        finally:
            self._client = None
            self._over.set()

    async def _stay(self, client: Client) -> None:
        """Until it is told to stop, or nobody called for ``tools.idle_s``."""
        listening = asyncio.create_task(self._listen(client)) if client.protocol_version in MODERN_PROTOCOL_VERSIONS else None
        try:
            while not self._stop.is_set():
                left = self._settings.idle_s - (time.monotonic() - self._used)
                if left <= 0 and not self._busy:
                    return
                try:
                    async with asyncio.timeout(max(left, 0.05)):
                        await self._stop.wait()
                except TimeoutError:
                    continue
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.wait((listening,))

    async def _listen(self, client: Client) -> None:
        """For servers of the newest revision; older ones send what they have to say by themselves."""
        tools = client.server_capabilities.tools
        if tools is None or not tools.list_changed:
            return
        try:
            async with client.listen(tools_list_changed=True) as told:
                async for _ in told:
                    self._changed()
        except (MCPError, SubscriptionLost, TimeoutError) as error:
            log.info("an MCP server does not say any more when its tools change", server=self._name, error=type(error).__name__)

    async def _heard(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._changed()

    async def _page(self, client: Client, cursor: str | None) -> Any:
        return await client.session.list_tools(params=PaginatedRequestParams(cursor=cursor))

    async def _called(self, client: Client, tool: str, arguments: JsonObject, answering: Answering) -> CallToolResult:
        # Not the client's own method: that checks results by the server's patterns, which may take for ever.
        answers: dict[str, InputResponse] | None = None
        note: str | None = None
        for _ in range(ROUNDS):
            params = CallToolRequestParams(name=tool, arguments=dict(arguments), input_responses=answers, request_state=note)
            given = await client.session.send_request(CallToolRequest(params=params), GIVEN)
            if not isinstance(given, InputRequiredResult):
                return given
            if not given.input_requests:
                await asyncio.sleep(LATER_S)
            answers, note = await answering.answers(given.input_requests or {}), given.request_state
        raise self._failed(f"asks for more in more than {ROUNDS} rounds")

    async def _elicited(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        """Of a revision in which servers ask by themselves."""
        return self._answering.default(self._answering.question(params))

    async def _asked(self, work: Callable[..., Awaitable[T]], *given: Any) -> T:
        """What ``work`` gives, unless the connection ends before."""
        client = self._client
        if client is None or not self.alive:
            raise self._why or _Gone(f"The connection to the MCP server '{self._name}' is closed; call again.")
        self._busy += 1
        task, over = asyncio.ensure_future(work(client, *given)), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((task, over), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise self._why or self._failed("closed the connection before it answered")
        except MCPError as error:
            raise await self._told(error) from None
        except ValidationError:
            raise self._failed("gave an answer that is not of the protocol, or asks for what nobody can give here") from None
        finally:
            self._busy -= 1
            self._used = time.monotonic()
            over.cancel()
            if task.cancel():
                await asyncio.wait((task,))

    async def _told(self, error: MCPError) -> HearthError:
        if error.code == HEADER_MISMATCH:
            return _Mismatch("The tool's schema has changed.")
        if error.code == CONNECTION_CLOSED and error.message != ALL_CLOSED:
            return self._failed(f"broke off: {error.message[:MESSAGE_CHARS]}")
        if error.code == CONNECTION_CLOSED:
            # Why it closed, where that is known in a moment.
            try:
                async with asyncio.timeout(END_S):
                    await self._over.wait()
            except TimeoutError:
                self._stop.set()
            return self._why or self._failed("closed the connection before it answered")
        return self._failed(f"says: {error.message[:MESSAGE_CHARS]}")

    def _reason(self, error: BaseException) -> HearthError:
        """The first error of ours in a group of them; else what a person can make something of."""
        found = _first(error)
        if isinstance(found, HearthError):
            return type(found)(without(found.message, self.secrets())).about(found.param)
        if isinstance(found, MCPError):
            return self._failed(f"says: {found.message[:MESSAGE_CHARS]}")
        if isinstance(found, OSError):
            return self._failed(f"cannot be started or reached ({found.strerror or type(found).__name__})")
        return self._failed(f"does not keep to the protocol ({type(found).__name__})")

    def _failed(self, what: str) -> RemoteFailed:
        return RemoteFailed(without(f"The MCP server '{self._name}' {what}.", self.secrets()))


class _Mismatch(RemoteFailed):
    """The server wants its list of tools to be read again."""


class _Gone(RemoteFailed):
    """Nothing was sent."""


def is_unsent(error: HearthError) -> bool:
    """Whether the call surely did not reach the server."""
    return isinstance(error, _Gone)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        ours = error.subgroup(HearthError)
        error = (ours or error).exceptions[0]
    return error
