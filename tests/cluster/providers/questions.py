"""Questions that tests ask, and answers collected from streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from cluster.contracts.generation import Generation, GenerationRequest, Message
from cluster.providers.dialect import folded
from cluster.providers.gateway import ProviderGateway

WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather.", "parameters": {"type": "object", "properties": {"city": {}}}},
}


def ask(model: str, text: str = "good morning Riga", **others: Any) -> GenerationRequest:
    return GenerationRequest(model, (Message("user", text),), **others)


async def streamed(gateway: ProviderGateway, request: GenerationRequest) -> Generation:
    return folded([delta async for batch in gateway.stream(request) for delta in batch])


def talk(model: str, *messages: Message, **others: Any) -> GenerationRequest:
    return GenerationRequest(model, messages, **others)


def served_by(answer: Generation) -> str:
    assert answer.provenance is not None
    return answer.provenance.served_by


async def turns(seconds: float = 5.0) -> AsyncIterator[None]:
    """Turns to look whether something has come about. Raises TimeoutError at the deadline."""
    async with asyncio.timeout(seconds):
        while True:
            yield
            await asyncio.sleep(0.01)


async def until(condition: Callable[[], bool]) -> None:
    async for _ in turns():
        if condition():
            return
