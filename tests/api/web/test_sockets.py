"""WebSockets over a real connection: who gets in, what is said, and how they end."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketState
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.web.authenticate import AuthenticateMiddleware
from api.web.errors import CrashMiddleware
from api.web.exchange import ExchangeMiddleware
from api.web.headers import HeaderLimitMiddleware
from api.web.limits import ConnectionLimitMiddleware
from api.web.metrics import Metrics
from api.web.observe import ObserveMiddleware
from api.web.principal import Principal, Role
from api.web.security import SecurityMiddleware
from api.web.sockets import Sockets, install_sockets
from cluster.errors import NotFound, Unauthorized, Unprocessable
from cluster.settings import HttpSettings
from tests.patience import PATIENCE_S

QUICK = HttpSettings(socket_hello_s=0.3, socket_send_s=0.5, socket_ping_s=0.1)
WHO = {"Authorization": "Bearer good"}


class Keys:
    """Knows the keys in ``known``."""

    def __init__(self) -> None:
        self.known: dict[str, Principal] = {
            "good": Principal(UUID(int=1), UUID(int=2), Role.VIEWER),
            "writes-only": Principal(UUID(int=3), UUID(int=2), Role.ADMIN, uuid4(), frozenset({"write"})),
        }

    async def principal(self, token: str) -> Principal:
        if token not in self.known:
            raise Unauthorized("Nobody's.")
        return self.known[token]


class Talk:
    """Says ``said`` and then waits for ever, where ``ends`` is false; answers with what it heard."""

    def __init__(self, said: list[dict[str, Any]], *, ends: bool) -> None:
        self._said, self._ends = said, ends
        self.closed = False

    async def messages(self) -> AsyncGenerator[dict[str, Any] | None, None]:
        try:
            for message in self._said:
                yield message
            if not self._ends:
                await asyncio.Event().wait()
        finally:
            self.closed = True

    async def heard(self, message: dict[str, Any]) -> dict[str, Any] | None:
        if message.get("type") == "nonsense":
            raise Unprocessable("That makes no sense.")
        return {"type": "echo", "of": message}


class House:
    def __init__(self, base: str, app: FastAPI, keys: Keys) -> None:
        self.base, self.app, self.keys = base, app, keys
        self.talks: list[Talk] = []

    @property
    def sockets(self) -> Sockets:
        found: Sockets = self.app.state.sockets
        return found


@asynccontextmanager
async def house(settings: HttpSettings = QUICK):
    app, keys = FastAPI(), Keys()
    made = House("", app, keys)

    @app.websocket("/talk/{kind}")
    async def talk(line: WebSocket, kind: str) -> None:
        async def begin(_: Principal) -> Talk:
            if kind == "nothing":
                raise NotFound("There is no such talk.")
            said = [{"type": "much", "text": "x" * 2**20}] * 64 if kind == "flood" else [{"type": "one"}, {"type": "two"}]
            made.talks.append(Talk(said, ends=kind == "short"))
            return made.talks[-1]

        await app.state.sockets.serve(line, begin)
        assert kind != "short" or line.application_state is WebSocketState.DISCONNECTED

    install_sockets(app, settings, keys)
    app.add_middleware(AuthenticateMiddleware, authenticator=keys, public=())
    app.add_middleware(ConnectionLimitMiddleware, most=settings.max_connections)
    app.add_middleware(CrashMiddleware)
    app.add_middleware(SecurityMiddleware, hosts=["127.0.0.1"], origins=["https://friend.example"])
    app.add_middleware(ObserveMiddleware, metrics=Metrics(None))
    app.add_middleware(HeaderLimitMiddleware, most=50, max_bytes=8192)
    app.add_middleware(ExchangeMiddleware, timeout_s=60)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    made.base = f"ws://127.0.0.1:{listener.getsockname()[1]}"
    yield made
    server.should_exit = True
    await running
    listener.close()


async def refusal(url: str, **told: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **told):
            pass
    body: dict[str, Any] = json.loads(caught.value.response.body)["error"]
    assert caught.value.response.headers["x-request-id"]
    return caught.value.response.status_code, body


async def heard(line: Any) -> dict[str, Any]:
    """The next message that is no ping."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message: dict[str, Any] = json.loads(await line.recv())
            if message["type"] != "ping":
                return message


async def ended(line: Any) -> int | None:
    """The code that the other side ended with."""
    try:
        while True:
            await heard(line)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


async def test_a_talk_is_told_to_its_end():
    async with house() as here, connect(f"{here.base}/talk/short", additional_headers=WHO) as line:
        assert [(await heard(line))["type"] for _ in range(2)] == ["one", "two"]
        assert await ended(line) == 1000
        assert here.talks[0].closed


async def test_a_browser_shows_its_token_as_a_subprotocol():
    async with house() as here:
        async with connect(f"{here.base}/talk/short", subprotocols=["hearth", "bearer.good"]) as line:  # type: ignore[list-item]
            assert line.subprotocol == "hearth"
            assert (await heard(line))["type"] == "one"
        async with connect(f"{here.base}/talk/short", subprotocols=["bearer.good"]) as line:  # type: ignore[list-item]
            assert (await heard(line))["type"] == "one"


