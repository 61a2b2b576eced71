"""What one training run of the nano language model is: every number that decides its outcome."""

from __future__ import annotations

import os

import torch
from pydantic import Field

from training.nano.devices import spare_threads
from training.nano.network import ShapeSpec
from training.nano.training_spec import Size, TrainingSpec

LARGE_STEP = 131_072  # tokens
LARGE_CARD = 60 * 2**30  # bytes; the scores of all tokens of a large step over the vocabulary take a few tens of GiB with their gradients
# Small learns in hours on two cores; full is what a card trains in minutes: 11 million weights, 23 MB in bfloat16. Two query heads to a
# key-value head in both.
SHAPES: dict[Size, ShapeSpec] = {
    "small": ShapeSpec(),
    "full": ShapeSpec(vocab=4096, width=384, layers=6, heads=6, kv_heads=3, inner=1024),
}


class RunSpec(TrainingSpec):
    """A training run of the nano language model. Its curriculum ends with the minutes, too."""

    of = "nano language model"

    minutes: float = Field(default=45.0, gt=0, description="Minutes of training; the schedule and the curriculum end with them.")
    warmup_steps: int = Field(default=60, ge=0, description="Steps over which the rates rise from zero.")
    exam_seconds: float = Field(default=150.0, gt=0, description="Seconds between held-out examinations.")
    shape: ShapeSpec = Field(default=ShapeSpec(), description="The network.")
    tokens_per_step: int = Field(default=4096, gt=0, description="Tokens in one update of one worker, padding included.")
    tokens_per_pass: int = Field(default=131_072, gt=0, description="Tokens in one pass through the network; an update may take several.")
    longest: int = Field(default=1024, gt=0, description="Tokens in a row; conversations are packed into rows, longer ones passed over.")
    context_weight: float = Field(default=0.15, ge=0, le=1, description="Weight of predicting what is not an answer; answers weigh 1.")
    muon_rate: float = Field(default=0.02, gt=0, description="Peak learning rate of the matrices inside the blocks.")
    adam_rate: float = Field(default=0.004, gt=0, description="Peak learning rate of the embedding and the norms.")
    decay_share: float = Field(default=0.7, ge=0, le=1, description="Share of the time, at the end, over which the rates fall to zero.")

    @classmethod
    def on(cls, device: str, minutes: float, seed: int, size: Size) -> RunSpec:
        """The numbers that suit a device: a card takes large steps of long rows, and other cores write the text for it."""
        if device == "cpu":
            return cls(minutes=minutes, seed=seed, shape=SHAPES[size], threads=spare_threads())
        producers = max(1, min(14, (os.cpu_count() or 2) - 2))
        return cls(
            minutes=minutes,
            seed=seed,
            shape=SHAPES[size],
            tokens_per_step=LARGE_STEP,
            tokens_per_pass=LARGE_STEP if torch.cuda.get_device_properties(0).total_memory > LARGE_CARD else LARGE_STEP // 8,
            longest=2048,
            producers=producers,
            warmup_steps=200,
            exam_seconds=180,
            log_steps=100,
        )

    def schedule(self, step: int, progress: float) -> float:
        """The factor on both rates: up over the first steps, flat, then down in a straight line to zero."""
        left = max(0.0, 1.0 - progress)
        return self.warmth(step) * min(1.0, left / self.decay_share if self.decay_share else 1.0)
