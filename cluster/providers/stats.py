"""What was asked of providers, how it went and what it cost: counters of one process, to be exported by whoever wants to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cluster.contracts.generation import Fallback, Usage
from cluster.specs.providers import Price

MILLION = 1_000_000


@dataclass(slots=True)
class ModelStats:
    """One model of one provider since the process began. ``failures``: by error code, each once its repeats are used up.
    ``first_s``: seconds to the first token of streams, or to the whole of other answers, in all; divide by ``answers``."""

    requests: int = 0
    answers: int = 0
    repeats: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    estimated_answers: int = 0
    cost: float = 0.0
    first_s: float = 0.0

    def count(self, usage: Usage, price: Price | None) -> None:
        """A complete answer."""
        self.prompt_tokens += usage.prompt_tokens
        self.cached_tokens += usage.cached_tokens
        self.completion_tokens += usage.completion_tokens
        self.estimated_answers += usage.estimated
        self.cost += cost(usage, price) if price else 0.0


@dataclass(slots=True)
class GatewayStats:
    """``models``: by provider and model. ``fallbacks``: by the model that failed, the one asked next, and the error code."""

    models: dict[tuple[str, str], ModelStats] = field(default_factory=dict)
    fallbacks: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def of(self, provider: str, model: str) -> ModelStats:
        return self.models.setdefault((provider, model), ModelStats())

    def fell_back(self, failed: Fallback, following: str) -> None:
        self.fallbacks[failed.model, following, failed.code] += 1


def cost(usage: Usage, price: Price) -> float:
    """In the currency of the price."""
    cached_price = price.input if price.cached is None else price.cached
    fresh = usage.prompt_tokens - usage.cached_tokens
    return (fresh * price.input + usage.cached_tokens * cached_price + usage.completion_tokens * price.output) / MILLION
