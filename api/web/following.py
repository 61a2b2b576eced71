"""Following what happens: numbered events that stand in the database, so that a reader can leave and go on, at any replica."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import Field
from pydantic_core import to_json

from api.web.schema import FormBody
from cluster.errors import BadInput, NotFound

# Number of an event and its content. The number None: it happened, but is kept nowhere, and is not told again.
Told = tuple[int | None, dict[str, Any]]


class AfterQuery(FormBody):
    after: int = Field(0, ge=0, le=2**31 - 1, description="Only events behind the one with this number.")


@dataclass(frozen=True, slots=True)
class Glance:
    """What one look found. ``after``: the number to look behind next. ``more``: there is more already. ``over``: nothing will follow."""

    told: list[Told]
    after: int
    more: bool
    over: bool


class Watched(Protocol):
    """Something whose events are followed."""

    async def look(self, after: int) -> Glance:
        """Events behind the number ``after``. Raises NotFound where there is none such any more."""
        ...

    async def pause(self, seconds: float) -> list[Told]:
        """Returns after ``seconds``, or as soon as there may be something new; with what happened meanwhile and is kept nowhere."""
        ...


async def follow(watched: Watched, after: int, *, look_s: float, keepalive_s: float) -> AsyncGenerator[Told | None, None]:
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
            for told in await watched.pause(min(look_s, keepalive_s)):
                yield told
                spoken = now()


async def as_events(source: AsyncGenerator[Told | None, None]) -> AsyncGenerator[bytes, None]:
    """As server-sent events; silence as comments."""
    try:
        async for told in source:
            yield b": still here\n\n" if told is None else _event(*told)
    finally:
        await source.aclose()


def _event(number: int | None, content: dict[str, Any]) -> bytes:
    head = b"" if number is None else b"id: %d\n" % number
    return b"%sdata: %s\n\n" % (head, to_json(content))


class OneWay:
    """The talk of a WebSocket over which only we speak."""

    def __init__(self, source: AsyncGenerator[Told | None, None]) -> None:
        self._source = source

    def messages(self) -> AsyncGenerator[dict[str, Any] | None, None]:
        return as_messages(self._source)

    async def heard(self, message: dict[str, Any]) -> dict[str, Any] | None:
        raise BadInput(f"Nothing is taken here but 'ping' (found {str(message.get('type'))[:60]!r}).")


async def as_messages(source: AsyncGenerator[Told | None, None]) -> AsyncGenerator[dict[str, Any] | None, None]:
    """As messages of a WebSocket: the number of an event stands in it as ``id``."""
    try:
        async for told in source:
            if told is None:
                yield None
            else:
                number, content = told
                yield content if number is None else {"id": number, **content}
    finally:
        await source.aclose()
