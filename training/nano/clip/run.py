"""One training run in one folder: the network, its optimizer, how far it has come, and the step that moves it.

The loss is CLIP's: of the pictures of a batch each is to be nearest to its own caption, and the other way round (Radford et al., "Learning
Transferable Visual Models From Natural Language Supervision", 2021).
"""

from __future__ import annotations

import math
from pathlib import Path

import open_clip  # type: ignore[import-untyped]
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from training.nano.checkpoint import Checkpoint, check_shape, load_checkpoint, save_checkpoint
from training.nano.clip.pairs import Pairs
from training.nano.clip.spec import ClipSpec
from training.nano.clip.words import words
from training.nano.ranks import Ranks
from training.nano.run import Diverged

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


class ClipRun:
    """The state of a run, from its folder's checkpoint where there is one; one of several workers when ``ranks`` says so.

    Raises ConfigError when the checkpoint does not fit the spec.
    """

    def __init__(self, spec: ClipSpec, folder: Path, device: str, ranks: Ranks | None = None) -> None:
        self.spec, self.folder, self.device = spec, folder, device
        self.ranks = ranks or Ranks()
        torch.manual_seed(spec.seed)
        self.model: nn.Module = open_clip.CLIP(**spec.shape.open_clip(len(words()))).to(device)
        matrices = [weight for weight in self.model.parameters() if weight.ndim > 1]
        others = [weight for weight in self.model.parameters() if weight.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": spec.decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=spec.rate, betas=(0.9, 0.98))
        self.step, self.pairs, self.seconds = 0, 0, 0.0
        self._restore()
        objective: nn.Module = Objective(self.model)
        self.objective = DistributedDataParallel(objective) if self.ranks.size > 1 else objective

    @property
    def progress(self) -> float:
        return min(1.0, self.seconds / (60 * self.spec.minutes))

    def _restore(self) -> None:
        saved = load_checkpoint(self.folder)
        if saved is None:
            return
        check_shape(self.folder, saved.model, self.model.state_dict())
        self.model.load_state_dict(saved.model)
        self.optimizer.load_state_dict(saved.optimizer)
        self.step, self.pairs, self.seconds = saved.step, saved.tokens, saved.seconds

    def save(self) -> None:
        """Write the checkpoint; of several workers the first does, since all hold the same weights."""
        if self.ranks.rank == 0:
            state = self.model.state_dict(), self.optimizer.state_dict()
            save_checkpoint(self.folder, Checkpoint(*state, self.step, self.pairs, self.seconds))

    def update(self, pairs: Pairs) -> tuple[float, float]:
        """One step; the loss, and the share of captions that found their picture. Raises Diverged before a bad number reaches the
        weights."""
        pictures, captions = (one.to(self.device, non_blocking=True) for one in pairs)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            loss, found = self.objective(pictures, captions)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        # One wait for the device in a step.
        values = torch.stack((loss.detach().float(), norm.float(), found.float() / len(pictures))).tolist()
        self._refuse_bad_numbers(*values[:2])
        for group in self.optimizer.param_groups:
            group["lr"] = self.spec.rate * self.spec.schedule(self.step, self.progress)
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0.0, MOST_SCALE)  # type: ignore[operator]  # open_clip is untyped
        self.step += 1
        self.pairs += len(pictures) * self.ranks.size
        return float(values[0]), float(values[2])

    def _refuse_bad_numbers(self, loss: float, norm: float) -> None:
        for name, value in (("loss", loss), ("gradient", norm)):
            if not math.isfinite(value):
                raise Diverged(f"The {name} became {value} at step {self.step}; the checkpoint before it stands in {self.folder}.")
