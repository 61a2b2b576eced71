"""A completion request, carried out: ``n`` answers to each prompt."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from api.completions.chunks import CompletionChunks, legacy_logprobs
from api.completions.schemas import CompletionAnswer, CompletionBody, CompletionChoice
from api.generation.schemas import UsageAnswer
from api.generation.service import Generations, adapter_of, fingerprint
from cluster.contracts.generation import GenerationRequest, Usage
from cluster.contracts.models import ModelStatus

# OpenAI's completions stop here unless told otherwise.
_DEFAULT_MAX_TOKENS = 16


class Completions:
    def __init__(self, generations: Generations, request_id: str) -> None:
        self._generations = generations
        self._request_id = request_id

    async def answer(self, body: CompletionBody) -> CompletionAnswer:
        status, requests = await self._requests(body)
        answers, usage = await self._generations.run(requests, per_prompt=body.n or 1)
        choices = [
            CompletionChoice(
                index=index,
                text=answer.reasoning + answer.text,
                logprobs=legacy_logprobs(answer.logprobs) if answer.logprobs else None,
                finish_reason=answer.finish_reason,
            )
            for index, answer in enumerate(answers)
        ]
        return CompletionAnswer(
            id=f"cmpl-{self._request_id}",
            created=int(time.time()),
            model=body.model,
            choices=choices,
            usage=UsageAnswer.of(usage),
            system_fingerprint=fingerprint(status),
        )

    async def stream(self, body: CompletionBody) -> AsyncGenerator[bytes, None]:
        """Server-sent events, several in one piece where several tokens came at once."""
        status, requests = await self._requests(body)
        head: dict[str, str | int] = {
            "id": f"cmpl-{self._request_id}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": body.model,
            "system_fingerprint": fingerprint(status),
        }
        chunks = CompletionChunks(head, len(requests), wants_usage=body.wants_usage)
        usages = [Usage()] * len(requests)
        async with aclosing(self._generations.stream(requests)) as batches:
            async for index, batch in batches:
                if batch and (usage := batch[-1].usage) is not None:
                    usages[index] = usage
                if text := chunks.deltas(index, batch):
                    yield text.encode()
        total = self._generations.account(usages, body.n or 1)
        if body.wants_usage:
            yield chunks.usage(total)

    async def _requests(self, body: CompletionBody) -> tuple[ModelStatus, list[GenerationRequest]]:
        """One request per choice; the choices of a prompt stand together, as OpenAI orders them."""
        count = self._generations.choices(body.n, prompts=len(body.prompt))
        for index, prompt in enumerate(body.prompt):
            if isinstance(prompt, str):
                self._generations.check_length(prompt, f"prompt.{index}")
        status = await self._generations.resolve(body.model)
        prompts = [prompt if isinstance(prompt, str) else tuple(prompt) for prompt in body.prompt for _ in range(count)]
        return status, [
            GenerationRequest(
                model=status.id,
                prompt=prompt,
                adapter=adapter_of(body.model, status),
                sampling=body.sampling(
                    max_tokens=body.max_tokens or _DEFAULT_MAX_TOKENS,
                    top_logprobs=body.logprobs,
                    choice=index % count,
                ),
                request_id=self._request_id if len(prompts) == 1 else f"{self._request_id}-{index}",
                scope=self._generations.scope,
                subject=body.user or "",
            )
            for index, prompt in enumerate(prompts)
        ]
