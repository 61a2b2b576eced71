"""A model that may call tools, until it answers.

    ask the model ── it answers ────────────────► the end
         ▲   └── it calls tools: each is looked up, its arguments are read, a person is asked where it is dangerous,
         │       and all of them are carried out at once
         └────── what came of them, as data

What it shares with the loop of a graph's node, and why they are two, stands in offer.py. A model that calls what is not there, or with
arguments that are none, is told, and may try again; after ``rounds`` rounds it has to answer with what it has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from cluster.contracts.generation import (
    FinishReason,
    GenerationDelta,
    GenerationRequest,
    Message,
    Provenance,
    ToolCall,
    Usage,
)
from cluster.errors import HearthError
from cluster.tools.offer import Offer, Wanted, shown, turned
from cluster.tools.tool import Toolbox, ToolCaller, ToolResult, ToolSpec

Ask = Callable[[GenerationRequest], AsyncGenerator[Sequence[GenerationDelta], None]]
# ``done``: carried out. ``failed``: the tool says that it could not, or an error did. ``denied``: nobody approved. ``refused``: it was
# never called: there is no such tool, the arguments are none, or it was one too many.
Outcome = Literal["done", "failed", "denied", "refused"]


@dataclass(frozen=True, slots=True)
class Said:
    """Pieces of what the model says and calls, as they come."""

    deltas: Sequence[GenerationDelta]


@dataclass(frozen=True, slots=True)
class Began:
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Asks:
    """Somebody has to approve of a call; ``approval``: under which name they do."""

    wanted: Wanted
    approval: str


@dataclass(frozen=True, slots=True)
class Ended:
    """``text``: what the model is told. ``flagged``: why the result counts as one that gives instructions. ``spent``: by models that the
    tool asked."""

    wanted: Wanted
    outcome: Outcome
    text: str
    ms: int
    flagged: tuple[str, ...] = ()
    spent: tuple[tuple[str, Usage], ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the model, with what came of its calls. ``last``: it calls nothing, so that this is the end."""

    message: Message
    answers: tuple[Message, ...]
    reasoning: str
    usage: Usage
    reason: FinishReason | None
    provenance: Provenance | None
    last: bool


LoopEvent = Said | Began | Asks | Ended | Turn


class Approver(Protocol):
    """Who is asked before something dangerous is done."""

    async def ask(self, wanted: Wanted) -> str:
        """The name under which somebody approves."""
        ...

    async def wait(self, approval: str) -> str | None:
        """Returns when it is decided: None where it is approved, else what the model is told."""
        ...


@dataclass(frozen=True, slots=True)
class LoopLimits:
    """``rounds``: times that tools are called. ``calls``: in one round. ``chars``: of a result, as the model is given it."""

    rounds: int
    calls: int
    chars: int


@dataclass(slots=True)
class _Answer:
    """What the model says in one turn, put together."""

    text: str = ""
    reasoning: str = ""
    calls: dict[int, ToolCall] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    reason: FinishReason | None = None
    provenance: Provenance | None = None

    def add(self, delta: GenerationDelta) -> None:
        self.text += delta.text
        self.reasoning += delta.reasoning
        self.usage, self.reason = delta.usage or self.usage, delta.finish_reason or self.reason
        self.provenance = delta.provenance or self.provenance
        for piece in delta.tool_calls:
            call = self.calls.get(piece.index, ToolCall("", "", ""))
            self.calls[piece.index] = ToolCall(piece.id or call.id, piece.name or call.name, call.arguments + piece.arguments)


