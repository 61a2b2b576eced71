"""Following what happens: numbered events that stand in the database, so that a reader can leave and go on, at any replica."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cluster.errors import NotFound

ToldT = TypeVar("ToldT")


@dataclass(frozen=True, slots=True)
class Glance(Generic[ToldT]):
    """What one look found. ``after``: the number to look behind next. ``more``: there is more already. ``over``: nothing will follow."""

    told: list[ToldT]
    after: int
    more: bool
    over: bool


class Watched(Protocol[ToldT]):
    """Something whose events are followed."""

    async def look(self, after: int) -> Glance[ToldT]:
        """Events behind the number ``after``, and what happened meanwhile and is kept nowhere. Raises NotFound where there is none such
        any more."""
        ...

    async def pause(self, seconds: float) -> None:
        """Returns after ``seconds``, or as soon as there may be something new."""
        ...


async def follow(watched: Watched[ToldT], after: int, *, look_s: float, keepalive_s: float) -> AsyncGenerator[ToldT | None, None]:
    """Events behind the number ``after``, until they are over or what they are about is gone; None after each ``keepalive_s`` of
    silence. Looks every ``look_s`` seconds; a waiting reader holds no connection to the database."""
    now = asyncio.get_running_loop().time
    spoken = now()
    while True:
        try:
            glance = await watched.look(after)
        except NotFound:
            return
        for told in glance.told:
            yield told
            spoken = now()
        after = glance.after
        if glance.over and not glance.more:
            return
        if now() - spoken >= keepalive_s:
            yield None
            spoken = now()
        if not glance.more:
            await watched.pause(min(look_s, max(0.0, keepalive_s - (now() - spoken))))
