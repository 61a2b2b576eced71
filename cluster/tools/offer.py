"""Tools as a model is offered them, its calls as they are read, and results as it is told of them.

For both loops in which a model calls tools. They are two because what is kept between turns differs: that of a chat (loop.py) tells its
events as they come, waits for people where it stands, and ends with its request; that of a graph's node (deployments/agents/nodes/llm.py)
writes each turn and each call down as a step, so that another process goes on after a crash without asking or calling again, and stops the
run, rather than wait, where a person is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pydantic_core import from_json

from cluster.contracts.generation import GenerationRequest, JsonObject, Message, ToolCall
from cluster.guard.injection import marked, screen
from cluster.specs.loader import nearest
from cluster.tools.tool import ToolResult, ToolSpec

# Longer texts are screened in a thread, so that nobody else waits.
_INLINE_CHARS = 4000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call as the model wrote it. ``number``: of all in its loop, from 0. ``spec``: None where no such tool was offered.
    ``arguments``: None where they are no JSON object. ``refusal``: why it is not made, as the model is told; None: it can be."""

    number: int
    call: ToolCall
    spec: ToolSpec | None
    arguments: JsonObject | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A result, as a model is given it. ``flagged``: why it counts as one that gives instructions."""

    text: str
    flagged: tuple[str, ...] = ()


class Offer:
    """What a model may call, in one loop of turns. ``most``: calls in one turn, ``tools.calls``."""

    def __init__(self, specs: Iterable[ToolSpec], most: int) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._most = most
        self._number = 0

    def made_in(self, request: GenerationRequest) -> GenerationRequest:
        """``request`` with the tools."""
        return replace(request, tools=tuple(map(offered, self._specs.values())))

    def read(self, calls: Sequence[ToolCall]) -> list[Wanted]:
        """Those of one turn, numbered on. One without an id gets one, by which its result is told."""
        return [self._wanted(call, place) for place, call in enumerate(calls)]

    def _wanted(self, call: ToolCall, place: int) -> Wanted:
        number, self._number = self._number, self._number + 1
        named = call if call.id else replace(call, id=f"call_{number}")
        spec, arguments = self._specs.get(call.name), _object_in(call.arguments)
        return Wanted(number, named, spec, arguments, self._refusal(call.name, spec, arguments, place))

    def _refusal(self, name: str, spec: ToolSpec | None, arguments: JsonObject | None, place: int) -> str | None:
        if place >= self._most:
            return f"Not carried out: at most {self._most} tools are called at once. Call it again if it is still needed."
        if spec is None:
            hint = nearest(name, self._specs)
            return f"There is no tool '{name[:100]}'" + (f"; did you mean '{hint}'?" if hint else ".")
        if arguments is None:
            return f"The arguments of '{name}' are not a JSON object; call it again with one that fits its schema."
        return None


def offered(spec: ToolSpec) -> JsonObject:
    """A tool, as a model is told of it."""
    return {"type": "function", "function": {"name": spec.name, "description": spec.description, "parameters": spec.parameters}}


async def shown(result: ToolResult, most: int) -> Shown:
    """At most ``most`` characters (``tools.shown_chars``). Text in it that tells a model what to do is in a frame that says that it is
    data."""
    text = result.text + ("\n[cut: there was more]" if result.cut else "")
    text = text if len(text) <= most else f"{text[:most]}\n[cut: {len(text) - most} more characters]"
    found = screen(text) if len(text) <= _INLINE_CHARS else await asyncio.to_thread(screen, text)
    return Shown(marked(text, found), tuple(found.reasons) if found.found else ())


def turned(said: str, wanted: Sequence[Wanted], told: Sequence[str]) -> tuple[Message, tuple[Message, ...]]:
    """A turn as the model is reminded of it: what it said and called, and what came of each call."""
    answers = (Message("tool", text, tool_call_id=one.call.id) for one, text in zip(wanted, told, strict=True))
    return Message("assistant", said, tool_calls=tuple(one.call for one in wanted)), tuple(answers)


def _object_in(text: str) -> JsonObject | None:
    try:
        found = from_json(text or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
