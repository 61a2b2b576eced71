"""Whether a request fits a model's context, as far as that can be known before the model is asked.

A count is taken where the model is resident, or is a provider's and counted here; nobody waits for a model to load, nor longer than
``conversations.count_timeout_s``. Where there is no count the engine decides: it refuses with the same error, and the answer fails with it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from cluster.contracts.generation import GenerationRequest, Message
from cluster.contracts.models import ModelKind, ModelState, ModelStatus
from cluster.errors import ContextLengthExceeded, DeadlineExceeded, EngineError, Overloaded, Unavailable
from cluster.gateway import ModelGateway
from cluster.providers.tokens import TokenCounter

log = structlog.get_logger(__name__)

# No tokenizer makes more tokens than bytes; a template adds some for each message, and its own words once.
MESSAGE_TOKENS = 32
TEMPLATE_TOKENS = 512
IMAGE_TOKENS = 2048
_REACHABLE = frozenset({ModelState.READY, ModelState.LOADING, ModelState.IDLE})


@dataclass(frozen=True, slots=True)
class Window:
    """The context of the model with ``status``, of which ``answer`` tokens are kept for the answer."""

    status: ModelStatus
    answer: int

    def holds(self, tokens: int) -> bool:
        most = self.status.context_tokens
        return most is None or tokens + self.answer <= most


class Measure:
    """Counts prompts for one model."""

    def __init__(self, gateway: ModelGateway, timeout_s: float) -> None:
        self._gateway = gateway
        self._timeout_s = timeout_s

    async def tokens(self, request: GenerationRequest, status: ModelStatus) -> int | None:
        """None where nobody can count them now."""
        if status.state is not ModelState.READY:
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                return (await self._gateway.count_tokens(request)).tokens
        except (TimeoutError, Unavailable, Overloaded, DeadlineExceeded, EngineError) as error:
            log.info("a prompt is not counted beforehand; its model decides", model=request.model, error=type(error).__name__)
            return None

    async def need_room(self, request: GenerationRequest, window: Window) -> None:
        """Raises ContextLengthExceeded where ``request`` is known not to fit."""
        if not surely_fits(request, window):
            tokens = await self.tokens(request, window.status)
            if tokens is not None and not window.holds(tokens):
                raise await self.too_long(tokens, window, "drop the oldest messages")

    async def too_long(self, tokens: int, window: Window, advice: str) -> ContextLengthExceeded:
        """Says what was counted, what is allowed, and what to do."""
        status = window.status
        larger = await self._larger(tokens + window.answer, status)
        other = f"ask '{larger}', which would hold it" if larger else "choose a model with a larger context; none that is served has one"
        return ContextLengthExceeded(
            f"The prompt has {tokens} tokens, {window.answer} are wanted for the answer, and '{status.id}' takes {status.context_tokens} "
            f"in all: {advice}, shorten the message, or {other}."
        )

    async def _larger(self, needed: int, status: ModelStatus) -> str | None:
        """The smallest model that holds ``needed`` tokens, rather a local one."""
        fitting = [
            (model.device == "remote", model.context_tokens, model.id)
            for model in await self._gateway.models()
            if model.kind is ModelKind.LLM and model.state in _REACHABLE and (model.context_tokens or 0) >= needed and model.id != status.id
        ]
        return min(fitting)[2] if fitting else None


def surely_fits(request: GenerationRequest, window: Window) -> bool:
    """Without counting: most prompts are far from the limit."""
    return window.holds(TEMPLATE_TOKENS + len(str(request.tools)) + sum(_most(message) for message in request.messages))


def estimate(request: GenerationRequest) -> int:
    """Where something must be decided about tokens that cannot be counted now."""
    return TokenCounter().request(request, "").tokens


def _most(message: Message) -> int:
    calls = sum(len((call.name + call.arguments).encode()) for call in message.tool_calls)
    return MESSAGE_TOKENS + len((message.content or "").encode()) + calls + IMAGE_TOKENS * len(message.images)
