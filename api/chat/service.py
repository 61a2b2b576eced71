"""A chat request, carried out."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from api.chat.answers import ChatAnswer, ChoiceAnswer, LogprobsAnswer, MessageAnswer, ProvenanceAnswer
from api.chat.chunks import ChatChunks
from api.chat.schemas import AssistantMessage, ChatBody, ChatMessage, ToolMessage
from api.generation.schemas import UsageAnswer
from api.generation.service import Generations, adapter_of, fingerprint
from cluster.contracts.generation import Caching, GenerationRequest, Message, ToolCall, Usage
from cluster.contracts.models import ModelStatus


class Chat:
    def __init__(self, generations: Generations, request_id: str) -> None:
        self._generations = generations
        self._request_id = request_id

    async def answer(self, body: ChatBody) -> ChatAnswer:
        status, requests = await self._requests(body)
        answers, usage = await self._generations.run(requests, per_prompt=len(requests))
        choices = [
            ChoiceAnswer(
                index=index,
                message=MessageAnswer.of(answer, most_calls=_most_calls(body)),
                logprobs=LogprobsAnswer.of(answer.logprobs),
                finish_reason=answer.finish_reason,
                provenance=ProvenanceAnswer.of(answer.provenance, status.id),
            )
            for index, answer in enumerate(answers)
        ]
        return ChatAnswer(
            id=f"chatcmpl-{self._request_id}",
            created=int(time.time()),
            model=body.model,
            choices=choices,
            usage=UsageAnswer.of(usage),
            system_fingerprint=fingerprint(status),
        )

    async def stream(self, body: ChatBody) -> AsyncGenerator[bytes, None]:
        """Server-sent events, several in one piece where several tokens came at once."""
        status, requests = await self._requests(body)
        head: dict[str, str | int] = {
            "id": f"chatcmpl-{self._request_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": body.model,
            "system_fingerprint": fingerprint(status),
        }
        chunks = ChatChunks(head, status.id, wants_usage=body.wants_usage, most_calls=_most_calls(body))
        usages = [Usage()] * len(requests)
        unopened = set(range(len(requests)))
        async with aclosing(self._generations.stream(requests)) as batches:
            async for index, batch in batches:
                text = chunks.deltas(index, batch)
                if index in unopened:
                    unopened.remove(index)
                    text = chunks.opening(index) + text
                if batch and (usage := batch[-1].usage) is not None:
                    usages[index] = usage
                if text:
                    yield text.encode()
        total = self._generations.account(usages, len(requests))
        if body.wants_usage:
            yield chunks.usage(total)

    async def _requests(self, body: ChatBody) -> tuple[ModelStatus, list[GenerationRequest]]:
        """One request per choice."""
        count = self._generations.choices(body.n)
        messages = tuple(self._message(index, message) for index, message in enumerate(body.messages))
        status = await self._generations.resolve(body.model)
        return status, [
            GenerationRequest(
                model=status.id,
                messages=messages,
                adapter=adapter_of(body.model, status),
                sampling=body.sampling(
                    max_tokens=body.max_completion_tokens or body.max_tokens,
                    top_logprobs=(body.top_logprobs or 0) if body.logprobs else None,
                    choice=choice,
                ),
                tools=body.offered(),
                tool_choice=body.choice(),
                response_format=body.wanted_format(),
                request_id=self._request_id if count == 1 else f"{self._request_id}-{choice}",
                fallbacks=tuple(body.fallbacks or ()),
                caching=Caching(body.cache.ttl_s, body.cache.sampled) if body.cache else None,
                scope=self._generations.scope,
            )
            for choice in range(count)
        ]

    def _message(self, index: int, message: ChatMessage) -> Message:
        content = message.content
        if content is not None:
            self._generations.check_length(content, f"messages.{index}.content")
        if isinstance(message, ToolMessage):
            return Message("tool", content, tool_call_id=message.tool_call_id)
        if isinstance(message, AssistantMessage):
            calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ())
            return Message("assistant", content if content is not None else message.refusal, message.name, calls)
        return Message(message.role, content, message.name)


def _most_calls(body: ChatBody) -> int | None:
    return 1 if body.parallel_tool_calls is False else None
