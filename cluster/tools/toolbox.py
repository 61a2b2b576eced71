"""All tools that an organisation has: those of Hearth, and those of its MCP servers."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import anyio
import structlog
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from cluster.contracts.generation import JsonObject, Usage
from cluster.errors import BadInput, Conflict, DeadlineExceeded, Forbidden, HearthError, NotFound, TooLarge
from cluster.specs.loader import nearest
from cluster.tools.asking import AnswersNeeded, is_approved
from cluster.tools.builtin import BUILTIN
from cluster.tools.builtin.base import Around, BuiltinTool, Call, Options, Reading, Said
from cluster.tools.calls import CallHistory, Ended
from cluster.tools.choices import ALL, Scope, ToolChoices
from cluster.tools.mistakes import mistake_of
from cluster.tools.results import fitted
from cluster.tools.tool import ROLES, ToolCaller, ToolResult, ToolSpec
from cluster.tracing import Attribute, span

log = structlog.get_logger(__name__)

WRITE_S = 5.0
# Whoever asked can do something about these, by asking otherwise: they are the tool's answer. Others are nobody's answer.
ANSWERS = (BadInput, NotFound, Conflict)


class RemoteTools(Protocol):
    """Tools of other servers. Errors are those of ``Toolbox.call``."""

    async def specs(self, organisation_id: uuid.UUID) -> Sequence[ToolSpec]: ...

    async def call(self, spec: ToolSpec, arguments: JsonObject, caller: ToolCaller, timeout_s: float) -> ToolResult:
        """``timeout_s``: how long the answer is waited for; the server may have a shorter time of its own."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A tool as it is in one organisation. ``tool`` None: it is another server's."""

    spec: ToolSpec
    options: Options
    tool: BuiltinTool[Any, Any] | None = None


