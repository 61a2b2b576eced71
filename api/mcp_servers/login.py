"""People who sign in at MCP servers: from the URL that their browser is sent to, to what it comes back with.

The process that began waits for the answer, whichever process the browser comes back to; should it end before, the person begins anew."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import structlog
from fastapi import Depends, FastAPI, Request
from mcp.shared.auth import AuthorizationCodeResult

from api.web.bells import Bells
from api.web.deps import Parts
from cluster.ending import end
from cluster.errors import HearthError, Overloaded, RemoteFailed
from cluster.settings import ToolSettings
from cluster.tools.remote.client import McpTools
from cluster.tools.tables import McpServer

log = structlog.get_logger(__name__)

# An answer may come a moment before it is waited for, and the page that shows what came of it a moment after.
KEPT_S = 120.0
DONE = "done"


class LoginDesk:
    """Belongs to one event loop."""

    def __init__(self, bells: Bells, settings: ToolSettings) -> None:
        self._bells = bells
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, servers: McpTools, server: McpServer, user_id: uuid.UUID, back: str) -> str:
        """The URL that a browser is to be sent to; it comes ``back``. Raises what reaching the server raises, and Overloaded."""
        if len(self._tasks) >= self._settings.logins:
            raise Overloaded(f"{self._settings.logins} people sign in at MCP servers now (setting tools.logins); try again in a minute.")
        person = _Person(back, self._bells, self._settings.login_s)
        task = asyncio.create_task(self._carried(servers, server, person, user_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait((task, person.url), return_when=asyncio.FIRST_COMPLETED)
        if not person.url.done():
            await task
            raise RemoteFailed(f"The MCP server '{server.name}' asked nobody to sign in.")
        return person.url.result()

    async def answer(self, state: str, answer: AuthorizationCodeResult) -> str | None:
        """What came of it, for the person: None: they are signed in. Raises RemoteFailed where nobody waits for such an answer."""
        if not await self._bells.is_expected(_bell(state)):
            raise RemoteFailed("Nobody waits for this any more; begin anew.")
        await self._bells.ring(_bell(state), answer.model_dump_json(), KEPT_S)
        try:
            async with asyncio.timeout(KEPT_S / 4):
                told = await self._bells.heard(_bell(state) + ":done")
        except TimeoutError:
            raise RemoteFailed("Nobody waits for this any more, or the server does not answer; begin anew.") from None
        return None if told == DONE else told

    async def stop(self) -> None:
        await end(self._tasks)

    async def _carried(self, servers: McpTools, server: McpServer, person: _Person, user_id: uuid.UUID) -> None:
        told = "It failed on our side; the log says why."
        try:
            async with asyncio.timeout(self._settings.login_s):
                await servers.sign_in(server, person, user_id)
            told = DONE
        except TimeoutError:
            told = "It took too long (setting tools.login_s); begin anew."
        except HearthError as error:
            told = error.message
            if not person.url.done():
                raise
        finally:
            log.info("somebody was to sign in at an MCP server", server=server.name, outcome=told)
            if person.state is not None:
                await self._bells.ring(_bell(person.state) + ":done", told, KEPT_S)


class _Person:
    """Implements cluster.tools.remote.oauth.Person."""

    def __init__(self, redirect: str, bells: Bells, wait_s: float) -> None:
        self.redirect = redirect
        self._wait_s = wait_s
        self.url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.state: str | None = None
        self._bells = bells

    async def open(self, url: str) -> None:
        self.state = parse_qs(urlsplit(url).query)["state"][0]
        await self._bells.expect(_bell(self.state), self._wait_s)
        with suppress(asyncio.InvalidStateError):  # whoever asked has left
            self.url.set_result(url)

    async def answered(self) -> AuthorizationCodeResult:
        assert self.state is not None
        return AuthorizationCodeResult.model_validate_json(await self._bells.heard(_bell(self.state)))


def _bell(state: str) -> str:
    return f"mcp:login:{state[:200]}"


def install_logins(app: FastAPI, bells: Bells) -> LoginDesk:
    """Also on ``app.state.logins``; needs ``app.state.parts``. Whoever runs the app calls ``stop``, before the outgoing client's."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    desk = LoginDesk(bells, parts.settings.tools)
    app.state.logins = desk
    return desk


async def logins_of(request: Request) -> LoginDesk:
    desk = request.app.state.logins
    assert isinstance(desk, LoginDesk)
    return desk


WithLogins = Annotated[LoginDesk, Depends(logins_of)]
