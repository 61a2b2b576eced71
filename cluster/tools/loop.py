"""A model that may call tools, until it answers.

    ask the model ── it answers ────────────────► the end
         ▲   └── it calls tools: each is looked up, its arguments are read, a person is asked where it is dangerous,
         │       and all of them are carried out at once
         └────── what came of them, as data

What a tool gives back is data: text in it that tells a model what to do is put into a frame that says so. A model that calls what is not
there, or with arguments that are none, is told, and may try again; after ``rounds`` rounds it has to answer with what it has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from pydantic_core import from_json

from cluster.contracts.generation import (
    FinishReason,
    GenerationDelta,
    GenerationRequest,
    JsonObject,
    Message,
    Provenance,
    ToolCall,
    Usage,
)
from cluster.errors import HearthError
from cluster.guard.injection import marked, screen
from cluster.specs.loader import nearest
from cluster.tools.tool import Toolbox, ToolCaller, ToolResult, ToolSpec

# Longer texts are screened in a thread, so that nobody else waits.
_INLINE_CHARS = 4000

Ask = Callable[[GenerationRequest], AsyncGenerator[Sequence[GenerationDelta], None]]
# ``done``: carried out. ``failed``: the tool says that it could not, or an error did. ``denied``: nobody approved. ``refused``: it was
# never called: there is no such tool, the arguments are none, or it was one too many.
Outcome = Literal["done", "failed", "denied", "refused"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call as the model wrote it. ``number``: of all in this loop, from 0. ``spec``: None where no such tool was offered.
    ``arguments``: None where they are no JSON object."""

    number: int
    call: ToolCall
    spec: ToolSpec | None
    arguments: JsonObject | None


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
        self._specs = {spec.name: spec for spec in specs}
        self._limits = limits
        self._approver = approver
        self._approved = approved
        self._number = 0

    async def run(self, request: GenerationRequest) -> AsyncGenerator[LoopEvent, None]:
        """``request`` says what is asked, without tools; its ``tool_choice`` holds for the first turn. Closing it ends what is under way.
        Errors of the model are raised; those of tools are told to it."""
        request = replace(request, tools=tuple(offered(spec) for spec in self._specs.values()))
        for turn in range(self._limits.rounds + 1):
            answer = _Answer()
            async with aclosing(self._ask(request)) as batches:
                async for batch in batches:
                    for delta in batch:
                        answer.add(delta)
                    yield Said(batch)
            wanted = [self._wanted(call) for _, call in sorted(answer.calls.items())] if turn < self._limits.rounds else []
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
        tasks = [
            asyncio.create_task(self._call(one, happened.put_nowait, beyond=place >= self._limits.calls))
            for place, one in enumerate(wanted)
        ]
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

    async def _call(self, wanted: Wanted, tell: Callable[[LoopEvent], None], *, beyond: bool) -> None:
        tell(Began(wanted))
        began = time.monotonic()
        refusal = _beyond(self._limits.calls) if beyond else self._mistake(wanted)
        denial = None if refusal else await self._denied(wanted, tell)
        if refusal or denial:
            outcome: Outcome = "refused" if refusal else "denied"
            tell(Ended(wanted, outcome, refusal or denial or "", _ms(began)))
            return
        began = time.monotonic()
        outcome, result = await self._result(wanted)
        shown, flagged = await _as_data(result.text + ("\n[cut: there was more]" if result.cut else ""), self._limits.chars)
        tell(Ended(wanted, outcome, shown, _ms(began), flagged, result.spent))

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

    def _mistake(self, wanted: Wanted) -> str | None:
        """Why it cannot be called; None: it can."""
        name = wanted.call.name
        if wanted.spec is None:
            hint = nearest(name, self._specs)
            return f"There is no tool '{name[:100]}'" + (f"; did you mean '{hint}'?" if hint else ".")
        if wanted.arguments is None:
            return f"The arguments of '{name}' are not a JSON object; call it again with one that fits its schema."
        return None

    def _wanted(self, call: ToolCall) -> Wanted:
        number, self._number = self._number, self._number + 1
        named = call if call.id else replace(call, id=f"call_{number}")
        return Wanted(number, named, self._specs.get(call.name), _object_in(call.arguments))


def offered(spec: ToolSpec) -> JsonObject:
    """A tool, as a model is told of it."""
    return {"type": "function", "function": {"name": spec.name, "description": spec.description, "parameters": spec.parameters}}


def _turn(answer: _Answer, wanted: Sequence[Wanted], ended: dict[int, Ended]) -> Turn:
    message = Message("assistant", answer.text, tool_calls=tuple(one.call for one in wanted))
    answers = tuple(Message("tool", ended[one.number].text, tool_call_id=one.call.id) for one in wanted)
    return Turn(message, answers, answer.reasoning, answer.usage, answer.reason, answer.provenance, not wanted)


async def _as_data(text: str, most: int) -> tuple[str, tuple[str, ...]]:
    """What a model is given of a result, and why it counts as one that gives instructions."""
    shown = text if len(text) <= most else f"{text[:most]}\n[cut: {len(text) - most} more characters]"
    found = screen(shown) if len(shown) <= _INLINE_CHARS else await asyncio.to_thread(screen, shown)
    return marked(shown, found), tuple(found.reasons) if found.found else ()


def _object_in(text: str) -> JsonObject | None:
    try:
        found = from_json(text or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _beyond(most: int) -> str:
    return f"Not carried out: at most {most} tools are called at once. Call it again if it is still needed."


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
