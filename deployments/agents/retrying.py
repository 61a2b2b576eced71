"""How often a node is tried, and which failures are worth another attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import tenacity

from cluster.contracts.generation import Json
from cluster.errors import DeadlineExceeded, EngineError, HearthError, Overloaded, QuotaSpent, RemoteFailed, Unavailable
from cluster.specs.nodes import (
    AudioNode,
    EmbedNode,
    GraphNode,
    HumanNode,
    LlmNode,
    MapNode,
    Node,
    RetrieveNode,
    Retry,
    RouterNode,
    VisionNode,
    WaitNode,
)

ONCE = Retry(attempts=1)
# What waits for others has no time of its own: what it waits for has.
UNTIMED = (GraphNode, MapNode, HumanNode, WaitNode)
ASKS_MODELS = (LlmNode, VisionNode, AudioNode, EmbedNode, RetrieveNode, RouterNode)


class BadAnswer(EngineError):
    """A model did not answer in the form that it was asked for; it may the next time."""

    code = "bad_answer"


def is_worth_another(error: BaseException) -> bool:
    """Whether the same may go well in a while. A quota that is spent is not waited for."""
    if isinstance(error, QuotaSpent):
        return False
    return isinstance(error, (Unavailable, Overloaded, DeadlineExceeded, EngineError, RemoteFailed))


def retry_of(node: Node) -> Retry:
    if node.retry is not None:
        return node.retry
    return Retry() if isinstance(node, ASKS_MODELS) else ONCE


async def attempted(node: Node, timeout_s: float, do: Callable[[], Awaitable[Json]]) -> Json:
    """What ``do`` gives, at one attempt or another. ``timeout_s``: what an attempt has, where the node says nothing."""
    return await _retrying(retry_of(node), lambda: _timed(node, timeout_s, do))


async def patiently(do: Callable[[], Awaitable[Json]]) -> Json:
    """What ``do`` gives, with the attempts that a node has by default."""
    return await _retrying(Retry(), do)


async def _retrying(retry: Retry, do: Callable[[], Awaitable[Json]]) -> Json:
    if retry.attempts == 1:
        return await do()
    again = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(is_worth_another),
        stop=tenacity.stop_after_attempt(retry.attempts),
        wait=_waits(retry),
        reraise=True,
    )

    async def once() -> Json:  # tenacity tells by the function, not by what it returns, whether it is to be awaited
        return await do()

    return await again(once)


async def _timed(node: Node, timeout_s: float, do: Callable[[], Awaitable[Json]]) -> Json:
    most = node.timeout_s if node.timeout_s is not None else None if isinstance(node, UNTIMED) else timeout_s
    try:
        async with asyncio.timeout(most) as timeout:
            return await do()
    except TimeoutError:
        if not timeout.expired():
            raise
        where = "'timeout_s' of the node" if node.timeout_s is not None else "setting graphs.node_timeout_s"
        raise DeadlineExceeded(f"It did not finish within {most:g} s ({where}).") from None


def _waits(retry: Retry) -> Callable[[tenacity.RetryCallState], float]:
    """Seconds that double, and no less than a server asks for."""
    exponential = tenacity.wait_exponential(multiplier=retry.wait_s, max=retry.max_wait_s)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after_s if isinstance(error, (Unavailable, Overloaded)) and "retry in" in error.message else 0
        return min(retry.max_wait_s, max(exponential(state), asked))

    return wait


def as_said(error: Exception) -> str:
    """``error`` in words for people."""
    return error.message if isinstance(error, HearthError) else f"{type(error).__name__}: {error}"
