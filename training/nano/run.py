"""The nano language model in training: its text, its loss, the step that moves it, and its examinations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from training.nano.batches import Batch, Encoder, batches
from training.nano.corpus import Stream, conversations
from training.nano.devices import matrix_rate, number_format
from training.nano.feeding import Pool
from training.nano.masks import Mask, packed_mask
from training.nano.network import NanoLlama
from training.nano.optimizer import Optimizer
from training.nano.ranks import Ranks
from training.nano.spec import RunSpec
from training.nano.tokens import load_tokenizer, save_tokenizer, train_tokenizer
from training.nano.trainee import Figures, Marks, Trainee
from training.nano.trial import examine, samples

TOKENIZER_SAMPLE = 12_000  # conversations at full difficulty, and a quarter as many of the easy ones
TOKENIZER = Path("tokenizer") / "tokenizer.json"


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


class Run(Trainee[RunSpec, Batch]):
    """A nano language model in training. Raises ConfigError when the checkpoint or the tokenizer does not fit the spec."""

    unit = "tokens"
    model: NanoLlama

    def __init__(self, spec: RunSpec, folder: Path, device: str, ranks: Ranks | None = None) -> None:
        ranks = ranks or Ranks()
        self.tokenizer = prepare_tokenizer(spec, folder, ranks)
        self.dtype = number_format(device, spec.shape.width)
        model = NanoLlama(spec.shape, spec.seed).to(device)
        self._optimizer = Optimizer(model, spec.muon_rate, spec.adam_rate)
        super().__init__(spec, folder, device, ranks, model, self._optimizer)
        self.objective = self._objective()
        self._pool: Pool | None = None

    @property
    def operations_per_token(self) -> float:
        """Matrix operations of one forward and backward pass; attention, which depends on the text, is left out."""
        return 6.0 * self.model.matrix_weights

    @cached_property
    def best_rate(self) -> float:
        """Operations in a second that large matrix products reach on the devices of all workers."""
        return matrix_rate(self.device, self.dtype) * self.ranks.size

    def _objective(self) -> nn.Module:
        objective = Objective(self.model)
        if self.device == "cuda":
            torch.set_float32_matmul_precision("high")
            objective.compile()
        return self.distributed(objective)

    @contextmanager
    def feed(self) -> Iterator[Iterator[Batch]]:
        spec, seed = self.spec, f"{self.spec.seed}-{self.ranks.rank}-{self.step}"
        if not spec.producers:
            encoder = Encoder(self.tokenizer, spec.context_weight)
            yield batches(Stream(seed, "train"), encoder, spec.tokens_per_step, spec.longest, progress_of(self))
            return
        with Pool(spec, (self.folder / TOKENIZER).absolute(), seed, self.device) as self._pool:
            yield self._pool.batches(progress_of(self))

    def update(self, batch: Batch) -> Figures:
        """The loss over answer tokens alone."""
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
        norm = self.clipped()
        answers = (batch.weights[:, 1:] == 1.0).sum().clamp(min=1)
        # One wait for the device in a step.
        values = torch.stack((loss, norm, answer_loss / answers)).tolist()
        self.refuse_bad_numbers(*values[:2])
        self._optimizer.step(self.rate)
        self.model.zero_grad()
        self.count(batch.tokens.numel())
        return {"answer_loss": float(values[2])}

    def pace(self, per_s: float) -> Figures:
        """And what share of the device's matrix rate that is."""
        return {**super().pace(per_s), "matrix_share": per_s * self.operations_per_token / self.best_rate}

    def line(self, figures: Figures) -> str:
        name = str(self.dtype).removeprefix("torch.")
        share = f"{figures['matrix_share']:.0%} of the {self.best_rate / 1e12:.3g} TFLOP/s that large {name} products reach"
        reuse = f", each row used {self._pool.reuse:.1f} times" if self._pool is not None else ""
        return f"answer loss {figures['answer_loss']:.3f}, {figures['tokens_per_s']:,.0f} tokens/s, {share}{reuse}"

    def examine(self, *, last: bool) -> Marks:
        count = 100 if last else 24 if self.device == "cpu" else 50
        shares = examine(self.model, self.tokenizer, self.step, count)
        text = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        shown = tuple(samples(self.model, self.tokenizer, self.step))
        return Marks({f"exact_{name}": share for name, share in shares.items()}, f"exact: {text}", shown)

    def _forward(self, part: Batch) -> tuple[Tensor, Tensor]:
        mask = packed_mask(part.documents, blocks=self.device == "cuda")
        with torch.autocast(self.device, dtype=self.dtype) if self.dtype != torch.float32 else nullcontext():
            losses: tuple[Tensor, Tensor] = self.objective(part.tokens, part.weights, mask)
        return losses

    def _gradients_stay_here(self, more: bool) -> AbstractContextManager[None]:
        """Until the last pass of a step, workers need not tell each other their gradients."""
        return self.objective.no_sync() if more and isinstance(self.objective, DistributedDataParallel) else nullcontext()


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
