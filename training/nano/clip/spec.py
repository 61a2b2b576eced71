"""What one training run of the nano CLIP is: every number that decides its outcome."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from training.nano.training_spec import Size, TrainingSpec

TEXT_TOKENS = 32


class ClipShape(BaseModel):
    """The network: a ViT and a text transformer of one width."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = 128
    heads: int = 4
    image_layers: int = 4
    text_layers: int = 3
    image_size: int = 64
    patch: int = 8
    dimensions: int = Field(default=128, description="Length of the vectors that pictures and texts share.")

    def open_clip(self, words: int) -> dict[str, Any]:
        """As open_clip's configuration has it. ``words``: how many the tokenizer knows."""
        vision = {"image_size": self.image_size, "patch_size": self.patch, "width": self.width, "layers": self.image_layers}
        text = {"context_length": TEXT_TOKENS, "vocab_size": words, "width": self.width, "heads": self.heads, "layers": self.text_layers}
        return {"embed_dim": self.dimensions, "vision_cfg": {**vision, "head_width": self.width // self.heads}, "text_cfg": text}


# Small learns within an hour or two on two cores; full is what a card trains in minutes.
SHAPES: dict[Size, ClipShape] = {
    "small": ClipShape(),
    "full": ClipShape(width=256, heads=8, image_layers=6, text_layers=4, dimensions=256),
}


class ClipSpec(TrainingSpec):
    """A training run of the nano CLIP."""

    of = "nano CLIP"

    shape: ClipShape = Field(default=ClipShape(), description="The network.")
    pairs: int = Field(default=128, ge=2, description="Pictures with their captions in one update of one worker, no scene twice.")
    rate: float = Field(default=1.5e-3, gt=0, description="Peak learning rate (AdamW).")
    decay: float = Field(default=0.05, ge=0, description="Weight decay of matrices.")
    producers: int = Field(default=1, ge=0, description="Processes that draw pictures beside the training process; 0: it draws its own.")

    @classmethod
    def on(cls, device: str, minutes: float, seed: int, size: Size) -> ClipSpec:
        """The numbers that suit a device."""
        if device == "cpu":
            return cls(minutes=minutes, seed=seed, shape=SHAPES[size])
        return cls(minutes=minutes, seed=seed, shape=SHAPES[size], pairs=512, producers=12, warmup_steps=300, log_steps=50)

    def schedule(self, step: int, progress: float) -> float:
        """The factor on the rate: up over the first steps, then down in a straight line to zero."""
        return self.warmth(step) * max(0.0, 1.0 - progress)
