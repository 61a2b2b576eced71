"""One question to a model, answered at once or piece by piece; nothing is kept."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from pydantic_core import to_json

from api.chat.answers import ProvenanceAnswer
from api.chat.service import STILL_HERE
from api.direct.schemas import DirectAnswer, DirectMessage, DirectToolCall
from api.generation.service import Generations
from api.streams.fold import Content, calls_of, finish_event, piece_event, source_event
from api.streams.schemas import AskingBody
from api.streams.thinking import ThinkingParser
from api.streams.window import Measure, Window
from api.web.sse import event
from cluster.contracts.generation import FinishReason, GenerationRequest, Message, Usage


class Direct:
    def __init__(self, generations: Generations, measure: Measure, request_id: str) -> None:
        self._generations = generations
        self._measure = measure
        self._request_id = request_id

    async def answer(self, body: AskingBody, messages: Sequence[DirectMessage]) -> DirectAnswer:
        began = time.monotonic()
        request = await self._request(body, messages)
        answers, usage = await self._generations.run([request], per_prompt=1)
        parser = ThinkingParser()
        pieces = parser.feed(answers[0].text) + parser.close()
        thoughts = [answers[0].reasoning, *(piece.text for piece in pieces if piece.kind == "thinking")]
        return DirectAnswer(
            model=body.model,
            text="".join(piece.text for piece in pieces if piece.kind != "thinking"),
            thinking="".join(thoughts),
            tool_calls=[DirectToolCall(id=call.id, name=call.name, arguments=call.arguments) for call in answers[0].tool_calls],
            finish_reason=answers[0].finish_reason,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
            cached_tokens=usage.cached_tokens,
            provenance=ProvenanceAnswer.of(answers[0].provenance, request.model),
            latency_ms=round((time.monotonic() - began) * 1000),
        )

    async def stream(self, body: AskingBody, messages: Sequence[DirectMessage]) -> AsyncGenerator[bytes, None]:
        """The events of a prepared stream, without ids: there is nothing to come back to."""
        began = time.monotonic()
        request = await self._request(body, messages)
        parser, usage, reason = ThinkingParser(), Usage(), None
        yield _events([{"type": "start"}])
        async with aclosing(self._generations.stream([request])) as batches:
            async for _, batch in batches:
                contents: list[Content] = []
                for delta in batch:
                    contents += [source_event(delta.provenance)] if delta.provenance else []
                    usage, reason = delta.usage or usage, delta.finish_reason or reason
                    contents += [{"type": "thinking", "text": delta.reasoning, "part": -1}] if delta.reasoning else []
                    contents += [piece_event(piece) for piece in parser.feed(delta.text)] + calls_of(delta)
                if contents or not batch:
                    yield _events(contents) or STILL_HERE
        self._generations.account([usage], 1)
        yield _events([*map(piece_event, parser.close()), _finish(reason, usage, began)])

    async def _request(self, body: AskingBody, messages: Sequence[DirectMessage]) -> GenerationRequest:
        for index, message in enumerate(messages):
            self._generations.check_length(message.content, f"messages.{index}.content")
        status = await self._generations.resolve(body.model)
        told = tuple(Message(message.role, message.content) for message in messages)
        request = body.request(status, told, self._request_id, self._generations.scope)
        await self._measure.need_room(request, Window(status, body.max_tokens or 1))
        return request


def _finish(reason: FinishReason | None, usage: Usage, began: float) -> Content:
    return finish_event("complete", reason, usage, None, round((time.monotonic() - began) * 1000))


def _events(contents: Sequence[Content]) -> bytes:
    return b"".join(event(to_json(content)) for content in contents)
