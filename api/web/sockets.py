"""WebSockets: who may open one, how many, and that nobody who stopped reading is written to for ever.

Messages are JSON objects with a ``type``. We send what the talk gives, ``ping`` every ``http.socket_ping_s`` seconds, ``pong`` to whoever
sends ``ping``, and ``error`` in the one error shape. Before it is open, what is refused is answered as over HTTP; after that the
connection ends with the code 4000 + status.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from typing import Any, Protocol

import structlog
from fastapi import FastAPI
from pydantic_core import from_json, to_json
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from api.web.authenticate import Authenticator, need_scope, offered, socket_token
from api.web.errors import error_json, public, refuse
from api.web.principal import Principal
from cluster.ending import end
from cluster.errors import BadInput, NotFound, Overloaded, TooLarge, Unauthorized
from cluster.settings import HttpSettings

log = structlog.get_logger(__name__)

# What we are called among the subprotocols that a browser offers beside its token.
SUBPROTOCOL = "hearth"
DONE, PRIVATE_CODES = 1000, 4000
MessageOut = Mapping[str, Any]


class Talk(Protocol):
    """One side of an open WebSocket."""

    def messages(self) -> AsyncGenerator[MessageOut | None, None]:
        """What is said, to its end; None: nothing happened for a while. Closed when the other side is gone."""
        ...

    async def heard(self, message: dict[str, Any]) -> MessageOut | None:
        """What is answered to ``message``. Raises HearthError for what makes no sense: it is told, and the talk goes on."""
        ...


Begin = Callable[[Principal], Awaitable[Talk]]


class TooSlow(Exception):
    """Whoever is at the other end does not read."""


class Sockets:
    """All WebSockets of one process. Stands on ``app.state.sockets``."""

    def __init__(self, settings: HttpSettings, authenticator: Authenticator) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._by_user: Counter[uuid.UUID] = Counter()
        self.open = 0

    async def serve(self, socket: WebSocket, begin: Begin) -> None:
        """Everything from the handshake to the end. ``begin`` may raise NotFound and the like, for which the handshake is refused."""
        line = _Line(socket, self._settings)
        try:
            with self._one_more():
                token = socket_token(socket.headers) or await self._token_said(line)
                who = await self._principal(token, socket.url.path)
                with self._counted(who):
                    talk = await begin(who)
                    await line.accept()
                    await self._talk(line, talk, token)
                    await line.close()
        except (WebSocketDisconnect, TooSlow):
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the other side is told what it may know
            with suppress(WebSocketDisconnect, TooSlow):
                await line.fail(error)

    async def _talk(self, line: _Line, talk: Talk, token: str) -> None:
        tasks = [asyncio.ensure_future(work) for work in (self._say(line, talk), self._hear(line, talk), self._watch(line, token))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await end(tasks)

    async def _say(self, line: _Line, talk: Talk) -> None:
        async with aclosing(talk.messages()) as messages:
            async for message in messages:
                if message is not None:
                    await line.send(message)

    async def _hear(self, line: _Line, talk: Talk) -> None:
        while True:
            message = await line.receive()
            if message.get("type") == "ping":
                await line.send({"type": "pong"})
                continue
            try:
                answer = await talk.heard(message)
            except Exception as error:  # noqa: BLE001 - one message that makes no sense does not end the talk
                await line.tell(error)
            else:
                if answer is not None:
                    await line.send(answer)

    async def _watch(self, line: _Line, token: str) -> None:
        """Ends, with Unauthorized, when the token does not count any more."""
        while True:
            await asyncio.sleep(self._settings.socket_ping_s)
            await self._authenticator.principal(token)
            await line.send({"type": "ping"})

    async def _token_said(self, line: _Line) -> str:
        """Of whoever could send no header: it is their first message."""
        await line.accept()
        try:
            async with asyncio.timeout(self._settings.socket_hello_s):
                message = await line.receive()
        except TimeoutError:
            raise Unauthorized(f"Nobody said who they are within {self._settings.socket_hello_s:g} s; connect again.") from None
        token = message.get("token")
        if message.get("type") != "authenticate" or not isinstance(token, str) or not token:
            raise Unauthorized('Say who you are first: send {"type": "authenticate", "token": "<API key or access token>"}.')
        return token

    async def _principal(self, token: str, path: str) -> Principal:
        principal = await self._authenticator.principal(token)
        need_scope(principal, "GET", path)
        return principal

    @contextmanager
    def _one_more(self) -> Iterator[None]:
        most = self._settings.sockets
        if self.open >= most:
            raise Overloaded(f"{most} WebSockets are open, the most that are taken at once (setting http.sockets); retry in 5 s.")
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    @contextmanager
    def _counted(self, who: Principal) -> Iterator[None]:
        most = self._settings.sockets_per_user
        if self._by_user[who.user_id] >= most:
            raise Overloaded(f"You have {most} WebSockets open (setting http.sockets_per_user); close one, or retry in 5 s.")
        self._by_user[who.user_id] += 1
        try:
            yield
        finally:
            self._by_user[who.user_id] -= 1
            self._by_user += Counter()  # forgets whoever has none


class _Line:
    """One connection, written to by several tasks in turn."""

    def __init__(self, socket: WebSocket, settings: HttpSettings) -> None:
        self._socket = socket
        self._settings = settings
        self._turn = asyncio.Lock()

    async def accept(self) -> None:
        """Nothing happens where it is open already."""
        if self._socket.client_state is not WebSocketState.CONNECTING:
            return
        names = offered(self._socket.headers)
        # A browser hangs up when none of what it offers is chosen.
        await self._socket.accept(SUBPROTOCOL if SUBPROTOCOL in names else next(iter(names), None))

    async def send(self, message: MessageOut) -> None:
        """Raises TooSlow where it is not taken in time."""
        text = to_json(message).decode()
        try:
            async with asyncio.timeout(self._settings.socket_send_s), self._turn:
                await self._socket.send_text(text)
        except TimeoutError:
            log.warning("a WebSocket was cut off, because nobody reads it", path=self._socket.url.path)
            raise TooSlow from None
        except RuntimeError as error:  # what Starlette says of a connection that is closed
            raise WebSocketDisconnect from error

    async def receive(self) -> dict[str, Any]:
        """The next message. Raises WebSocketDisconnect, and BadInput or TooLarge, which end the talk."""
        told = await self._socket.receive()
        if told["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(told.get("code", 1005))
        raw = told.get("bytes") or (told.get("text") or "").encode()
        most = self._settings.socket_message_bytes
        if len(raw) > most:
            raise TooLarge(f"The message has {len(raw)} bytes, at most {most} are taken (setting http.socket_message_bytes).")
        try:
            message = from_json(raw, allow_inf_nan=False)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise BadInput("A message must be a JSON object; send one.")
        return message

    async def tell(self, error: Exception) -> None:
        await self.send({"type": "error", **from_json(error_json(public(error)))})

    async def fail(self, error: Exception) -> None:
        known = public(error)
        if self._socket.client_state is WebSocketState.CONNECTING:
            await refuse(known, self._socket.scope, self._socket.receive, self._socket.send)
            return
        await self.tell(known)
        await self.close(PRIVATE_CODES + known.status)

    async def close(self, code: int = DONE) -> None:
        with suppress(RuntimeError, TimeoutError):  # it is closed already, or cannot be
            async with asyncio.timeout(self._settings.socket_send_s):
                await self._socket.close(code)


def named(text: str, noun: str) -> uuid.UUID:
    """The id in the path of a WebSocket. Raises NotFound for what is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound(f"There is no such {noun}: {text[:60]!r} is not an id.") from None


def sockets_of(connection: HTTPConnection) -> Sockets:
    sockets = connection.app.state.sockets
    assert isinstance(sockets, Sockets)
    return sockets


def install_sockets(app: FastAPI, settings: HttpSettings, authenticator: Authenticator) -> Sockets:
    sockets = Sockets(settings, authenticator)
    app.state.sockets = sockets
    return sockets
