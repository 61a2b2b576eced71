"""Waiting for work on a caller's behalf: it stops when the caller leaves or the deadline passes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request
from starlette.types import Receive

from api.web.exchange import exchange_of
from cluster.errors import Cancelled, DeadlineExceeded

T = TypeVar("T")


async def attend(request: Request, work: Awaitable[T]) -> T:
    """The result of ``work``, awaited until the request's deadline. The request's body must have been read.

    Raises Cancelled when the caller leaves first and DeadlineExceeded past the deadline; in both cases ``work`` has been cancelled and has
    ended when this raises, so that nothing goes on computing.
    """
    deadline = exchange_of(request.scope).deadline
    try:
        async with asyncio.timeout_at(deadline) as limit:
            return await while_connected(request.receive, work)
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlineExceeded(
            "The answer was not ready within the time a request may take (http.request_timeout_s); ask for less, or raise the setting."
        ) from None


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """The result of ``work``; Cancelled when ``receive`` reports that the caller left first."""
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Cancelled("The caller left before the answer was ready.")
    finally:
        leaving.cancel()
        if task.cancel():
            await asyncio.wait((task,))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
