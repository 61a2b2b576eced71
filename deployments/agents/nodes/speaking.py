"""Asking a language model: what it says is paid for, and shown to whoever follows the run while it is said."""

from __future__ import annotations

import json
import uuid
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, Json, JsonObject, Message, ResponseFormat, Sampling
from cluster.json_schema import mistake
from cluster.providers.dialect import folded
from deployments.agents.retrying import BadAnswer
from deployments.agents.visiting import Visit

# With fewer tokens left than this, an answer is cut to what is left.
SCARCE = 4096


def request_for(visit: Visit, model: str, messages: tuple[Message, ...], sampling: Sampling) -> GenerationRequest:
    run = visit.run
    return GenerationRequest(
        model=model,
        messages=messages,
        sampling=_affordable(visit, sampling),
        request_id=f"{run.id}-{uuid.uuid4().hex[:8]}",
        scope=str(run.organisation_id),
    )


async def said(visit: Visit, request: GenerationRequest, *, live: bool = False) -> Generation:
    """The model's whole answer. Raises OverBudget before it is asked, when there is nothing left to spend."""
    visit.run.budget.check()
    if live:
        answer = await _live(visit, request)
    else:
        answer = await visit.run.services.gateway.generate(request)
    visit.tally.pay(answer.provenance.served_by if answer.provenance else request.model, answer.usage)
    return answer


async def _live(visit: Visit, request: GenerationRequest) -> Generation:
    services, pieces = visit.run.services, list[GenerationDelta]()
    # The protocol promises an iterator; those that exist can be closed, which stops the engine.
    stream = services.gateway.stream(request)
    async with aclosing(stream) as batches:  # type: ignore[type-var]
        async for batch in batches:
            pieces += batch
            text = "".join(piece.text for piece in batch)
            if text:
                await services.live.say(visit.run.id, visit.name, text)
    return folded(pieces)


async def formed(visit: Visit, request: GenerationRequest, schema: JsonObject, first: str | None = None) -> Json:
    """An answer that fits ``schema``; the model is told its mistake once. ``first``: what it said already. Raises BadAnswer."""
    request = replace(request, response_format=ResponseFormat("json_schema", schema), tools=(), tool_choice=None)
    text = first if first is not None else (await said(visit, request)).text
    value, wrong = _read(text, schema)
    if wrong is None:
        return value
    told = f"That does not fit: {wrong} Answer again, with nothing but JSON of the schema that was asked for."
    messages = (*request.messages, Message("assistant", text), Message("user", told))
    value, wrong = _read((await said(visit, replace(request, messages=messages))).text, schema)
    if wrong is not None:
        raise BadAnswer(f"Model '{request.model}' did not answer in the form that it was asked for: {wrong}")
    return value


def _read(text: str, schema: JsonObject) -> tuple[Json, str | None]:
    """The value, and what is wrong with it."""
    try:
        value = cast("Json", json.loads(_bare(text)))
    except (ValueError, RecursionError):
        return None, "it is not JSON."
    found = mistake(value, schema)
    if found is None:
        return value, None
    return None, f"{found[0]}: {found[1]}" if found[0] else found[1]


def _bare(text: str) -> str:
    """Without the fence that some models put around JSON."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```"):
        return text.removeprefix("```json").removeprefix("```").removesuffix("```")
    return text


def _affordable(visit: Visit, sampling: Sampling) -> Sampling:
    left = visit.run.budget.tokens_left
    if sampling.max_tokens is not None:
        return replace(sampling, max_tokens=max(1, min(sampling.max_tokens, left)))
    return replace(sampling, max_tokens=max(1, left)) if left < SCARCE else sampling
