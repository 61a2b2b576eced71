"""One training: a base with an adapter on it, how one step moves the adapter, how well it does, and how it is written down."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed
from transformers import AutoTokenizer

from cluster.errors import Unprocessable
from cluster.learning.tuning.folders import BEST, Figures, forget_metrics_after, read_metrics
from cluster.learning.tuning.spec import SUPERVISED, Hyperparameters, Method
from cluster.settings import TuningSettings
from training.finetune.course import Course
from training.finetune.data import Data, Sources, load_data
from training.finetune.disk import writing
from training.finetune.objective import Objective, Supervised
from training.finetune.preference import Preference
from training.lora import adapter_state, load_base, put_on, restore_adapter, save_adapter
from training.nano.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.nano.devices import spare_threads
from training.nano.ranks import Ranks


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained: travels to every worker. ``base``: its name; ``weights``: its folder. ``folder``: where the training writes;
    ``shared``: where it keeps what other trainings with the same data may use, None: there as well."""

    base: str
    weights: Path
    sources: Sources
    parameters: Hyperparameters
    folder: Path
    limits: TuningSettings
    method: Method = SUPERVISED
    shared: Path | None = None


@dataclass(frozen=True, slots=True)
class StepFigures:
    """``loss`` and ``figures``: means over what the objective sums over, of all workers. ``tokens``: all that were computed, by all."""

    loss: float
    tokens: int
    figures: Mapping[str, float]


class Run:
    """The state of a training, from its folder's checkpoint where there is one; one of several workers when ``ranks`` says so.

    Workers are kept equal by hand: gradients are those of the adapter alone, a few megabytes once in a step, which torch's
    DistributedDataParallel would sum per pass while workers have different numbers of passes.
    """

    def __init__(self, task: Task, device: str, ranks: Ranks | None = None) -> None:
        self.task, self.device, self.ranks = task, device, ranks or Ranks()
        torch.set_num_threads(task.limits.threads or spare_threads())
        tokenizer = AutoTokenizer.from_pretrained(task.weights, local_files_only=True)
        self.data: Data = load_data(task.sources, tokenizer, task.parameters, task.limits, task.method)
        base = load_base(task.weights, number_format(device), device, task.method.quantization)
        self.parameters = task.parameters.settled(len(self.data.train), base.config.get_text_config().hidden_size, task.method)
        self.course = Course(self.parameters, len(self.data.train))
        if self.parameters.gradient_checkpointing:
            base.gradient_checkpointing_enable({"use_reentrant": False})
        self.model: Any = put_on(base, self.parameters)
        self.objective = self._objective()
        self._weights: list[Tensor] = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(self._weights, lr=0.0, betas=(0.9, 0.99), weight_decay=self.parameters.weight_decay)
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self._restore()

    def update(self) -> StepFigures:
        """One step of the optimizer. Raises Unprocessable before a number that is none reaches the weights."""
        chosen = self.objective.passes("train", self.course.batch_of(self.step, self.ranks.rank, self.ranks.size))
        weight, tokens = self._summed([chosen.weight, chosen.tokens])
        self.model.train()
        self.optimizer.zero_grad(set_to_none=False)
        totals = self._totals(chosen.passes, weight)
        self._share_gradients()
        loss, *figures = (total / weight for total in self._summed(totals))
        norm = float(torch.nn.utils.clip_grad_norm_(self._weights, self.parameters.clip))
        self._refuse_bad_numbers(loss, norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.course.rate(self.step)
        self.optimizer.step()
        self.step += 1
        self.tokens += int(tokens)
        return StepFigures(loss, int(tokens), dict(zip(self.objective.figures, figures, strict=True)))

    @torch.no_grad()
    def examine(self) -> Figures | None:
        """``held_out_loss``, and what else the objective measures, as means over the held-out examples; None: there are none."""
        if not self.data.held_out:
            return None
        self.model.eval()
        mine = self.objective.passes("held_out", range(self.ranks.rank, len(self.data.held_out), self.ranks.size))
        weight, *totals = self._summed([mine.weight, *self._totals(mine.passes)])
        if not math.isfinite(totals[0]):
            self._refuse_bad_numbers(totals[0], 0.0)
        return {f"held_out_{name}": total / weight for name, total in zip(("loss", *self.objective.figures), totals, strict=True)}

    def _totals(self, passes: Iterable[Any], weight: float | None = None) -> list[float]:
        """Sums of the loss and of the objective's figures; with a ``weight``, the gradient of loss / weight is added to the weights'."""
        totals = [0.0] * (1 + len(self.objective.figures))
        for one in passes:
            score = self.objective.score(one)
            if weight is not None:
                (score.loss / weight).backward()  # type: ignore[no-untyped-call]
            found = (float(score.loss.detach()), *(score.figures[name] for name in self.objective.figures))
            totals = [total + value for total, value in zip(totals, found, strict=True)]
        return totals

    def save(self) -> None:
        """Write the checkpoint; of several workers the first does, since all hold the same weights."""
        if self.ranks.rank == 0:
            self.objective.keep()
            state = adapter_state(self.model), self.optimizer.state_dict()
            with writing(self.task.folder):
                save_checkpoint(self.task.folder, Checkpoint(*state, self.step, self.tokens, self.seconds))

    def keep_best(self) -> None:
        """This adapter is the best so far."""
        if self.ranks.rank == 0:
            with writing(self.task.folder):
                save_adapter(self.model, self.task.folder / BEST, self.task.base)

    def held_out_losses(self) -> list[float]:
        """In their order; they stand in the folder, so a training that goes on knows them too."""
        return [figures["held_out_loss"] for figures in read_metrics(self.task.folder) if "held_out_loss" in figures]

    def _objective(self) -> Objective:
        most = self.parameters.max_tokens
        if self.task.method.type == "dpo":
            folder = self.task.shared or self.task.folder
            return Preference(self.model, self.data, self.parameters.beta, most, self.device, folder)
        return Supervised(self.model, self.data, most, self.device)

    def _share_gradients(self) -> None:
        if self.ranks.size == 1:
            return
        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        whole = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(whole)
        for gradient, part in zip(gradients, torch.split(whole, [gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def _summed(self, values: list[float]) -> list[float]:
        """Of all workers."""
        if self.ranks.size == 1:
            return values
        shared = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(shared)
        summed: list[float] = shared.tolist()
        return summed

    def _refuse_bad_numbers(self, loss: float, norm: float) -> None:
        for name, value in (("loss", loss), ("gradient", norm)):
            if not math.isfinite(value):
                raise Unprocessable(
                    f"The {name} became {value} in step {self.step + 1}; the last good adapter is kept in {self.task.folder}. "
                    "Train again with a lower learning rate, and look at the examples."
                )

    def _restore(self) -> None:
        saved = load_checkpoint(self.task.folder)
        if saved is not None:
            restore_adapter(self.model, saved.model)
            self.optimizer.load_state_dict(saved.optimizer)
            self.step, self.tokens, self.seconds = saved.step, saved.seen, saved.seconds
        if self.ranks.rank == 0:
            with writing(self.task.folder):
                forget_metrics_after(self.task.folder, self.step)


def number_format(device: str) -> torch.dtype:
    """bfloat16 on a card that computes it (8.0 and newer); float32 on older ones, where half precision is slow or overflows, and on a
    CPU."""
    return torch.bfloat16 if device == "cuda" and torch.cuda.get_device_capability() >= (8, 0) else torch.float32
