"""What the specs of all training runs have: the numbers that decide a run's outcome, saved as JSON beside its checkpoints."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cluster.errors import ConfigError

Size = Literal["small", "full"]
NAME = "run.json"


class TrainingSpec(BaseModel):
    """``of``: what is trained, in the words of a message."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    of: ClassVar[str]

    minutes: float = Field(default=60.0, gt=0, description="Minutes of training; the schedule ends with them.")
    seed: int = Field(default=1, description="Seed of the weights and of what is shown to them.")
    warmup_steps: int = Field(default=100, ge=0, description="Steps over which the learning rates rise from zero.")
    threads: int = Field(default=1, gt=0, description="CPU threads of the training process.")
    producers: int = Field(default=0, ge=0, description="Processes that make examples beside the training process; 0: it makes its own.")
    checkpoint_seconds: float = Field(default=60.0, gt=0, description="Seconds between checkpoints.")
    exam_seconds: float = Field(default=180.0, gt=0, description="Seconds between held-out examinations.")
    log_steps: int = Field(default=20, gt=0, description="Steps between lines of progress.")

    @classmethod
    @abstractmethod
    def on(cls, device: str, minutes: float, seed: int, size: Size) -> Self:
        """The numbers that suit a device."""

    @abstractmethod
    def schedule(self, step: int, progress: float) -> float:
        """The factor on the learning rates, in [0, 1]."""

    def warmth(self, step: int) -> float:
        """How far the rates have risen, in [0, 1]."""
        return min(1.0, (step + 1) / max(1, self.warmup_steps))

    def save(self, folder: Path) -> None:
        (folder / NAME).write_text(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The spec a folder was trained with. Raises ConfigError for a file that is none."""
        path = folder / NAME
        try:
            return cls.model_validate_json(path.read_text())
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            raise ConfigError(
                f"{path} does not describe a run of the {cls.of} ({why}); copy the run's own back, or begin in another folder (--out)."
            ) from error

    @classmethod
    def of_folder(cls, folder: Path, device: str, minutes: float, seed: int, size: Size) -> Self:
        """The spec of the run in ``folder``, or a new one, which is written there."""
        if (folder / NAME).exists():
            return cls.load(folder)
        spec = cls.on(device, minutes, seed, size)
        spec.save(folder)
        return spec
