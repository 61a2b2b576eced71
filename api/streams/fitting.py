"""Making a conversation fit a model's context before an answer is written.

Counting and summarising take their time, and no transaction is held meanwhile. So an answer is prepared in attempts: a draft is read in a
transaction; where it is not known to fit, the transaction is undone, the draft is settled here, and the next attempt finds it settled.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from api.streams.context import Context
from api.streams.window import Measure, Window, estimate, surely_fits
from cluster.contracts.generation import GenerationRequest, Message

Compact = Literal["off", "drop", "summary"]
# Summarises the branch up to a message but for the latest few; the number of messages that the summary stands for in addition.
Summarise = Callable[[uuid.UUID | None, int], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Draft:
    """``request`` lacks its messages. ``leaf_id``: the last message that is there already, on the branch to be answered."""

    request: GenerationRequest
    context: Context
    window: Window
    leaf_id: uuid.UUID | None
    compact: Compact

    @property
    def whole(self) -> GenerationRequest:
        return replace(self.request, messages=self.context.messages)


class Unsettled(Exception):
    """It is not known how the draft fits."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft


class Fitting:
    """For one answer."""

    def __init__(self, measure: Measure, summarise: Summarise, keep: int) -> None:
        self._measure = measure
        self._summarise = summarise
        self._keep: int | None = keep
        self._settled: dict[tuple[Message, ...], tuple[Message, ...]] = {}

    def settled(self, draft: Draft) -> GenerationRequest | None:
        """What to ask; None: settle it first."""
        whole = draft.whole
        if surely_fits(whole, draft.window):
            return whole
        messages = self._settled.get(whole.messages)
        return None if messages is None else replace(draft.request, messages=messages)

    async def settle(self, draft: Draft) -> None:
        """Raises ContextLengthExceeded where it does not fit and may not, or cannot, be made to."""
        whole = draft.whole
        tokens = await self._measure.tokens(whole, draft.window.status)
        if tokens is None and draft.compact != "off":
            tokens = estimate(whole)
        if tokens is None or draft.window.holds(tokens):
            self._settled[whole.messages] = whole.messages
        elif draft.compact == "drop":
            self._settled[whole.messages] = (await self._dropped(draft, tokens)).messages
        elif draft.compact != "summary" or not await self._summarised(draft):
            raise await self._measure.too_long(tokens, draft.window, _advice(draft.compact))

    async def _dropped(self, draft: Draft, tokens: int) -> GenerationRequest:
        """Less the oldest messages: as many as an estimate says, then a count, until it fits."""
        most = (draft.window.status.context_tokens or 0) - draft.window.answer
        while not draft.window.holds(tokens):
            shorter = draft.context.without_oldest((tokens - most) * estimate(draft.whole) / tokens)
            if shorter is None:
                raise await self._measure.too_long(tokens, draft.window, _advice("drop"))
            draft = replace(draft, context=shorter)
            counted = await self._measure.tokens(draft.whole, draft.window.status)
            tokens = estimate(draft.whole) if counted is None else counted
        return draft.whole

    async def _summarised(self, draft: Draft) -> bool:
        """Was anything summarised? Each time it leaves fewer of the latest messages as they are, at last none."""
        while self._keep is not None:
            keep, self._keep = self._keep, self._keep // 2 if self._keep else None
            if await self._summarise(draft.leaf_id, keep):
                return True
        return False


def _advice(compact: Compact) -> str:
    if compact == "off":
        return "send 'compact': 'drop' to leave the oldest messages out, or 'summary' to have them summarised"
    return "what is pinned and what is asked is too long by itself: unpin messages"
