"""A toolbox without anything behind it: tools whose effects can be counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jsonschema import Draft202012Validator

from cluster.contracts.generation import Json, JsonObject
from cluster.errors import BadInput, Forbidden, NotFound, RemoteFailed
from cluster.specs.loader import nearest
from cluster.tools.asking import is_approved
from cluster.tools.tool import ROLES, ToolCaller, ToolResult, ToolSpec, readable

Do = Callable[[Mapping[str, Any], ToolCaller], Awaitable[ToolResult]]


def _object(**properties: str) -> JsonObject:
    """A schema whose properties, all of them required, are of these types."""
    shapes: JsonObject = {name: {"type": kind} for name, kind in properties.items()}
    return {"type": "object", "properties": shapes, "required": list(properties), "additionalProperties": False}


ECHO = ToolSpec("echo", "Echo", "Gives back what it is given.", _object(text="string"), "test")
COUNT = ToolSpec("counter_add", "Count", "Adds to a counter.", _object(name="string", by="integer"), "test", effects="keyed")
SEND = ToolSpec("mail_send", "Send", "Sends a message.", _object(to="string"), "test", effects="once", dangerous=True, role="editor")
FAILING = ToolSpec("always_fails", "Fail", "Says that it could not do it.", _object(), "test")
RAISING = ToolSpec("always_raises", "Raise", "Has a server that does not answer.", _object(), "test")
WAITING = ToolSpec("waits", "Wait", "Answers when it is let go.", _object(), "test")


@dataclass
class FakeTools:
    """A Toolbox, the same for every organisation. ``counters``: what `counter_add` added up, each key once; ``sent``: to whom `mail_send`
    sent; ``calls``: all that were made, with those that were repeated; ``let_go``: what `waits` waits for, ``waiting``: how many do.
    ``failures``: how often each tool still raises RemoteFailed before it works."""

    counters: dict[str, int] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    calls: list[tuple[str, JsonObject, ToolCaller]] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    _answers: dict[str, ToolResult] = field(default_factory=dict)
    _tools: dict[str, tuple[ToolSpec, Do]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for spec, do in (
            (ECHO, _echo),
            (COUNT, self._count),
            (SEND, self._send),
            (FAILING, _fail),
            (RAISING, _raise),
            (WAITING, self._wait),
        ):
            self.add(spec, do)

    def add(self, spec: ToolSpec, do: Do) -> None:
        """One more tool, or another in place of one."""
        self._tools[spec.name] = (spec, do)

    async def specs(self, organisation_id: object) -> Sequence[ToolSpec]:
        return [spec for spec, _ in self._tools.values()]

    async def find(self, organisation_id: object, name: str) -> ToolSpec:
        return self._of(name)[0]

    async def call(self, name: str, arguments: JsonObject, caller: ToolCaller) -> ToolResult:
        spec, do = self._of(name)
        if ROLES.index(caller.role) < ROLES.index(spec.role):
            raise Forbidden(f"The tool '{name}' needs the role '{spec.role}', and you are '{caller.role}'.")
        wrong = next(iter(Draft202012Validator(spec.parameters).iter_errors(arguments)), None)
        if wrong is not None:
            raise BadInput(f"The tool '{name}' does not take these arguments: {wrong.message}.")
        if not await is_approved(spec, arguments, caller):
            raise Forbidden(f"The person who was asked did not approve of '{name}'; it was not called.")
        self.calls.append((name, arguments, caller))
        if self.failures.get(name, 0) > 0:
            self.failures[name] -= 1
            raise RemoteFailed(f"The tool '{name}' fails as it was told to.")
        if spec.effects != "keyed":
            return await do(arguments, caller)
        if caller.key not in self._answers:
            self._answers[caller.key] = await do(arguments, caller)
        return replace(self._answers[caller.key])

    def _of(self, name: str) -> tuple[ToolSpec, Do]:
        if name not in self._tools:
            hint = nearest(name, self._tools)
            raise NotFound(f"There is no tool '{name[:100]}'" + (f"; did you mean '{hint}'?" if hint else "."))
        return self._tools[name]

    async def _count(self, arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
        name = arguments["name"]
        self.counters[name] = self.counters.get(name, 0) + arguments["by"]
        return _result({"count": self.counters[name]})

    async def _send(self, arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
        self.sent.append(arguments["to"])
        return _result({"sent": arguments["to"]})

    async def _wait(self, arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
        self.waiting += 1
        try:
            await self.let_go.wait()
        finally:
            self.waiting -= 1
        return _result("done")


async def _echo(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
    return _result(arguments["text"])


async def _fail(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
    return ToolResult("It cannot be done.", "It cannot be done.", failed=True)


async def _raise(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
    raise RemoteFailed("The tool's server does not answer.")


def _result(value: Json) -> ToolResult:
    return ToolResult(value, readable(value))
