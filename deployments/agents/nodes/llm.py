"""The node ``llm``: a question to a language model, and the tools that it calls before it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import cast

from cluster.contracts.generation import GenerationRequest, Json, JsonObject, Sampling, ToolCall
from cluster.errors import BadInput, Forbidden, NotFound, Unprocessable
from cluster.specs.nodes import LlmNode
from cluster.tools.offer import Offer, Wanted, shown, turned
from cluster.tools.tool import ToolResult
from deployments.agents.nodes.calling import Refused, call_tool
from deployments.agents.nodes.messages import messages_of
from deployments.agents.nodes.models import language_model
from deployments.agents.nodes.speaking import formed, request_for, said
from deployments.agents.visiting import PASSING, Visit, stepped
from deployments.agents.waiting import Waits

# What a model is told of, so that it can do something else; everything else is the node's failure.
TOLD = (BadInput, NotFound, Forbidden)


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
    a crash it is not asked again what it had decided. What it shares with the loop of chats, and why they are two, stands in
    cluster/tools/offer.py."""

    def __init__(self, node: LlmNode, visit: Visit, live: bool) -> None:
        self._node = node
        self._visit = visit
        self._live = live
        self._limits = visit.run.services.settings.tools

    async def run(self, request: GenerationRequest) -> Json:
        toolbox, organisation = self._visit.run.services.toolbox, self._visit.run.organisation_id
        offer = Offer([await toolbox.find(organisation, name) for name in self._node.tools], self._limits.calls)
        request = offer.made_in(request)
        for number in range(1, self._node.rounds + 1):
            text, calls = await self._turn(request, number)
            if not calls:
                return await self._answer(request, text)
            wanted = offer.read(calls)
            results = await self._all(wanted)
            told = [(await shown(result, self._limits.shown_chars)).text for result in results]
            message, answers = turned(text, wanted, told)
            request = replace(request, messages=(*request.messages, message, *answers))
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

    async def _all(self, wanted: Sequence[Wanted]) -> list[ToolResult]:
        """All calls of one turn at once. Those that were begun come to their end, whatever becomes of the others."""
        ends = await asyncio.gather(*map(self._one, wanted), return_exceptions=True)
        waits = [end for end in ends if isinstance(end, Waits)]
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, Waits):
                raise end
        if waits:
            raise Waits([one for end in waits for one in end.pending])
        return [end for end in ends if isinstance(end, ToolResult)]

    async def _one(self, wanted: Wanted) -> ToolResult:
        """What one call gives. A mistake of the model's is its result."""

        async def do(visit: Visit) -> Json:
            return cast("JsonObject", asdict(await self._told(wanted, visit)))

        kept = await stepped(self._visit.within(f":{wanted.number}"), "tool", do)
        assert isinstance(kept, dict)
        return ToolResult(kept["value"], str(kept["text"]), kept["failed"] is True, kept["cut"] is True)

    async def _told(self, wanted: Wanted, visit: Visit) -> ToolResult:
        if wanted.refusal is not None:
            return _no(wanted.refusal)
        assert wanted.spec is not None
        assert wanted.arguments is not None
        try:
            return await call_tool(wanted.spec, wanted.arguments, visit, approve=self._node.approve)
        except PASSING:
            raise
        except (Refused, *TOLD) as error:
            return _no(error.message)


def _no(text: str) -> ToolResult:
    return ToolResult(text, text, failed=True)
