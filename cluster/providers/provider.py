"""One provider: asked within its limits and times, repeated where that helps, and left alone while it is unwell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import httpx2
import tenacity
from aiolimiter import AsyncLimiter
from pydantic import SecretStr, ValidationError

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, Usage
from cluster.errors import DeadlineExceeded, EngineError, HearthError, Overloaded, Unprocessable
from cluster.providers.anthropic_messages import AnthropicMessages
from cluster.providers.breaker import Breaker
from cluster.providers.chat_completions import ChatCompletions
from cluster.providers.dialect import Dialect, Offer, folded, read_refusal
from cluster.providers.failures import AttemptFailed, malformed, refused, unreachable, without
from cluster.providers.keys import HeldKey, SecretSource
from cluster.providers.ollama_chat import OllamaChat
from cluster.providers.reading import Answer
from cluster.providers.stats import GatewayStats, ModelStats
from cluster.providers.tokens import TokenCounter
from cluster.specs.providers import ProviderSpec

KEY_REFUSED = frozenset({401, 403})

AnswerT = TypeVar("AnswerT")


class Provider:
    """Belongs to one event loop; nothing is connected before the first use. Every failure is an error of cluster.errors."""

    def __init__(self, name: str, spec: ProviderSpec, secrets: SecretSource, stats: GatewayStats, tokens: TokenCounter) -> None:
        self.name = name
        self.spec = spec
        self.breaker = Breaker(name, spec.breaker)
        self._stats = stats
        self._tokens = tokens
        self._dialect = dialect_of(name, spec)
        self._key = HeldKey(spec.key, secrets)
        self._slots = asyncio.Semaphore(spec.limits.concurrent)
        self._rate = AsyncLimiter(spec.limits.requests_per_minute, 60) if spec.limits.requests_per_minute else None
        # No proxies and no .netrc from the environment; redirects are not followed, so that a key goes nowhere else.
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(spec.timeouts.request_s, connect=spec.timeouts.connect_s),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=spec.limits.concurrent),
            follow_redirects=False,
            trust_env=False,
        )

    def objection(self, request: GenerationRequest) -> str | None:
        """Why this provider's API cannot carry out the request, or None."""
        return self._dialect.objection(request)

    async def offers(self) -> list[Offer]:
        """The models it lists, asked once, within ``timeouts.probe_s``."""
        try:
            async with asyncio.timeout(self.spec.timeouts.probe_s):
                return await self._list()
        except TimeoutError:
            raise DeadlineExceeded(f"Provider '{self.name}' did not list its models in {self.spec.timeouts.probe_s:g} s.") from None
        except AttemptFailed as failed:
            raise failed.error from None

    async def generate(self, model: str, request: GenerationRequest) -> Generation:
        self._check(request)
        async with self._turn(model) as stats:
            begun = time.monotonic()
            generation = await self._repeating(lambda: self._whole(model, request), stats)
            stats.first_s += time.monotonic() - begun
            return self._counted(generation, request, model, stats)

    async def stream(self, model: str, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """Attempts are repeated until the first piece is here; what fails after it, fails."""
        self._check(request)
        async with self._turn(model) as stats, AsyncExitStack() as closing:
            begun = time.monotonic()
            answer = await self._repeating(lambda: self._open(model, request), stats)
            closing.push_async_callback(answer.aclose)
            stats.first_s += time.monotonic() - begun
            pieces: list[GenerationDelta] = []
            try:
                async for delta in answer:
                    pieces.append(delta)
                    yield (delta if delta.finish_reason is None else self._last(pieces, request, model, stats),)
            except AttemptFailed as failed:
                if failed.unwell:
                    self.breaker.failed_later()
                stats.failures[failed.error.code] += 1
                raise failed.error from None

    async def close(self) -> None:
        await self._client.aclose()

    def _check(self, request: GenerationRequest) -> None:
        if objection := self.objection(request):
            raise Unprocessable(f"Provider '{self.name}' cannot do this: {objection}.")

    @asynccontextmanager
    async def _turn(self, model: str) -> AsyncIterator[ModelStats]:
        stats = self._stats.of(self.name, model)
        stats.requests += 1
        try:
            await self._within_wait(self._slots.acquire())
        except AttemptFailed as failed:
            stats.failures[failed.error.code] += 1
            raise failed.error from None
        try:
            yield stats
        finally:
            self._slots.release()

    async def _within_wait(self, waiting: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(self.spec.limits.max_wait_s):
                await waiting
        except TimeoutError:
            said = f"Provider '{self.name}' is asked as much as its limits in configs/providers.yaml allow; retry in 1 s."
            raise AttemptFailed(Overloaded(said)) from None

    async def _repeating(self, attempt: Callable[[], Awaitable[AnswerT]], stats: ModelStats) -> AnswerT:
        """The first good answer within ``timeouts.request_s``."""
        limit_s = self.spec.timeouts.request_s
        try:
            async with asyncio.timeout(limit_s):
                answer: AnswerT = await _retrying(self.spec, stats)(self._attempt, attempt)
        except TimeoutError:
            self.breaker.failed_later()
            stats.failures[DeadlineExceeded.code] += 1
            raise DeadlineExceeded(f"Provider '{self.name}' did not answer within {limit_s:g} s; ask another model.") from None
        except AttemptFailed as failed:
            stats.failures[failed.error.code] += 1
            raise failed.error from None
        except HearthError as error:
            stats.failures[error.code] += 1
            raise
        stats.answers += 1
        return answer

    async def _attempt(self, attempt: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
        if self._rate is not None:
            await self._within_wait(self._rate.acquire())
        with self.breaker.attempt():
            try:
                return await attempt()
            except httpx2.TransportError as error:
                raise unreachable(self.name, error) from None

    async def _whole(self, model: str, request: GenerationRequest) -> Generation:
        async with self._sent(model, request, stream=False) as response:
            await response.aread()
            reader = self._dialect.reader()
            return folded([*reader.whole(response.text), reader.finish()])

    async def _open(self, model: str, request: GenerationRequest) -> Answer:
        """An answer whose first piece is here."""
        async with AsyncExitStack() as closing:
            response = await closing.enter_async_context(self._sent(model, request, stream=True))
            answer = Answer(self.name, response, self._dialect, self.spec.timeouts.stream_idle_s)
            await answer.begin()
            answer.closing = closing.pop_all()
            return answer

    @asynccontextmanager
    async def _sent(self, model: str, request: GenerationRequest, *, stream: bool) -> AsyncIterator[httpx2.Response]:
        key = await self._shown()
        body = self._dialect.body(request, model, stream=stream)
        address = self.spec.address + self._dialect.path
        async with self._client.stream("POST", address, json=body, headers=self._dialect.headers(key)) as response:
            await self._check_status(response)
            yield response

    async def _list(self) -> list[Offer]:
        key = await self._shown()
        address = self.spec.address + self._dialect.models_path
        try:
            response = await self._client.get(address, headers=self._dialect.headers(key))
        except httpx2.TransportError as error:
            raise unreachable(self.name, error) from None
        await self._check_status(response)
        try:
            return self._dialect.offers(response.text)
        except ValidationError:
            raise malformed(self.name, "a list of models that cannot be read") from None

    async def _shown(self) -> SecretStr | None:
        """The key. One that cannot be read is the operator's mistake, not the caller's, and no reason for others not to answer."""
        try:
            return await self._key.get()
        except HearthError as error:
            raise EngineError(f"Provider '{self.name}' has no key: {error.message}") from None

    async def _check_status(self, response: httpx2.Response) -> None:
        if response.is_success:
            return
        await response.aread()
        key = await self._shown()
        if response.status_code in KEY_REFUSED:
            self._key.forget()
        said, code = read_refusal(response.text)
        raise refused(self.name, response, without(said, key), code)

    def _last(self, pieces: list[GenerationDelta], request: GenerationRequest, model: str, stats: ModelStats) -> GenerationDelta:
        return replace(pieces[-1], usage=self._counted(folded(pieces), request, model, stats).usage)

    def _counted(self, generation: Generation, request: GenerationRequest, model: str, stats: ModelStats) -> Generation:
        """With usage as reported, or else as estimated."""
        usage = generation.usage
        if usage.estimated:
            prompt, answer = self._tokens.request(request, model), self._tokens.answer(generation, model)
            usage = Usage(prompt.tokens, answer.tokens, estimated=True)
        price = next((listed.price for listed in self.spec.models if listed.name == model), None)
        stats.count(usage, price)
        return replace(generation, usage=usage)


def dialect_of(name: str, spec: ProviderSpec) -> Dialect:
    match spec.kind:
        case "anthropic":
            return AnthropicMessages(name, spec.max_output_tokens)
        case "ollama":
            return OllamaChat(name)
    return ChatCompletions(name, spec.kind)


def _retrying(spec: ProviderSpec, stats: ModelStats) -> tenacity.AsyncRetrying:
    longest_s = spec.retries.longest_wait_s
    jittered = tenacity.wait_random_exponential(multiplier=spec.retries.first_wait_s, max=longest_s)

    def worth_it(error: BaseException) -> bool:
        return isinstance(error, AttemptFailed) and error.repeat and (error.wait_s or 0.0) <= longest_s

    def wait(state: tenacity.RetryCallState) -> float:
        """As long as the provider said, and a little more, so that not everybody comes back at once."""
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.wait_s if isinstance(error, AttemptFailed) else None
        return (asked_s or 0.0) + jittered(state)

    def count(state: tenacity.RetryCallState) -> None:
        stats.repeats += 1

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(worth_it),
        wait=wait,
        stop=tenacity.stop_after_attempt(spec.retries.attempts),
        before_sleep=count,
        reraise=True,
    )
