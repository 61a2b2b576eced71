"""Running one or several generations for one HTTP request, and accounting for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from typing import Any

from api.agents.gateway import AgentGateway
from api.generation.spending import Running, shares_prompt, spent, spent_by_run
from api.web.exchange import Exchange
from api.web.metrics import Metrics
from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, Usage
from cluster.contracts.models import ModelKind, ModelStatus
from cluster.errors import BadInput
from cluster.learning.releases.entry import ReleaseEntry
from cluster.settings import Settings

Batch = tuple[int, Sequence[GenerationDelta]]


class Generations:
    """Several requests run at once; the index of each is the index of its choice. ``scope``: of the requests, see GenerationRequest."""

    def __init__(self, gateway: AgentGateway, settings: Settings, metrics: Metrics, exchange: Exchange, scope: str) -> None:
        self.scope = scope
        self._gateway = gateway
        self._settings = settings
        self._metrics = metrics
        self._exchange = exchange

    def released(self, request: GenerationRequest) -> ReleaseEntry | None:
        """In the way of which release it will be answered; see AgentGateway."""
        return self._gateway.released(request.model, request.adapter, request.subject)

    async def resolve(self, model: str) -> ModelStatus:
        status = await self._gateway.resolve(model, ModelKind.LLM)
        self._exchange.serves(status)
        return status

    def choices(self, n: int | None, *, prompts: int = 1) -> int:
        """``n``, checked against the settings: together with the number of prompts it may not ask for more than may wait for a model."""
        limits = self._settings.limits
        count = n or 1
        if count > limits.completions_per_request:
            most = limits.completions_per_request
            raise BadInput(f"'n' is {n}, at most {most} are generated (setting limits.completions_per_request); ask for fewer.").about("n")
        if count * prompts > limits.queued_requests:
            raise BadInput(
                f"{prompts} prompts with 'n' {count} are more than may wait (setting limits.queued_requests); send fewer."
            ).about("n")
        return count

    def check_length(self, text: str, param: str) -> None:
        most = self._settings.limits.text_chars
        if len(text) > most:
            raise BadInput(f"'{param}' has {len(text)} characters, at most {most} are taken (setting limits.text_chars).").about(param)

    async def run(self, requests: Sequence[GenerationRequest], *, per_prompt: int) -> tuple[list[Generation], Usage]:
        """All answers, in order, and what they cost. ``per_prompt`` requests in a row share a prompt, which is counted once."""
        if len(requests) == 1:
            answers = [await self._gateway.generate(requests[0])]
        else:
            answers = await _all_or_none([self._gateway.generate(request) for request in requests])
        for index, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            if answer.run is not None:
                self._exchange.spent += spent_by_run(answer.run)
            else:
                self._exchange.spent.append(spent(request, answer.usage, answer.provenance, prompt=not shares_prompt(requests, index)))
        return answers, self.account([answer.usage for answer in answers], per_prompt)

    async def stream(self, requests: Sequence[GenerationRequest]) -> AsyncGenerator[Batch, None]:
        """Deltas of all requests as they come, each batch with the index of its request. Closing it closes the streams of the gateway."""
        running = [Running(request, prompt=not shares_prompt(requests, index)) for index, request in enumerate(requests)]
        with self._metrics.meter(self._exchange.model) as meter:
            if len(requests) == 1:
                source = _indexed(self._gateway.stream(requests[0]))
            else:
                source = _merged([self._gateway.stream(request) for request in requests])
            try:
                async with aclosing(source):
                    async for index, batch in source:
                        if tokens := running[index].saw(batch):
                            meter.arrived(tokens)
                        yield index, batch
            finally:
                self._exchange.spent += [cost for stream in running for cost in stream.spent()]

    def account(self, usages: Sequence[Usage], per_prompt: int) -> Usage:
        """The sum of what the requests cost, noted for the log and the metrics."""
        prompts = usages[::per_prompt]
        total = Usage(
            prompt_tokens=sum(usage.prompt_tokens for usage in prompts),
            completion_tokens=sum(usage.completion_tokens for usage in usages),
            cached_tokens=sum(usage.cached_tokens for usage in prompts),
        )
        self._exchange.usage = total
        self._metrics.count_usage(self._exchange.model, total)
        return total


def adapter_of(model: str, status: ModelStatus) -> str | None:
    """The adapter in ``<model>:<adapter>``, when ``status`` is that model's. A provider's model may have a colon in its own name."""
    return model.removeprefix(f"{status.id}:") if model.startswith(f"{status.id}:") else None


def fingerprint(status: ModelStatus) -> str:
    return f"fp_{status.engine}_{status.dtype}"


async def _all_or_none(works: Sequence[Awaitable[Generation]]) -> list[Generation]:
    """All results in order; the first failure ends the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        await _end(tasks)


async def _indexed(stream: AsyncIterator[Sequence[GenerationDelta]]) -> AsyncGenerator[Batch, None]:
    try:
        async for batch in stream:
            yield 0, batch
    finally:
        await _close(stream)


async def _merged(streams: Sequence[AsyncIterator[Sequence[GenerationDelta]]]) -> AsyncGenerator[Batch, None]:
    """Batches of all streams as they come. A stream is asked for its next batch only when its last one was taken, so that a slow reader
    slows the streams down instead of filling memory."""
    waiting = {asyncio.ensure_future(anext(stream, None)): index for index, stream in enumerate(streams)}
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=waiting.__getitem__):
                index = waiting.pop(task)
                batch = task.result()
                if batch is not None:
                    yield index, batch
                    waiting[asyncio.ensure_future(anext(streams[index], None))] = index
    finally:
        await _end(list(waiting))
        for stream in streams:
            await _close(stream)


async def _end(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _close(stream: AsyncIterator[object]) -> None:
    """Tell the gateway that nobody reads on; an iterator that cannot be closed ends with its task."""
    if isinstance(stream, AsyncGenerator):
        await stream.aclose()
