"""The trials of a search, all drawn before it begins, so that one that goes on after a crash tries what it would have tried."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from cluster.learning.tuning.search import Between, Search
from cluster.learning.tuning.spec import Hyperparameters

RANKS = (8, 16, 32)
TIMES = 4.0
Candidate = dict[str, float]


def candidates(settled: Hyperparameters, search: Search) -> list[Candidate]:
    """At most ``search.trials`` different ones, the same for the same arguments. The first is the ``settled`` parameters themselves as far
    as they are part of the search, so that it ends no worse than without."""
    space = _space(settled, search)
    ranged = {name: values for name, values in space.items() if isinstance(values, Between)}
    listed = {name: values for name, values in space.items() if not isinstance(values, Between)}
    random = np.random.default_rng(settled.seed)
    combinations = [dict(zip(listed, values, strict=True)) for values in product(*listed.values())]
    # All combinations in turn, in an order by chance, so that few trials do not share a few values.
    count = search.trials if ranged else min(search.trials, len(combinations))
    order = [combinations[number] for _ in range(count) for number in random.permutation(len(combinations))][:count]
    drawn = [{**chosen, **{name: _between(between, random) for name, between in ranged.items()}} for chosen in order]
    usual = {name: value for name, value in settled.model_dump().items() if name in space}
    if all(_within(space[name], value) for name, value in usual.items()):
        drawn = [usual, *(one for one in drawn if one != usual)][:count]
    return drawn


def largest_rank(parameters: Hyperparameters) -> int:
    """Of an adapter that the search may try."""
    search = parameters.search
    if search is None:
        return parameters.rank
    return max(RANKS if search.names_nothing else search.rank or (parameters.rank,))


def told(candidate: Candidate) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in candidate.items())


def _space(settled: Hyperparameters, search: Search) -> dict[str, Any]:
    if search.names_nothing:
        assert settled.learning_rate is not None
        rate = settled.learning_rate
        return {"learning_rate": Between(low=rate / TIMES, high=min(0.1, rate * TIMES)), "rank": RANKS}
    named = {"learning_rate": search.learning_rate, "rank": search.rank, "epochs": search.epochs}
    return {name: values for name, values in named.items() if values is not None}


def _between(between: Between, random: np.random.Generator) -> float:
    return float(np.exp(random.uniform(np.log(between.low), np.log(between.high))))


def _within(values: Any, value: float) -> bool:
    return values.low <= value <= values.high if isinstance(values, Between) else value in values
