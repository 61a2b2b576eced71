"""What a training minimises. A batch is computed in passes, each of which fits into memory, and every figure is a sum over what they hold,
so that passes, and workers, add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor
from torch.nn import functional

from training.finetune.data import Data, Side
from training.finetune.packing import Row, pack


class Score(NamedTuple):
    """``loss``: a sum with its gradient. ``figures``: other sums, under the names of the objective's ``figures``."""

    loss: Tensor
    figures: Mapping[str, float]


class Passes(NamedTuple):
    """``weight``: how many things the sums are over; ``tokens``: all that are computed."""

    passes: Sequence[Any]
    weight: int
    tokens: int


class Objective(Protocol):
    """``figures``: names of what is measured beside the loss."""

    figures: tuple[str, ...]

    def passes(self, side: Side, numbers: Sequence[int]) -> Passes:
        """The examples of a side with these numbers."""
        ...

    def score(self, one: Any) -> Score:
        """Of one pass. Asks the model in the mode it is in."""
        ...

    def keep(self) -> None:
        """Writes down what would be computed anew by a training that goes on."""
        ...


class Supervised:
    """The answers' tokens, each given what stands before it."""

    figures: tuple[str, ...] = ()

    def __init__(self, model: Any, data: Data, most: int, device: str) -> None:
        self._model, self._data, self._most, self._device = model, data, most, device

    def passes(self, side: Side, numbers: Sequence[int]) -> Passes:
        examples = self._data.of(side)
        rows = pack([examples[number] for number in numbers], self._most)
        return Passes(rows, sum(row.answers.numel() for row in rows), sum(row.ids.numel() for row in rows))

    def score(self, one: Row) -> Score:
        row = one.to(self._device)
        return Score(functional.cross_entropy(answer_logits(self._model, row), row.answers, reduction="sum"), {})

    def keep(self) -> None:
        """Nothing."""


def answer_logits(model: Any, row: Row) -> Tensor:
    """Shape (answers, vocabulary). Only for the tokens to learn are logits computed, which for a large vocabulary is most of the memory."""
    out = model(input_ids=row.ids, position_ids=row.positions, use_cache=False, logits_to_keep=row.asked)
    logits: Tensor = out.logits[0].float()
    return logits
