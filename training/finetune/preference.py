"""Direct Preference Optimization: Rafailov et al., "Direct Preference Optimization: Your Language Model is Secretly a Reward Model"
(NeurIPS 2023, arXiv 2305.18290), equation 7::

    loss = -log sigmoid(beta * (log p(preferred) / r(preferred) - log p(other) / r(other)))

p is the model with its adapter and r, the reference, the same model with the adapter switched off, so that no second model is held. What
beta multiplies is the margin between the implicit rewards of the two answers; the pair counts as understood when it is above 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from training.finetune.data import Data, Side
from training.finetune.objective import Passes, Score, answer_logits
from training.finetune.packing import Row, filled, row_of

REFERENCE = "reference.safetensors"


@dataclass(frozen=True, slots=True)
class PairRow:
    """Whole pairs in one row: the preferred answer of its pair k is its sequence 2k, the other one 2k + 1. ``sequence``: that of each of
    the row's answer tokens. ``numbers``: of the pairs, on their ``side``."""

    row: Row
    sequence: Tensor
    side: Side
    numbers: Sequence[int]


class Preference:
    """The pairs of ``data``. What the reference says of a pair is computed once, when it is first met, and kept in ``folder``."""

    figures: tuple[str, ...] = ("reward_accuracy", "reward_margin")

    def __init__(self, model: Any, data: Data, beta: float, most: int, device: str, folder: Path) -> None:
        self._model, self._data, self._beta, self._most, self._device = model, data, beta, most, device
        self._file = folder / REFERENCE
        self._reference: dict[str, Tensor] = self._kept()
        self._fresh = False

    def passes(self, side: Side, numbers: Sequence[int]) -> Passes:
        pairs = self._data.of(side)
        rows = [self._row(side, [numbers[one] for one in row]) for row in filled([pairs[number].size for number in numbers], self._most)]
        return Passes(rows, len(numbers), sum(one.row.ids.numel() for one in rows))

    def score(self, one: PairRow) -> Score:
        # The reference first: its pass is over, and its memory free, when that of the gradient begins.
        reference = self._of_reference(one)
        gained = self._log_probabilities(one) - reference
        margins = self._beta * (gained[:, 0] - gained[:, 1])
        understood, margin = float((margins > 0).sum()), float(margins.detach().sum())
        return Score(-functional.logsigmoid(margins).sum(), {"reward_accuracy": understood, "reward_margin": margin})

    def keep(self) -> None:
        if self._fresh:
            draft = self._file.with_name(f"{self._file.name}.new")
            save_file(self._reference, draft)
            draft.replace(self._file)
            self._fresh = False

    def _row(self, side: Side, numbers: Sequence[int]) -> PairRow:
        pairs = [self._data.of(side)[number] for number in numbers]
        sequences = [tokens for pair in pairs for tokens in (pair.preferred, pair.other)]
        answers = [sum(tokens.learned[1:]) for tokens in sequences]
        return PairRow(row_of(sequences), torch.arange(len(sequences)).repeat_interleave(torch.tensor(answers)), side, numbers)

    def _log_probabilities(self, one: PairRow) -> Tensor:
        """Shape (pairs, 2): of the whole preferred answer, and of the other."""
        row, sequence = one.row.to(self._device), one.sequence.to(self._device)
        each = -functional.cross_entropy(answer_logits(self._model, row), row.answers, reduction="none")
        return torch.zeros(2 * len(one.numbers), device=self._device).index_add(0, sequence, each).view(-1, 2)

    @torch.no_grad()
    def _of_reference(self, one: PairRow) -> Tensor:
        known, numbers = self._reference[one.side], torch.tensor(one.numbers)
        if bool(known[numbers].isnan().any()):
            learning = self._model.training
            self._model.eval()
            with self._model.disable_adapter():
                known[numbers] = self._log_probabilities(one).cpu()
            self._model.train(learning)
            self._fresh = True
        return known[numbers].to(self._device)

    def _kept(self) -> dict[str, Tensor]:
        if self._file.exists():
            return load_file(self._file)
        return {side: torch.full((len(self._data.of(side)), 2), torch.nan) for side in ("train", "held_out")}
