"""What every run of the family is: a network in training, in a folder with its spec and its checkpoint, and how far it has come."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.nano.checkpoint import Checkpoint, check_shape, load_checkpoint, save_checkpoint
from training.nano.ranks import Ranks
from training.nano.training_spec import TrainingSpec

Spec = TypeVar("Spec", bound=TrainingSpec)
Batch = TypeVar("Batch")
Figures = Mapping[str, float]


class Diverged(RuntimeError):
    """The loss is no longer a number; the last good checkpoint is kept."""


class HasState(Protocol):
    """An optimizer, or several as one."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Marks:
    """Of a held-out examination: the figures, a line that says them, and lines that show answers."""

    figures: Figures
    line: str
    shown: tuple[str, ...] = ()


class Trainee(ABC, Generic[Spec, Batch]):
    """The state of a run, from its folder's checkpoint where there is one; one of several workers when ``ranks`` says so.

    A kind of network says what it learns from (``feed``), how one step moves it (``update``) and how well it does (``examine``); the loop
    does the rest. ``unit``: what ``seen`` counts. Raises ConfigError when the checkpoint does not fit the spec.
    """

    unit: ClassVar[str]

    def __init__(self, spec: Spec, folder: Path, device: str, ranks: Ranks, model: nn.Module, optimizer: HasState) -> None:
        self.spec, self.folder, self.device, self.ranks = spec, folder, device, ranks
        self.model, self.optimizer = model, optimizer
        self.step, self.seen, self.seconds = 0, 0, 0.0
        self._restore()

    @property
    def progress(self) -> float:
        """The share of the run's minutes that is used up."""
        return min(1.0, self.seconds / (60 * self.spec.minutes))

    @property
    def rate(self) -> float:
        """The factor on the learning rates now."""
        return self.spec.schedule(self.step, self.progress)

    @abstractmethod
    def feed(self) -> AbstractContextManager[Iterator[Batch]]:
        """Batches without end. A resumed run goes on with new examples; every worker has its own."""

    @abstractmethod
    def update(self, batch: Batch) -> Figures:
        """One optimizer step; what it showed, losses first. Raises Diverged before a bad number reaches the weights."""

    @abstractmethod
    def examine(self, *, last: bool) -> Marks:
        """Held-out exercises, other ones at every step; more of them when it is the ``last``."""

    @abstractmethod
    def line(self, figures: Figures) -> str:
        """Figures of the last steps, for people."""

    def pace(self, per_s: float) -> Figures:
        """What follows from how many units a second it learns from."""
        return {f"{self.unit}_per_s": per_s}

    def save(self) -> None:
        """Write the checkpoint; of several workers the first does, since all hold the same weights."""
        if self.ranks.rank == 0:
            state = self.model.state_dict(), self.optimizer.state_dict()
            save_checkpoint(self.folder, Checkpoint(*state, self.step, self.seen, self.seconds))

    def distributed(self, objective: nn.Module) -> nn.Module:
        """As one of several workers, where there are several."""
        return DistributedDataParallel(objective) if self.ranks.size > 1 else objective

    def clipped(self) -> Tensor:
        """The length of the gradient, which is cut to 1."""
        return torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)

    def refuse_bad_numbers(self, loss: float, norm: float) -> None:
        for name, value in (("loss", loss), ("gradient", norm)):
            if not math.isfinite(value):
                raise Diverged(f"The {name} became {value} at step {self.step}; the checkpoint before it stands in {self.folder}.")

    def count(self, seen: int) -> None:
        """A step is done, in which this worker saw so many units, and the others as many."""
        self.step += 1
        self.seen += seen * self.ranks.size

    def _restore(self) -> None:
        saved = load_checkpoint(self.folder)
        if saved is None:
            return
        check_shape(self.folder, saved.model, self.model.state_dict())
        self.model.load_state_dict(saved.model)
        self.optimizer.load_state_dict(saved.optimizer)
        self.step, self.seen, self.seconds = saved.step, saved.seen, saved.seconds
