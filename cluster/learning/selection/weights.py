"""What counts how much when samples are chosen."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Strategy = Literal["active", "uncertainty", "diversity", "random"]


class Weights(BaseModel):
    """The score of a sample is the mean of its parts by these weights, so it is in 0..1. Only how they stand to each other matters."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    uncertainty: float = Field(0.4, ge=0, le=1000, description="How unsure the model was, beside the other candidates.")
    diversity: float = Field(0.3, ge=0, le=1000, description="How far it is from those that are chosen already.")
    novelty: float = Field(0.2, ge=0, le=1000, description="How far it is from what was trained.")
    value: float = Field(0.1, ge=0, le=1000, description="How much of the traffic is like it.")

    @model_validator(mode="after")
    def _need_one(self) -> Weights:
        if self.total == 0:
            raise ValueError("all weights are 0; give at least one part a weight above 0")
        return self

    @property
    def total(self) -> float:
        return self.uncertainty + self.diversity + self.novelty + self.value

    def without_uncertainty(self) -> Weights:
        """Where nobody could say how unsure a model was. Raises ValueError where nothing else counts."""
        return Weights(**(self.model_dump() | {"uncertainty": 0.0}))


def weights_of(strategy: Strategy, own: Weights | None = None) -> Weights:
    """``uncertainty`` and ``diversity`` are one part alone; the random strategy's scores are only for comparison."""
    if strategy == "uncertainty":
        return Weights(uncertainty=1.0, diversity=0.0, novelty=0.0, value=0.0)
    if strategy == "diversity":
        return Weights(uncertainty=0.0, diversity=1.0, novelty=0.0, value=0.0)
    return own or Weights()
