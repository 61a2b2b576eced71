"""The node ``llm``: a question to a language model, and the tools that it calls before it answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import cast

from cluster.contracts.generation import GenerationRequest, Json, JsonObject, Message, Sampling, ToolCall
from cluster.errors import BadInput, Forbidden, NotFound, Unprocessable
from cluster.guard.injection import marked, screen
from cluster.specs.loader import nearest
from cluster.specs.nodes import LlmNode
from cluster.tools.tool import ToolResult, ToolSpec
from deployments.agents.nodes.calling import Refused, call_tool
from deployments.agents.nodes.messages import messages_of
from deployments.agents.nodes.models import language_model
from deployments.agents.nodes.speaking import formed, request_for, said
from deployments.agents.visiting import PASSING, Visit, stepped
from deployments.agents.waiting import Waits

# What a model is told of, so that it can do something else; everything else is the node's failure.
TOLD = (BadInput, NotFound, Forbidden)
# Longer results are screened in a thread, so that no other run waits.
INLINE_CHARS = 4000


async def ask(node: LlmNode, visit: Visit) -> Json:
    """A text, or with ``output`` a value of that schema. Raises BadAnswer, and what gateway and toolbox raise."""
    model = await language_model(visit, node.model)
    request = request_for(visit, model, await messages_of(node, visit), Sampling(node.temperature, None, node.max_tokens, seed=node.seed))
    live = node.stream and node.output is None and node.guard is None
    if node.tools:
        return await _Loop(node, visit, live).run(request)
    if node.output is not None:
        return await formed(visit, request, node.output)
    return (await said(visit, request, live=live)).text


class _Loop:
    """Turns of one model: it calls tools, is told what they gave, and so on. Each turn in which it called, and each call, is a step: after
    a crash it is not asked again what it had decided."""

    def __init__(self, node: LlmNode, visit: Visit, live: bool) -> None:
        self._node = node
        self._visit = visit
        self._live = live
        self._calls = 0

    async def run(self, request: GenerationRequest) -> Json:
        toolbox, organisation = self._visit.run.services.toolbox, self._visit.run.organisation_id
        specs = {name: await toolbox.find(organisation, name) for name in self._node.tools}
        request = replace(request, tools=tuple(_offered(spec) for spec in specs.values()))
        for number in range(1, self._node.rounds + 1):
            text, calls = await self._turn(request, number)
            if not calls:
                return await self._answer(request, text)
            results = await self._all(calls, specs)
            messages = [Message("tool", await as_data(result), tool_call_id=call.id) for call, result in zip(calls, results, strict=True)]
            request = replace(request, messages=(*request.messages, Message("assistant", text, tool_calls=tuple(calls)), *messages))
        most = self._node.rounds
        raise Unprocessable(
            f"Model '{request.model}' called tools {most} times and gave no answer; raise 'rounds' of the node, or ask less."
        )

    async def _turn(self, request: GenerationRequest, number: int) -> tuple[str, list[ToolCall]]:
        """What it says, and calls; kept once it was said."""

        async def turn(visit: Visit) -> Json:
            answer = await said(visit, request, live=self._live)
            visit.tally.attempts += 1
            return {"text": answer.text, "calls": [cast("JsonObject", asdict(call)) for call in answer.tool_calls]}

        kept = await stepped(self._visit.within(f"~{number}"), "llm", turn)
        assert isinstance(kept, dict)
        calls = cast("Sequence[dict[str, str]]", kept["calls"])
        return str(kept["text"]), [ToolCall(**call) for call in calls]

    async def _answer(self, request: GenerationRequest, text: str) -> Json:
        return text if self._node.output is None else await formed(self._visit, request, self._node.output, text)

    async def _all(self, calls: Sequence[ToolCall], specs: dict[str, ToolSpec]) -> list[ToolResult]:
        """All calls of one turn at once. Those that were begun come to their end, whatever becomes of the others."""
        visits = [self._visit.within(f":{self._calls + place}") for place in range(len(calls))]
        self._calls += len(calls)
        work = (self._one(call, specs, visit) for call, visit in zip(calls, visits, strict=True))
        ends = await asyncio.gather(*work, return_exceptions=True)
        waits = [end for end in ends if isinstance(end, Waits)]
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, Waits):
                raise end
        if waits:
            raise Waits([one for end in waits for one in end.pending])
        return [end for end in ends if isinstance(end, ToolResult)]

    async def _one(self, call: ToolCall, specs: dict[str, ToolSpec], visit: Visit) -> ToolResult:
        """What one call gives. A mistake of the model's is its result."""

        async def do(visit: Visit) -> Json:
            return cast("JsonObject", asdict(await self._told(call, specs, visit)))

        kept = await stepped(visit, "tool", do)
        assert isinstance(kept, dict)
        return ToolResult(kept["value"], str(kept["text"]), kept["failed"] is True, kept["cut"] is True)

    async def _told(self, call: ToolCall, specs: dict[str, ToolSpec], visit: Visit) -> ToolResult:
        spec = specs.get(call.name)
        if spec is None:
            hint = nearest(call.name, specs)
            return _no(
                f"There is no tool '{call.name[:100]}'" + (f"; did you mean '{hint}'?" if hint else f"; there is {', '.join(specs)}.")
            )
        arguments = _arguments(call)
        if arguments is None:
            return _no("The arguments are not a JSON object; write them again.")
        try:
            return await call_tool(spec, arguments, visit, approve=self._node.approve)
        except PASSING:
            raise
        except (Refused, *TOLD) as error:
            return _no(error.message)


async def as_data(result: ToolResult) -> str:
    """What a model is shown of a result: text in it that tells a model what to do is in a frame that says that it is data."""
    text = result.text + ("\n[cut: there was more]" if result.cut else "")
    found = screen(text) if len(text) <= INLINE_CHARS else await asyncio.to_thread(screen, text)
    return marked(text, found)


def _no(text: str) -> ToolResult:
    return ToolResult(text, text, failed=True)


def _arguments(call: ToolCall) -> JsonObject | None:
    try:
        given = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _offered(spec: ToolSpec) -> JsonObject:
    return {"type": "function", "function": {"name": spec.name, "description": spec.description, "parameters": spec.parameters}}
