"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

_AGAIN_S = 0.2


async def end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Returns when all have ended; what they raise is theirs.

    Cancels until it works: ``asyncio.wait_for`` of Python 3.11, with which psycopg waits, forgets a cancellation that comes in the moment
    of an answer.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        done, pending = await asyncio.wait(pending, timeout=_AGAIN_S)
        await asyncio.gather(*done, return_exceptions=True)