class ToolLoop:
    """For one request of somebody. ``specs``: what the model is offered, and may call. ``approver``: None denies what is dangerous,
    unless its name is among ``approved``."""

    def __init__(
        self,
        ask: Ask,
        toolbox: Toolbox,
        caller: ToolCaller,
        specs: Sequence[ToolSpec],
        limits: LoopLimits,
        approver: Approver | None = None,
        approved: frozenset[str] = frozenset(),
    ) -> None:
        self._ask = ask
        self._toolbox = toolbox
        self._caller = caller
        self._offer = Offer(specs, limits.calls)
        self._limits = limits
        self._approver = approver
        self._approved = approved

    async def run(self, request: GenerationRequest) -> AsyncGenerator[LoopEvent, None]:
        """``request`` says what is asked, without tools; its ``tool_choice`` holds for the first turn. Closing it ends what is under way.
        Errors of the model are raised; those of tools are told to it."""
        request = self._offer.made_in(request)
        for turn in range(self._limits.rounds + 1):
            answer = _Answer()
            async with aclosing(self._ask(request)) as batches:
                async for batch in batches:
                    for delta in batch:
                        answer.add(delta)
                    yield Said(batch)
            wanted = self._offer.read([call for _, call in sorted(answer.calls.items())]) if turn < self._limits.rounds else []
            ended: dict[int, Ended] = {}
            async with aclosing(self._carry_out(wanted)) as events:
                async for event in events:
                    if isinstance(event, Ended):
                        ended[event.wanted.number] = event
                    yield event
            told = _turn(answer, wanted, ended)
            yield told
            if told.last:
                return
            request = replace(request, messages=(*request.messages, told.message, *told.answers), tool_choice=None)
            if turn + 1 == self._limits.rounds:
                request = replace(request, tool_choice="none")

    async def _carry_out(self, wanted: Sequence[Wanted]) -> AsyncGenerator[LoopEvent, None]:
        """All at once; their events as they come."""
        happened: asyncio.Queue[LoopEvent | None] = asyncio.Queue()
        tasks = [asyncio.create_task(self._call(one, happened.put_nowait)) for one in wanted]
        for task in tasks:
            task.add_done_callback(lambda _: happened.put_nowait(None))
        left = len(tasks)
        try:
            while left:
                event = await happened.get()
                if event is not None:
                    yield event
                    continue
                left -= 1
                for task in tasks:
                    if task.done():
                        task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _call(self, wanted: Wanted, tell: Callable[[LoopEvent], None]) -> None:
        tell(Began(wanted))
        began = time.monotonic()
        if wanted.refusal is not None:
            tell(Ended(wanted, "refused", wanted.refusal, _ms(began)))
            return
        denial = await self._denied(wanted, tell)
        if denial is not None:
            tell(Ended(wanted, "denied", denial, _ms(began)))
            return
        began = time.monotonic()
        outcome, result = await self._result(wanted)
        told = await shown(result, self._limits.chars)
        tell(Ended(wanted, outcome, told.text, _ms(began), told.flagged, result.spent))

    async def _result(self, wanted: Wanted) -> tuple[Outcome, ToolResult]:
        assert wanted.spec is not None
        assert wanted.arguments is not None
        caller = replace(self._caller, key=f"{self._caller.key}:{wanted.number}")
        try:
            result = await self._toolbox.call(wanted.spec.name, wanted.arguments, caller)
        except HearthError as error:
            return "failed", ToolResult(error.message, error.message, failed=True)
        return "failed" if result.failed else "done", result

    async def _denied(self, wanted: Wanted, tell: Callable[[LoopEvent], None]) -> str | None:
        assert wanted.spec is not None
        if not wanted.spec.dangerous or wanted.spec.name in self._approved:
            return None
        if self._approver is None:
            return f"The tool '{wanted.spec.name}' takes somebody's approval, and nobody can be asked here. Do without it."
        approval = await self._approver.ask(wanted)
        tell(Asks(wanted, approval))
        return await self._approver.wait(approval)


def _turn(answer: _Answer, wanted: Sequence[Wanted], ended: dict[int, Ended]) -> Turn:
    message, answers = turned(answer.text, wanted, [ended[one.number].text for one in wanted])
    return Turn(message, answers, answer.reasoning, answer.usage, answer.reason, answer.provenance, not wanted)


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
