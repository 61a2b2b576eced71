"""How unsure a model was of an answer, from the log probabilities of its tokens, or from what a second model says.

Entropy and margin are the two classic measures (Settles, "Active Learning Literature Survey", 2009, section 3.1); for a text they are
averaged over its tokens, so that a long answer is not unsure because it is long. Disagreement of two adapters is a committee of two
(section 3.2).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

# The log probabilities of the likeliest tokens at one place of an answer.
Alternatives = Sequence[float]
_WORD = re.compile(r"\w+|[^\w\s]")


def token_entropy(tokens: Sequence[Alternatives]) -> float | None:
    """Mean entropy of the places, each divided by the largest it can be, so in 0..1; what the alternatives leave of the probability counts
    as one more. None where no place has two alternatives."""
    found = [_entropy(np.exp(np.asarray(one, np.float64))) for one in tokens if len(one) > 1]
    return float(np.mean(found)) if found else None


def doubt(tokens: Sequence[Alternatives]) -> float | None:
    """1 less the mean margin between the two likeliest tokens: 0 where the model was sure, 1 where two are as likely. None as above."""
    found = [_margin(np.exp(np.asarray(one, np.float64))) for one in tokens if len(one) > 1]
    return float(1 - np.mean(found)) if found else None


def disagreement(one: str, other: str) -> float:
    """1 less the F1 of the words that two answers share (case and white space do not count): 0 for the same, 1 for none."""
    first, second = Counter(_WORD.findall(one.casefold())), Counter(_WORD.findall(other.casefold()))
    if not first or not second:
        return float(first != second)
    return 1 - 2 * (first & second).total() / (first.total() + second.total())


def _entropy(chances: np.ndarray) -> float:
    all_chances = np.append(chances, max(0.0, 1.0 - float(chances.sum())))
    some = all_chances[all_chances > 0]
    some = some / some.sum()
    return float(-(some * np.log(some)).sum() / np.log(len(all_chances)))


def _margin(chances: np.ndarray) -> float:
    best = np.sort(chances)[-2:]
    return float(min(1.0, best[1] - best[0]))