class HearthTools:
    """A Toolbox. Belongs to one event loop; what it is made of stays the caller's to close, but for ``remote``. Every call stands in the
    history, whichever room it came from."""

    def __init__(self, around: Around, remote: RemoteTools | None = None, tools: Sequence[BuiltinTool[Any, Any]] = BUILTIN) -> None:
        self._around = around
        self._settings = around.settings.tools
        self._remote = remote
        self._tools = {tool.name: tool for tool in tools}
        self._reading = Reading(around.settings.ingest)
        self.choices = ToolChoices(around.database)
        self.history = CallHistory(around.database, self._settings)

    async def specs(self, organisation_id: uuid.UUID) -> Sequence[ToolSpec]:
        """Those that are in use in the organisation."""
        choice = await self.choices.get(Scope(organisation_id)) or ALL
        return [entry.spec for entry in await self.entries(organisation_id) if choice.takes(entry.spec.name, entry.spec.category)]

    async def chosen(self, scope: Scope) -> Sequence[ToolSpec]:
        """Those that a person uses, in a conversation."""
        return await self.choices.chosen(await self.specs(scope.organisation_id), scope)

    async def find(self, organisation_id: uuid.UUID, name: str) -> ToolSpec:
        return (await self.entry(organisation_id, name)).spec

    async def call(self, name: str, arguments: JsonObject, caller: ToolCaller) -> ToolResult:
        begun = time.monotonic()
        try:
            entry, given = await self._permitted(name, arguments, caller)
            if not await is_approved(entry.spec, arguments, caller):
                raise Forbidden(f"The person who was asked did not approve of '{name}'; it was not called.")
        except HearthError as error:
            await self._refused(name, arguments, caller, error)
            raise
        call_id = await self.history.begin(name, entry.spec.source, arguments, caller)
        ended = Ended("cancelled", 0)
        try:
            about: dict[str, Attribute] = {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": name,
                "hearth.call_id": str(call_id),
            }
            with span(f"execute_tool {name}", about):
                result = await self._in_time(entry, given, arguments, caller)
            ended = Ended("failed" if result.failed else "succeeded", 0, result, message=result.text if result.failed else None)
        except HearthError as error:
            ended = Ended("failed", 0, error=error.code, message=error.message)
            raise
        except AnswersNeeded as needed:
            ended = Ended("cancelled", 0, message=str(needed))
            raise
        except Exception as error:
            log.exception("a tool broke", tool=name)
            ended = Ended("failed", 0, error="internal_error", message=type(error).__name__)
            raise
        finally:
            await self._close(call_id, replace(ended, ms=round((time.monotonic() - begun) * 1000)))
        return result

    async def entries(self, organisation_id: uuid.UUID) -> list[Entry]:
        """All there are, in use or not."""
        remote = await self._remote.specs(organisation_id) if self._remote is not None else ()
        options = await self.choices.options(organisation_id)
        ours = [_entry(tool.spec, tool.options, options.get(name), tool) for name, tool in self._tools.items()]
        return ours + [_entry(spec, Options, options.get(spec.name), None) for spec in remote if spec.name not in self._tools]

    async def entry(self, organisation_id: uuid.UUID, name: str) -> Entry:
        """Raises NotFound naming the nearest; Forbidden for one that the organisation does not use."""
        if name in self._tools:
            tool = self._tools[name]
            found = _entry(tool.spec, tool.options, (await self.choices.options(organisation_id, name)).get(name), tool)
        else:
            entries = {entry.spec.name: entry for entry in await self.entries(organisation_id)}
            if name not in entries:
                hint = nearest(name, entries)
                raise NotFound(f"There is no tool '{name[:100]}'" + (f"; did you mean '{hint}'?" if hint else "."))
            found = entries[name]
        choice = await self.choices.get(Scope(organisation_id)) or ALL
        if not choice.takes(name, found.spec.category):
            raise Forbidden(f"The tool '{name}' is not used in your organisation; an admin may turn it on.")
        return found

    async def close(self) -> None:
        if self._remote is not None:
            await self._remote.close()
        await self._reading.close()

    async def _permitted(self, name: str, arguments: JsonObject, caller: ToolCaller) -> tuple[Entry, Any]:
        """The tool, and its arguments as it takes them; None for one of another server."""
        entry = await self.entry(caller.organisation_id, name)
        spec = entry.spec
        if ROLES.index(caller.role) < ROLES.index(spec.role):
            raise Forbidden(
                f"The tool '{name}' needs the role '{spec.role}', and you are '{caller.role}'; ask an admin of your organisation."
            )
        told = _json(name, arguments)
        if len(told) > self._settings.argument_bytes:
            most = int(self._settings.argument_bytes)
            raise TooLarge(f"The arguments have {len(told)} bytes, at most {most} are taken (setting tools.argument_bytes).")
        if entry.tool is None:
            mistake_of(arguments, spec)
            return entry, None
        try:
            return entry, entry.tool.arguments.model_validate_json(told)
        except ValidationError as error:
            mistake_of(arguments, spec)
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            where = f", '{place[:200]}'" if place else ""
            raise BadInput(f"The tool '{name}' does not take these arguments{where}: {first['msg'][:200]}.").about(place or None) from None

    async def _in_time(self, entry: Entry, given: Any, arguments: JsonObject, caller: ToolCaller) -> ToolResult:
        seconds = entry.options.timeout_s or self._settings.timeout_s
        try:
            async with asyncio.timeout(seconds):
                if entry.tool is not None:
                    return await self._ours(entry.tool, entry.options, given, caller)
                assert self._remote is not None
                return await self._remote.call(entry.spec, arguments, caller, seconds)
        except TimeoutError:
            raise DeadlineExceeded(
                f"The tool '{entry.spec.name}' had not ended after {seconds:g} s (setting tools.timeout_s, or timeout_s of the tool)."
            ) from None

    async def _ours(self, tool: BuiltinTool[Any, Any], options: Options, given: Any, caller: ToolCaller) -> ToolResult:
        spent: list[tuple[str, Usage]] = []
        most = int(self._settings.result_bytes)
        try:
            made = await tool.do(Call(given, options, caller, self._around, self._reading, spent))
        except ANSWERS as error:
            return fitted(error.message, None, most, failed=True, spent=tuple(spent))
        said = made if isinstance(made, Said) else Said(made, None)
        return fitted(said.value, said.text, most, spent=tuple(spent), pieces=said.pieces)

    async def _refused(self, name: str, arguments: JsonObject, caller: ToolCaller, error: HearthError) -> None:
        call_id = await self.history.begin(name, "", _kept(arguments, int(self._settings.argument_bytes)), caller)
        await self._close(call_id, Ended("refused", 0, error=error.code, message=error.message))

    async def _close(self, call_id: uuid.UUID, ended: Ended) -> None:
        """Also when whoever asked has left."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(WRITE_S):
            try:
                await self.history.end(call_id, ended)
            except (SQLAlchemyError, OSError) as error:
                # That it was called stands there; what came of it is in this line.
                log.warning("how a call ended could not be written down", call=str(call_id), error=type(error).__name__)


def _entry(spec: ToolSpec, shape: type[Options], values: dict[str, Any] | None, tool: BuiltinTool[Any, Any] | None) -> Entry:
    try:
        options = shape.model_validate(values or {})
    except ValidationError:
        # Set before an update that knows it no more.
        options = shape()
    if options.dangerous is not None:
        spec = replace(spec, dangerous=options.dangerous)
    return Entry(spec, options, tool)


def _kept(arguments: JsonObject, most: int) -> JsonObject:
    """As the history keeps them: nothing of what is no JSON, and the size of what is too large."""
    try:
        size = len(json.dumps(arguments, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return {}
    return arguments if size <= most else {"bytes": size}


def _json(name: str, arguments: JsonObject) -> bytes:
    try:
        return json.dumps(arguments, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"The arguments of the tool '{name}' are not JSON: {str(error)[:200]}.") from None
