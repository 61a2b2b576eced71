"""The nano Whisper in training: the step that moves it, and its examinations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from training.nano.devices import number_format
from training.nano.optimizer import Optimizer
from training.nano.ranks import Ranks
from training.nano.trainee import Figures, Marks, Trainee
from training.nano.whisper.batches import Batch, batches
from training.nano.whisper.clips import WINDOW_S
from training.nano.whisper.exam import Hearing, hearing, recordings
from training.nano.whisper.mels import FRAMES_A_SECOND, looks, powers
from training.nano.whisper.network import Losses, NanoWhisper
from training.nano.whisper.spec import WhisperSpec
from training.nano.whisper.speech import Sound
from training.nano.whisper.words import text_of

LONGEST = 80  # tokens of the sentences of an examination
SHOWN = 2


class WhisperRun(Trainee[WhisperSpec, Batch]):
    """A nano Whisper in training."""

    unit = "clips"
    model: NanoWhisper

    def __init__(self, spec: WhisperSpec, folder: Path, device: str, ranks: Ranks | None = None) -> None:
        torch.manual_seed(spec.seed)
        model = NanoWhisper(spec.shape).to(device)
        self._optimizer = Optimizer(model, spec.muon_rate, spec.adam_rate)
        self.dtype = number_format(device, spec.shape.width)
        self._shared = torch.zeros(1).share_memory_()  # type: ignore[no-untyped-call]
        super().__init__(spec, folder, device, ranks or Ranks(), model, self._optimizer)
        self.objective = self.distributed(model)

    @contextmanager
    def feed(self) -> Iterator[Iterator[Batch]]:
        yield batches(self.spec, f"{self.spec.seed}-{self.ranks.rank}-{self.step}", self._shared)

    def update(self, batch: Batch) -> Figures:
        """The losses (of words, of where it looks, of sounds) and the share of tokens that were right."""
        self._shared.fill_(self.progress)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            losses: Losses = self.objective(batch.to(self.device))
        loss = losses.words + self.spec.where_weight * losses.where + self.spec.sounds_weight * losses.sounds
        torch.autograd.backward(loss)
        norm = self.clipped()
        # One wait for the device in a step.
        values = torch.stack(
            [one.detach().float() for one in (loss, norm, losses.words, losses.where, losses.sounds, losses.right)]
        ).tolist()
        self.refuse_bad_numbers(*values[:2])
        self._optimizer.step(self.rate)
        self.model.zero_grad()
        self.count(len(batch.looks))
        return {"loss": values[0], "words": values[2], "where": values[3], "sounds": values[4], "right": values[5]}

    def line(self, figures: Figures) -> str:
        parts = ", ".join(f"{name} {figures[name]:.3f}" for name in ("words", "where", "sounds"))
        return f"loss {figures['loss']:.3f} ({parts}), tokens right {figures['right']:.0%}, {figures['clips_per_s']:,.1f} clips/s"

    def examine(self, *, last: bool) -> Marks:
        found = self.hears(self.step, 100 if last else 8)
        shown = tuple(f"{said}  ->  {heard}" for said, heard in found.examples)
        return Marks({"wer": found.rate}, f"word error rate {found.rate:.1%} of {found.words} words", shown)

    def hears(self, seed: int, count: int) -> Hearing:
        """How the network hears as it stands, in whole windows as where it is served."""
        self.model.eval()
        try:
            return hearing(self.heard, recordings(seed, count), SHOWN)
        finally:
            self.model.train()

    def heard(self, sound: Sound) -> str:
        """What the network writes of up to 30 s of speech."""
        seen = looks(powers(sound))
        window = np.zeros((1, len(seen), WINDOW_S * FRAMES_A_SECOND), dtype=np.float32)
        window[0, :, : seen.shape[1]] = seen
        return text_of(self.model.written(torch.from_numpy(window).to(self.device), LONGEST)[0])
