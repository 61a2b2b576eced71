"""Several examples in one pass of the model, without a token of padding: each is a sequence of its own to the model's attention, since its
positions begin anew (transformers derives the mask from that), so it is computed exactly as if it were alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.finetune.examples import Tokens


@dataclass(frozen=True, slots=True)
class Row:
    """``ids``, ``positions``: shape (1, tokens). ``asked``: indices of the tokens behind which one to learn comes; ``answers``: those."""

    ids: Tensor
    positions: Tensor
    asked: Tensor
    answers: Tensor

    def to(self, device: str) -> Row:
        return Row(*(part.to(device, non_blocking=True) for part in (self.ids, self.positions, self.asked, self.answers)))


def pack(examples: Sequence[Tokens], most: int) -> list[Row]:
    """All of ``examples`` in rows of at most ``most`` tokens."""
    return [row_of([examples[number] for number in row]) for row in filled([len(one.ids) for one in examples], most)]


def filled(sizes: Sequence[int], most: int) -> list[list[int]]:
    """The numbers of things of these ``sizes`` in rows of at most ``most``: the longest first, each into the first row that has room."""
    rows: list[list[int]] = []
    free: list[int] = []
    for number in sorted(range(len(sizes)), key=lambda one: sizes[one], reverse=True):
        size = sizes[number]
        place = next((row for row, room in enumerate(free) if room >= size), None)
        if place is None:
            rows.append([number])
            free.append(most - size)
        else:
            rows[place].append(number)
            free[place] -= size
    return rows


def row_of(examples: Sequence[Tokens]) -> Row:
    """These in one row, in this order."""
    ids = [token for one in examples for token in one.ids]
    positions = [position for one in examples for position in range(len(one.ids))]
    learned = [position > 0 and is_learned for one in examples for position, is_learned in enumerate(one.learned)]
    answers = [index for index, is_learned in enumerate(learned) if is_learned]
    asked = torch.tensor([index - 1 for index in answers], dtype=torch.long)
    return Row(torch.tensor([ids]), torch.tensor([positions]), asked, torch.tensor([ids[index] for index in answers], dtype=torch.long))
