"""One training run in one folder: its network, its optimizer, how far it has come, and the step that moves it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from training.nano.batches import Batch
from training.nano.checkpoint import Checkpoint, check_shape, load_checkpoint, save_checkpoint
from training.nano.corpus import conversations
from training.nano.devices import number_format
from training.nano.masks import Mask, packed_mask
from training.nano.network import NanoLlama
from training.nano.optimizer import Optimizer
from training.nano.ranks import Ranks
from training.nano.spec import RunSpec
from training.nano.tokens import load_tokenizer, save_tokenizer, train_tokenizer

TOKENIZER_SAMPLE = 12_000  # conversations at full difficulty, and a quarter as many of the easy ones
TOKENIZER = Path("tokenizer") / "tokenizer.json"


class Diverged(RuntimeError):
    """The loss is no longer a number; the last good checkpoint is kept."""


class Objective(nn.Module):
    """The network with its loss, as one module, so that both are compiled and distributed together."""

    def __init__(self, model: NanoLlama) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, weights: Tensor, mask: Mask) -> tuple[Tensor, Tensor]:
        """Two sums over the rows: the weighted loss that is minimised, and the plain loss over answer tokens alone."""
        logits = self.model(tokens, mask)[:, :-1].flatten(0, 1).float()
        each = functional.cross_entropy(logits, tokens[:, 1:].flatten(), reduction="none")
        weight = weights[:, 1:].flatten()
        return (each * weight).sum(), (each * (weight == 1.0)).sum().detach()


class Run:
    """The state of a run, from its folder's checkpoint where there is one; one of several workers when `ranks` says so.

    Raises ConfigError when the checkpoint or the tokenizer does not fit the spec.
    """

    def __init__(self, spec: RunSpec, folder: Path, device: str, ranks: Ranks | None = None) -> None:
        self.spec, self.folder, self.device = spec, folder, device
        self.ranks = ranks or Ranks()
        self.tokenizer = prepare_tokenizer(spec, folder, self.ranks)
        self.model = NanoLlama(spec.shape, spec.seed).to(device)
        self.optimizer = Optimizer(self.model, spec.muon_rate, spec.adam_rate)
        self.dtype = number_format(device, spec.shape.width)
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self._restore()
        self.objective = self._objective()

    @property
    def progress(self) -> float:
        return min(1.0, self.seconds / (60 * self.spec.minutes))

    @property
    def operations_per_token(self) -> float:
        """Matrix operations of one forward and backward pass; attention, which depends on the text, is left out."""
        return 6.0 * self.model.matrix_weights

    def _objective(self) -> nn.Module:
        objective: nn.Module = Objective(self.model)
        if self.device == "cuda":
            torch.set_float32_matmul_precision("high")
            objective.compile()
        if self.ranks.size > 1:
            objective = DistributedDataParallel(objective)
        return objective

    def _restore(self) -> None:
        saved = load_checkpoint(self.folder)
        if saved is None:
            return
        check_shape(self.folder, saved.model, self.model.state_dict())
        self.model.load_state_dict(saved.model)
        self.optimizer.restore(saved.optimizer)
        self.step, self.tokens, self.seconds = saved.step, saved.tokens, saved.seconds

    def save(self) -> None:
        """Write the checkpoint; of several workers the first does, since all hold the same weights."""
        if self.ranks.rank == 0:
            state = self.model.state_dict(), self.optimizer.state()
            save_checkpoint(self.folder, Checkpoint(*state, self.step, self.tokens, self.seconds))

    def update(self, batch: Batch) -> float:
        """One optimizer step; returns the loss over answer tokens. Raises Diverged before a bad number reaches the weights."""
        batch = batch.to(self.device)
        weight = batch.weights[:, 1:].sum().clamp(min=1e-6)
        parts = batch.split(max(1, self.spec.tokens_per_pass // self.spec.longest))
        loss, answer_loss = torch.zeros((), device=self.device), torch.zeros((), device=self.device)
        for number, part in enumerate(parts, 1):
            with self._gradients_stay_here(number < len(parts)):
                part_loss, part_answers = self._forward(part)
                (part_loss / weight).backward()  # type: ignore[no-untyped-call]
            loss += part_loss.detach() / weight
            answer_loss += part_answers
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        answers = (batch.weights[:, 1:] == 1.0).sum().clamp(min=1)
        # One wait for the device in a step.
        values = torch.stack((loss, norm, answer_loss / answers)).tolist()
        self._refuse_bad_numbers(*values[:2])
        self.optimizer.step(self.spec.schedule(self.step, self.progress))
        self.model.zero_grad()
        self.step += 1
        self.tokens += batch.tokens.numel() * self.ranks.size
        return float(values[2])

    def _forward(self, part: Batch) -> tuple[Tensor, Tensor]:
        mask = packed_mask(part.documents, blocks=self.device == "cuda")
        with torch.autocast(self.device, dtype=self.dtype) if self.dtype != torch.float32 else nullcontext():
            losses: tuple[Tensor, Tensor] = self.objective(part.tokens, part.weights, mask)
        return losses

    def _gradients_stay_here(self, more: bool) -> AbstractContextManager[None]:
        """Until the last pass of a step, workers need not tell each other their gradients."""
        return self.objective.no_sync() if more and isinstance(self.objective, DistributedDataParallel) else nullcontext()

    def _refuse_bad_numbers(self, loss: float, norm: float) -> None:
        for name, value in (("loss", loss), ("gradient", norm)):
            if not math.isfinite(value):
                raise Diverged(f"The {name} became {value} at step {self.step}; the checkpoint before it stands in {self.folder}.")


def prepare_tokenizer(spec: RunSpec, folder: Path, ranks: Ranks) -> Tokenizer:
    """The run's tokenizer, trained once (by the first worker) and then read back."""
    path = folder / TOKENIZER
    if not path.exists() and ranks.rank == 0:
        hard = itertools.islice(conversations(spec.seed + 1000, "train", 1.0), TOKENIZER_SAMPLE)
        easy = itertools.islice(conversations(spec.seed + 2000, "train", 0.2), TOKENIZER_SAMPLE // 4)
        save_tokenizer(train_tokenizer(itertools.chain(hard, easy), spec.shape.vocab), path.parent, spec.shape.context)
    ranks.wait()
    return load_tokenizer(path, spec.shape.vocab)


def progress_of(run: Run) -> Iterator[float]:
    while True:
        yield run.progress
