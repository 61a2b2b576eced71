"""What is asked for: the spec of an optimisation."""

from __future__ import annotations

import uuid
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from cluster.optimising.change import OptimiserName
from cluster.specs.gate import Metric

# idle: in a replica more, while nobody asks anything.  window: with what is served, now, because the operator says so.
Moment = Literal["idle", "window"]
# few_shot: examples that were answered rightly are shown in the prompt.  instructions: the model itself words the instruction anew.
PromptMethod = Literal["few_shot", "instructions"]
OF_THE_BOX: tuple[OptimiserName, ...] = ("parallel", "context", "batch", "residency")


class PromptWanted(BaseModel):
    """``dataset``: whose train side examples are taken from, and whose held-out side judges."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt_id: uuid.UUID
    version: int
    model: str
    dataset_id: uuid.UUID
    dataset_version: int
    metric: Metric = "exact"
    method: PromptMethod = "few_shot"
    shots: int = Field(4, ge=1, le=32)
    calls: int = Field(200, ge=10)
    answer_tokens: int = Field(128, ge=1, le=8192)


class Wanted(BaseModel):
    """``models`` None: all that run. ``values``: what an optimiser tries; by default half and double of what is in force.
    ``streams``: how many ask at once; by default twice what the model does at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    optimisers: tuple[OptimiserName, ...]
    models: tuple[str, ...] | None = None
    moment: Moment = "idle"
    apply: bool = False
    values: dict[OptimiserName, tuple[int, ...]] = Field(default_factory=dict)
    streams: int | None = Field(None, ge=1, le=256)
    prompt: PromptWanted | None = None


class Step(BaseModel):
    """The spec of a job: what it is to do about an optimisation. ``change``: the number of the one that is applied or reverted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    optimisation: uuid.UUID
    do: Literal["measure", "apply", "revert"] = "measure"
    change: int | None = None
