"""What is told of providers."""

from __future__ import annotations

from pydantic import Field

from api.web.schema import Answer
from cluster.providers.breaker import BreakerState
from cluster.providers.directory import ProviderHealth
from cluster.providers.stats import GatewayStats
from cluster.specs.providers import ProviderKind


class ProviderEntry(Answer):
    """One provider, as this API process sees it."""

    name: str
    kind: ProviderKind
    reachable: bool | None = Field(description="As of the last look; null before the first.")
    breaker: BreakerState = Field(description="Open: it failed repeatedly, and is left alone for a while.")
    latency_s: float | None = Field(description="Of the last look.")
    checked_at: float | None = Field(description="Unix time of the last look.")
    models: int
    problem: str | None = Field(description="What to do about it.")
    requests: int = Field(description="Since the process began, like everything below.")
    answers: int
    failures: dict[str, int] = Field(description="By error code, each once its repeats were used up.")
    prompt_tokens: int
    completion_tokens: int
    cost: float = Field(description="In the currency of the configured prices.")

    @classmethod
    def of(cls, health: ProviderHealth, stats: GatewayStats) -> ProviderEntry:
        counts = [count for (provider, _), count in stats.models.items() if provider == health.provider]
        failures: dict[str, int] = {}
        for count in counts:
            for code, times in count.failures.items():
                failures[code] = failures.get(code, 0) + times
        return cls(
            name=health.provider,
            kind=health.kind,
            reachable=health.reachable,
            breaker=health.breaker,
            latency_s=health.latency_s,
            checked_at=health.checked_at,
            models=health.models,
            problem=health.problem,
            requests=sum(count.requests for count in counts),
            answers=sum(count.answers for count in counts),
            failures=failures,
            prompt_tokens=sum(count.prompt_tokens for count in counts),
            completion_tokens=sum(count.completion_tokens for count in counts),
            cost=sum(count.cost for count in counts),
        )


class CacheEntry(Answer):
    """The response cache, over all processes."""

    hits: int
    misses: int
    stored: int
    hit_rate: float = Field(description="Between 0 and 1.")


class ProvidersAnswer(Answer):
    providers: list[ProviderEntry]
    cache: CacheEntry
