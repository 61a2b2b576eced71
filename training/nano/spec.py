"""What one training run is: every number that decides its outcome, saved as JSON beside its checkpoints."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from training.nano.network import ShapeSpec


class RunSpec(BaseModel):
    """A training run of the nano language model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minutes: float = Field(
        default=45.0, gt=0, description="Minutes of training; the learning-rate schedule and the curriculum end with them."
    )
    seed: int = Field(default=1, description="Seed of the weights, the tokenizer's corpus and the training stream.")
    shape: ShapeSpec = Field(default=ShapeSpec(), description="The network.")
    tokens_per_step: int = Field(default=4096, gt=0, description="Tokens in one update, padding included.")
    longest: int = Field(default=448, gt=0, description="Tokens after which a training conversation is cut.")
    context_weight: float = Field(default=0.15, ge=0, le=1, description="Weight of predicting what is not an answer; answers weigh 1.")
    muon_rate: float = Field(default=0.02, gt=0, description="Peak learning rate of the matrices inside the blocks.")
    adam_rate: float = Field(default=0.004, gt=0, description="Peak learning rate of the embedding and the norms.")
    warmup_steps: int = Field(default=60, ge=0, description="Steps over which the rates rise from zero.")
    decay_share: float = Field(default=0.4, ge=0, le=1, description="Share of the time, at the end, over which the rates fall to zero.")
    threads: int = Field(default=1, gt=0, description="CPU threads of the training process.")
    checkpoint_seconds: float = Field(default=60.0, gt=0, description="Seconds between checkpoints.")
    exam_seconds: float = Field(default=150.0, gt=0, description="Seconds between held-out examinations.")
    log_steps: int = Field(default=20, gt=0, description="Steps between lines of progress.")

    def schedule(self, step: int, progress: float) -> float:
        """The factor on both rates: up over the first steps, flat, then down in a straight line to zero."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = max(0.0, 1.0 - progress)
        return warm * min(1.0, left / self.decay_share if self.decay_share else 1.0)

    def save(self, folder: Path) -> None:
        (folder / "run.json").write_text(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "RunSpec":
        return cls.model_validate_json((folder / "run.json").read_text())
