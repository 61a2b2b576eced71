"""The workers of one run: which of them this process is, and the little they must agree on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True)
class Ranks:
    """This worker's number and how many there are. Of one worker, every method is free."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    def first(self, value: float) -> float:
        """The first worker's value, on all: clocks differ, and one that stopped a step earlier would leave the others waiting."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, src=0)
        return float(shared.item())

    def wait(self) -> None:
        """Until every worker has come here."""
        if self.size > 1:
            distributed.barrier()
