"""How events that are followed (cluster/following.py) are sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from pydantic import Field
from pydantic_core import to_json

from api.web.schema import FormBody
from cluster.errors import BadInput

# Number of an event and its content. The number None: it happened, but is kept nowhere, and is not told again.
Told = tuple[int | None, dict[str, Any]]


class AfterQuery(FormBody):
    after: int = Field(0, ge=0, le=2**31 - 1, description="Only events behind the one with this number.")


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
