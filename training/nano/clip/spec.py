"""What one training run of the nano CLIP is: every number that decides its outcome, saved as JSON beside its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cluster.errors import ConfigError

Size = Literal["small", "full"]
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


class ClipSpec(BaseModel):
    """A training run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minutes: float = Field(default=60.0, gt=0, description="Minutes of training; the learning-rate schedule ends with them.")
    seed: int = Field(default=1, description="Seed of the weights and of the scenes.")
    shape: ClipShape = Field(default=ClipShape(), description="The network.")
    pairs: int = Field(default=128, ge=2, description="Pictures with their captions in one update of one worker, no scene twice.")
    rate: float = Field(default=1.5e-3, gt=0, description="Peak learning rate (AdamW).")
    decay: float = Field(default=0.05, ge=0, description="Weight decay of matrices.")
    warmup_steps: int = Field(default=100, ge=0, description="Steps over which the rate rises from zero.")
    threads: int = Field(default=1, gt=0, description="CPU threads of the training process.")
    producers: int = Field(default=1, ge=0, description="Processes that draw pictures beside the training process; 0: it draws its own.")
    checkpoint_seconds: float = Field(default=60.0, gt=0, description="Seconds between checkpoints.")
    exam_seconds: float = Field(default=180.0, gt=0, description="Seconds between held-out examinations.")
    log_steps: int = Field(default=20, gt=0, description="Steps between lines of progress.")

    @classmethod
    def on(cls, device: str, minutes: float, seed: int, size: Size) -> ClipSpec:
        """The numbers that suit a device."""
        if device == "cpu":
            return cls(minutes=minutes, seed=seed, shape=SHAPES[size])
        return cls(minutes=minutes, seed=seed, shape=SHAPES[size], pairs=512, producers=12, warmup_steps=300, log_steps=50)

    def schedule(self, step: int, progress: float) -> float:
        """The factor on the rate: up over the first steps, then down in a straight line to zero."""
        return min(1.0, (step + 1) / max(1, self.warmup_steps)) * max(0.0, 1.0 - progress)

    def save(self, folder: Path) -> None:
        (folder / "run.json").write_text(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> ClipSpec:
        """The spec a folder was trained with. Raises ConfigError for a file that is none."""
        path = folder / "run.json"
        try:
            return cls.model_validate_json(path.read_text())
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            raise ConfigError(f"{path} does not describe a run of the nano CLIP ({why}); begin in another folder (--out).") from error
