"""What a run may spend, and what it has spent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from cluster.contracts.generation import Usage
from cluster.errors import TooLarge
from cluster.graphs.pending import NOTHING, Spent
from cluster.settings import GraphSettings
from cluster.specs.graph import GraphLimits
from cluster.specs.prices import Consumption, PriceTable

What = Literal["steps", "tokens", "seconds", "money"]
MICROS = 1_000_000


class OverBudget(TooLarge):
    """The run may spend no more. No other path is taken instead: it has failed."""

    code = "over_budget"


@dataclass(frozen=True, slots=True)
class Limit:
    """``where``: what to raise."""

    most: float
    where: str


def limits_of(settings: GraphSettings, *tighter: tuple[str, GraphLimits]) -> Mapping[What, Limit]:
    """The least of the settings and of what graph and request say."""
    found: dict[What, Limit] = {}
    names: tuple[What, ...] = ("steps", "tokens", "seconds", "money")
    for name in names:
        given = [Limit(getattr(settings, name), f"the setting graphs.{name}")]
        given += [Limit(most, f"'{name}' {where}") for where, limits in tighter if (most := getattr(limits, name)) is not None]
        found[name] = min(given, key=lambda limit: limit.most)
    return found


class Budget:
    """Of one run, its sub-graphs included. ``steps``, ``spent`` and ``seconds``: what earlier attempts have spent."""

    def __init__(
        self,
        limits: Mapping[What, Limit],
        prices: PriceTable,
        *,
        steps: int = 0,
        spent: Spent = NOTHING,
        seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.steps = steps
        self.spent = spent
        self._limits = limits
        self._prices = prices
        self._clock = clock
        self._before = seconds
        self._began = self._told = clock()

    @property
    def seconds(self) -> float:
        """Of work, earlier attempts included."""
        return self._before + self._clock() - self._began

    def lap(self) -> float:
        """Seconds since this was last asked: what is to be written down."""
        before, self._told = self._told, self._clock()
        return self._told - before

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._limits["seconds"].most - self.seconds)

    @property
    def tokens_left(self) -> int:
        return max(0, int(self._limits["tokens"].most) - self.spent.tokens)

    @property
    def most_steps(self) -> int:
        return int(self._limits["steps"].most)

    def begin_step(self) -> None:
        """Raises OverBudget when no further node may be run."""
        self.check()
        if self.steps >= self.most_steps:
            raise self._over("steps", f"{self.steps} nodes were run")
        self.steps += 1

    def check(self) -> None:
        """Raises OverBudget when anything is spent."""
        if self.spent.tokens >= self._limits["tokens"].most:
            raise self._over("tokens", f"{self.spent.tokens} tokens were spent")
        if self.spent.micros >= self._limits["money"].most * MICROS:
            raise self._over("money", f"{self.spent.micros / MICROS:.4f} {self._prices.currency} were spent")
        if self.seconds_left <= 0:
            raise self.late()

    def late(self) -> OverBudget:
        return self._over("seconds", f"{self.seconds:.1f} seconds were spent")

    def priced(self, model: str, usage: Usage) -> Spent:
        """What an answer costs."""
        used = Consumption(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, estimated=usage.estimated)
        return self.consumed(model, used)

    def consumed(self, model: str, used: Consumption) -> Spent:
        cost = round(self._prices.cost(model, used) * MICROS)
        return Spent(used.input_tokens, used.output_tokens, int(cost))

    def pay(self, spent: Spent) -> None:
        self.spent += spent

    def _over(self, what: What, found: str) -> OverBudget:
        limit = self._limits[what]
        return OverBudget(
            f"The run reached its limit of {limit.most:g} {what}: {found}. Raise {limit.where}, and retry it, or give it less to do."
        )
