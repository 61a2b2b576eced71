"""The course of a training: how many steps, which examples in each, at what learning rate. Everything follows from the parameters and the
number of the step, so that a training that goes on sees what it would have seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cluster.learning.tuning.spec import Hyperparameters


@dataclass(frozen=True, slots=True)
class Course:
    """``parameters`` are settled. Steps are counted from 0."""

    parameters: Hyperparameters
    examples: int

    @property
    def batch(self) -> int:
        assert self.parameters.batch_size is not None
        return self.parameters.batch_size

    @property
    def steps(self) -> int:
        assert self.parameters.epochs is not None
        return max(1, round(self.examples * self.parameters.epochs / self.batch))

    @property
    def look_every(self) -> int:
        """Steps between two looks at the held-out examples."""
        return max(1, math.ceil(self.steps / self.parameters.evaluations))

    def batch_of(self, step: int, rank: int = 0, size: int = 1) -> list[int]:
        """Numbers of the examples that worker ``rank`` of ``size`` learns from; epoch after epoch, each in an order of its own."""
        places = range(step * self.batch + rank, (step + 1) * self.batch, size)
        return [int(_order(self.parameters.seed, place // self.examples, self.examples)[place % self.examples]) for place in places]

    def rate(self, step: int) -> float:
        """The learning rate of a step: a straight rise, then half a cosine down to a tenth."""
        assert self.parameters.learning_rate is not None
        highest = self.parameters.learning_rate * self.parameters.multiplier
        rise = round(self.steps * self.parameters.warmup)
        if step < rise:
            return highest * (step + 1) / (rise + 1)
        through = (step - rise) / max(1, self.steps - rise)
        return highest * (0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, through))))

    def epoch(self, step: int) -> float:
        """How often every example was seen after so many steps."""
        return step * self.batch / self.examples


def waning(losses: list[float], patience: int) -> bool:
    """Whether the last ``patience`` held-out losses are all no better than the best before them."""
    return 0 < patience < len(losses) and min(losses[-patience:]) >= min(losses[:-patience])


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, examples: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.random.default_rng((seed, epoch)).permutation(examples)