async def test_a_token_may_be_the_first_message():
    async with house() as here:
        async with connect(f"{here.base}/talk/short") as line:
            await line.send(json.dumps({"type": "authenticate", "token": "good"}))
            assert (await heard(line))["type"] == "one"
        for first in ({"type": "authenticate", "token": "bad"}, {"type": "authenticate"}, {"type": "hello"}):
            async with connect(f"{here.base}/talk/short") as line:
                await line.send(json.dumps(first))
                assert (await heard(line))["error"]["code"] == "unauthorized"
                assert await ended(line) == 4401
        async with connect(f"{here.base}/talk/short") as line:
            assert "within 0.3 s" in (await heard(line))["error"]["message"]
            assert await ended(line) == 4401
        assert len(here.talks) == 1


async def test_who_may_not_come_in_is_told_so_as_over_http():
    async with house() as here:
        url = f"{here.base}/talk/short"
        status, error = await refusal(url, additional_headers={"Authorization": "Bearer bad"})
        assert (status, error["code"]) == (401, "unauthorized")
        assert (await refusal(url, subprotocols=["bearer.bad"]))[0] == 401
        assert (await refusal(url, subprotocols=["bearer.good"], additional_headers=WHO))[0] == 401, "twice"
        assert (await refusal(url, subprotocols=["bearer."]))[0] == 401
        assert (await refusal(url, additional_headers={"Authorization": "Bearer writes-only"}))[0] == 403
        assert (await refusal(f"{here.base}/talk/nothing", additional_headers=WHO))[0] == 404
        assert (await refusal(url, additional_headers={**WHO, **{f"X-{n}": "1" for n in range(60)}}))[0] == 431
        assert not here.talks


async def test_a_page_of_another_origin_is_turned_away():
    async with house() as here:
        url = f"{here.base}/talk/short"
        status, error = await refusal(url, origin="https://enemy.example", additional_headers=WHO)
        assert (status, error["code"]) == (403, "forbidden")
        assert "cors_origins" in error["message"]
        for origin in ("https://friend.example", here.base.replace("ws://", "http://")):
            async with connect(url, origin=origin, additional_headers=WHO) as line:  # type: ignore[arg-type]
                assert (await heard(line))["type"] == "one"
        assert (await refusal(url.replace("127.0.0.1", "localhost"), additional_headers=WHO))[0] == 400, "another host"


async def test_what_is_said_is_answered_and_nonsense_does_not_end_the_talk():
    async with house() as here, connect(f"{here.base}/talk/long", additional_headers=WHO) as line:
        assert [(await heard(line))["type"] for _ in range(2)] == ["one", "two"]
        await line.send('{"type": "ping"}')
        assert await heard(line) == {"type": "pong"}
        await line.send('{"type": "nonsense"}')
        assert (await heard(line))["error"]["code"] == "unprocessable"
        await line.send('{"type": "x"}')
        assert await heard(line) == {"type": "echo", "of": {"type": "x"}}


@pytest.mark.parametrize(("raw", "code"), [("no json", 4400), ("[1]", 4400), (b"\xff\xfe", 4400), ("NaN", 4400), ("x" * 70_000, 4413)])
async def test_what_is_no_message_ends_the_talk(raw, code):
    async with house() as here, connect(f"{here.base}/talk/long", additional_headers=WHO) as line:
        await line.send(raw)
        assert await ended(line) == code
        assert here.talks[0].closed


async def test_signs_of_life_are_sent_and_a_token_that_is_revoked_ends_the_talk():
    async with house() as here, connect(f"{here.base}/talk/long", additional_headers=WHO) as line:
        async with asyncio.timeout(PATIENCE_S):
            while json.loads(await line.recv())["type"] != "ping":
                pass
        del here.keys.known["good"]
        assert await ended(line) == 4401


async def test_only_so_many_are_open_at_once(eventually):
    async with house(QUICK.model_copy(update={"sockets": 3, "sockets_per_user": 2})) as here:
        url = f"{here.base}/talk/long"
        async with connect(url, additional_headers=WHO) as one, connect(url, additional_headers=WHO):
            assert (await refusal(url, additional_headers=WHO))[0] == 429
            async with connect(url) as waiting:
                await eventually(lambda: here.sockets.open == 3)
                status, error = await refusal(url, additional_headers=WHO)
                assert (status, "http.sockets)" in error["message"]) == (429, True)
                await waiting.close()
            await one.close()
            await eventually(lambda: here.sockets.open == 1)
            async with connect(url, additional_headers=WHO) as line:
                assert (await heard(line))["type"] == "one"
        await eventually(lambda: here.sockets.open == 0)


async def test_whoever_never_reads_is_cut_off(eventually):
    async with house() as here:
        host, port = here.base.removeprefix("ws://").split(":")
        silent = socket.create_connection((host, int(port)))
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
        shown = f"Authorization: Bearer good\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}"
        silent.sendall(f"GET /talk/flood HTTP/1.1\r\n{shown}\r\n\r\n".encode())
        await eventually(lambda: here.talks and here.talks[0].closed)
        await eventually(lambda: here.sockets.open == 0)
        silent.close()
