"""Waiting for a tool on behalf of an MCP client, who is told that it goes on, and may take the call back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio
from mcp.shared.exceptions import MCPError
from pydantic_core import to_json

from api.mcp.asking import Context, exchange_in, session_in
from api.mcp.client import CallingClient
from api.mcp.failing import CANCELLED
from api.web.bells import Bells
from cluster.ending import end
from cluster.errors import DeadlineExceeded

T = TypeVar("T")
# A cancellation may overtake the request that it is about.
KEPT_S = 60.0


def bell_of(session_id: str, request_id: object) -> str:
    """The name under which the cancellation of a request is heard."""
    return f"mcp:cancel:{session_id}:{to_json(request_id).decode()[:200]}"


async def attended(context: Context, client: CallingClient, work: Coroutine[Any, Any, T], bells: Bells, what: str, every_s: float) -> T:
    """The result of ``work``. Progress (seconds so far) is reported every ``every_s`` seconds, where the client asked for it; ``work`` that
    reports its own to ``client`` counts otherwise, and is left to it.

    Raises MCPError when the client takes the request back and DeadlineExceeded past the request's deadline; ``work`` has ended then.
    """
    session = session_in(context)
    task = asyncio.create_task(work)
    bell = asyncio.create_task(bells.heard(bell_of(session.id, context.request_id)) if session else asyncio.Event().wait())
    try:
        async with asyncio.timeout_at(exchange_in(context).deadline) as limit:
            return await _ended(client, task, bell, what, every_s)
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlineExceeded(
            f"{what} took longer than a request may (setting http.request_timeout_s); ask for less, or raise the setting."
        ) from None
    finally:
        # The scope around may be cancelled, and the work is to have ended when this returns.
        with anyio.CancelScope(shield=True):
            await end((task, bell))


async def _ended(client: CallingClient, task: asyncio.Task[T], bell: asyncio.Task[Any], what: str, every_s: float) -> T:
    began = asyncio.get_running_loop().time()
    waited: set[asyncio.Task[Any]] = {task, bell}
    while not task.done():
        seconds = round(asyncio.get_running_loop().time() - began, 1)
        await client.tick(seconds, f"{what}: {seconds:g} s" if seconds else f"{what} begins")
        done, _ = await asyncio.wait(waited, timeout=every_s, return_when=asyncio.FIRST_COMPLETED)
        if bell in done and not task.done():
            if bell.exception() is None:
                raise MCPError(CANCELLED, "Request cancelled")
            waited.discard(bell)  # Redis is away: the call goes on, and can be taken back by leaving only
    return task.result()
