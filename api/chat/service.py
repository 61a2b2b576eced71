"""A chat request, carried out."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from api.chat.answers import ChatAnswer, ChoiceAnswer, HearthAnswer, LogprobsAnswer, MessageAnswer, ProvenanceAnswer
from api.chat.chunks import ChatChunks
from api.chat.grounded import GroundedChoice
from api.chat.schemas import AssistantMessage, ChatBody, ChatMessage, ToolMessage
from api.generation.schemas import UsageAnswer
from api.generation.service import Batch, Generations, adapter_of, fingerprint
from api.retrieval.service import Knowledge
from cluster.contracts.generation import Caching, Generation, GenerationDelta, GenerationRequest, Message, ToolCall, Usage
from cluster.contracts.models import ModelStatus
from cluster.retrieval.briefing import Briefing

# Where a graph works and says nothing: a comment, which clients pass over.
STILL_HERE = b": still working\n\n"


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request for each choice. ``briefing``: what documents say, where they were asked for."""

    status: ModelStatus
    requests: list[GenerationRequest]
    briefing: Briefing | None

    def grounded(self) -> list[GroundedChoice]:
        """Of every choice; none without documents."""
        return [GroundedChoice(self.briefing) for _ in self.requests] if self.briefing is not None else []

    @property
    def known(self) -> str | None:
        """The answer, where no model is needed for it."""
        return self.briefing.answer if self.briefing is not None else None


class Chat:
    def __init__(self, generations: Generations, knowledge: Knowledge, request_id: str) -> None:
        self._generations = generations
        self._knowledge = knowledge
        self._request_id = request_id

    async def answer(self, body: ChatBody) -> ChatAnswer:
        asked = await self._asked(body)
        answers, usage = await self._answers(asked)
        grounded = asked.grounded()
        return ChatAnswer(
            id=f"chatcmpl-{self._request_id}",
            created=int(time.time()),
            model=body.model,
            choices=[
                _choice(index, answer, asked.status, _most_calls(body), grounded[index] if grounded else None)
                for index, answer in enumerate(answers)
            ],
            usage=UsageAnswer.of(usage),
            system_fingerprint=fingerprint(asked.status),
        )

    async def stream(self, body: ChatBody) -> AsyncGenerator[bytes, None]:
        """Server-sent events, several in one piece where several tokens came at once."""
        asked = await self._asked(body)
        head: dict[str, str | int] = {
            "id": f"chatcmpl-{self._request_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": body.model,
            "system_fingerprint": fingerprint(asked.status),
        }
        most = _most_calls(body)
        chunks = ChatChunks(head, asked.status.id, wants_usage=body.wants_usage, most_calls=most, grounded=asked.grounded())
        usages = [Usage()] * len(asked.requests)
        unopened = set(range(len(asked.requests)))
        async with aclosing(self._batches(asked)) as batches:
            async for index, batch in batches:
                text = chunks.deltas(index, batch)
                if index in unopened:
                    unopened.remove(index)
                    text = chunks.opening(index) + text
                if batch and (usage := batch[-1].usage) is not None:
                    usages[index] = usage
                if text or not batch:
                    yield text.encode() or STILL_HERE
        total = self._generations.account(usages, len(asked.requests))
        if body.wants_usage:
            yield chunks.usage(total)

    async def _answers(self, asked: _Asked) -> tuple[list[Generation], Usage]:
        count = len(asked.requests)
        if asked.known is None:
            return await self._generations.run(asked.requests, per_prompt=count)
        return [Generation(asked.known, "stop", Usage())] * count, self._generations.account([Usage()] * count, count)

    def _batches(self, asked: _Asked) -> AsyncGenerator[Batch, None]:
        return self._generations.stream(asked.requests) if asked.known is None else _told(asked.known, len(asked.requests))

    async def _asked(self, body: ChatBody) -> _Asked:
        count = self._generations.choices(body.n)
        messages = tuple(self._message(index, message) for index, message in enumerate(body.messages))
        status = await self._generations.resolve(body.model)
        requests = [self._request(body, status, messages, choice, count) for choice in range(count)]
        if body.knowledge is None:
            return _Asked(status, requests, None)
        # Known before it is asked: documents are searched as the release has it, and its prompt stands before what is said of them.
        release = self._generations.released(requests[0])
        told = release.instructed(messages) if release else messages
        briefing = await self._knowledge.brief(body.knowledge, messages, status, released=release.searching if release else None)
        shown, label = briefing.messages(told), release.label if release else None
        requests = [briefing.request(replace(request, messages=shown, release=label)) for request in requests]
        return _Asked(status, requests, briefing)

    def _request(self, body: ChatBody, status: ModelStatus, messages: tuple[Message, ...], choice: int, count: int) -> GenerationRequest:
        return GenerationRequest(
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
            subject=body.safety_identifier or body.user or "",
            given=body.given(),
        )

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


def _choice(index: int, answer: Generation, status: ModelStatus, most_calls: int | None, grounded: GroundedChoice | None) -> ChoiceAnswer:
    shown = grounded.whole(answer) if grounded else answer
    return ChoiceAnswer(
        index=index,
        message=MessageAnswer.of(shown, most_calls=most_calls, citations=grounded.citations if grounded else None),
        logprobs=LogprobsAnswer.of(answer.logprobs),
        finish_reason=answer.finish_reason,
        provenance=ProvenanceAnswer.of(answer.provenance, status.id),
        hearth=HearthAnswer.of(grounded.knowledge if grounded else None, answer.run),
    )


async def _told(text: str, count: int) -> AsyncGenerator[Batch, None]:
    """An answer that no model had to write."""
    for index in range(count):
        yield index, (GenerationDelta(text=text), GenerationDelta(finish_reason="stop", usage=Usage()))


def _most_calls(body: ChatBody) -> int | None:
    return 1 if body.parallel_tool_calls is False else None
