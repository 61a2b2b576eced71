"""The nano CLIP in training: its loss, the step that moves it, and its examinations.

The loss is CLIP's: of the pictures of a batch each is to be nearest to its own caption, and the other way round (Radford et al., "Learning
Transferable Visual Models From Natural Language Supervision", 2021).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import open_clip  # type: ignore[import-untyped]
import torch
from PIL.Image import Image
from torch import Tensor, nn
from torch.nn import functional

from training.nano.clip.exam import AMONG, Eyes, Matrix, recall, rows_of
from training.nano.clip.pairs import Pairs, batches, looking, tokens_of
from training.nano.clip.spec import ClipSpec
from training.nano.clip.words import words
from training.nano.ranks import Ranks
from training.nano.trainee import Figures, Marks, Trainee

# The largest factor on the likenesses, as CLIP has it.
MOST_SCALE = math.log(100.0)


class Objective(nn.Module):
    """The network with its loss, as one module, so that both are distributed together."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pictures: Tensor, captions: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and how many captions found their picture among those of the batch."""
        seen, said, scale = self.model(pictures, captions)
        likeness = scale * said @ seen.T
        own = torch.arange(len(likeness), device=likeness.device)
        loss = (functional.cross_entropy(likeness, own) + functional.cross_entropy(likeness.T, own)) / 2
        return loss, (likeness.argmax(dim=1) == own).sum()


class ClipRun(Trainee[ClipSpec, Pairs]):
    """A nano CLIP in training."""

    unit = "pairs"

    def __init__(self, spec: ClipSpec, folder: Path, device: str, ranks: Ranks | None = None) -> None:
        torch.manual_seed(spec.seed)
        model: nn.Module = open_clip.CLIP(**spec.shape.open_clip(len(words()))).to(device)
        matrices = [weight for weight in model.parameters() if weight.ndim > 1]
        others = [weight for weight in model.parameters() if weight.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": spec.decay}, {"params": others, "weight_decay": 0.0}]
        self._adam = torch.optim.AdamW(groups, lr=spec.rate, betas=(0.9, 0.98))
        super().__init__(spec, folder, device, ranks or Ranks(), model, self._adam)
        self.objective = self.distributed(Objective(model))

    @contextmanager
    def feed(self) -> Iterator[Iterator[Pairs]]:
        yield batches(self.spec, f"{self.spec.seed}-{self.ranks.rank}-{self.step}")

    def update(self, batch: Pairs) -> Figures:
        """The loss, and the share of captions that found their picture among those of the batch."""
        pictures, captions = (one.to(self.device, non_blocking=True) for one in batch)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            loss, found = self.objective(pictures, captions)
        loss.backward()
        norm = self.clipped()
        # One wait for the device in a step.
        values = torch.stack((loss.detach().float(), norm.float(), found.float() / len(pictures))).tolist()
        self.refuse_bad_numbers(*values[:2])
        for group in self._adam.param_groups:
            group["lr"] = self.spec.rate * self.rate
        self._adam.step()
        self._adam.zero_grad()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0.0, MOST_SCALE)  # type: ignore[operator]  # open_clip is untyped
        self.count(len(pictures))
        return {"loss": float(values[0]), "found_in_batch": float(values[2])}

    def line(self, figures: Figures) -> str:
        return f"loss {figures['loss']:.3f}, found in batch {figures['found_in_batch']:.0%}, {figures['pairs_per_s']:,.0f} pairs/s"

    def examine(self, *, last: bool) -> Marks:
        share = self.recall(self.step, rounds=5 if last else 1)
        return Marks({"recall": share}, f"recall@1 among {AMONG}: {share:.0%}")

    @torch.inference_mode()
    def recall(self, seed: int, rounds: int = 1) -> float:
        """Text-to-image recall@1 of the network as it stands."""
        look, model = looking(self.spec.shape.image_size), self.model

        def see(pictures: Sequence[Image]) -> Matrix:
            return rows_of(model.encode_image(torch.stack([look(one) for one in pictures]).to(self.device), normalize=True))  # type: ignore[operator]

        def read(captions: Sequence[str]) -> Matrix:
            return rows_of(model.encode_text(tokens_of(captions).to(self.device), normalize=True))  # type: ignore[operator]

        model.eval()
        try:
            return recall(Eyes(see, read), seed, rounds)
        finally:
            model.train()
