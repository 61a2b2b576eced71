"""What the gate says of a candidate, as it is kept and shown."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from cluster.specs.gate import Metric, Role

Outcome = Literal["passed", "refused", "undecided"]
Side = Literal["candidate", "incumbent"]
Finding = Literal["better", "not_worse", "worse", "too_low", "unclear", "too_few"]


class SetResult(BaseModel):
    """How both did on one set. Marks are from 0 to 1; ``difference`` is candidate less incumbent, ``low`` and ``high`` its confidence
    interval, ``p_worse`` Holm's. ``wins``, ``losses``: items where the candidate is better, worse. ``left_out``: items that neither could
    be asked. All figures are null where nothing was asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    role: Role
    metric: Metric
    items: int
    left_out: int = 0
    finding: Finding
    candidate: float | None = None
    incumbent: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    wins: int = 0
    losses: int = 0
    p_better: float | None = None
    p_not_worse: float | None = None
    p_worse: float | None = None
    tolerance: float = 0.0


class Tokens(BaseModel):
    """What answers took of one model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: int = 0
    completion: int = 0


class Verdict(BaseModel):
    """``reasons``: sentences for people, one for each set. ``gate``: name and version, as ``default@1``. ``tokens``: those that were asked
    for it, of `candidate` and `incumbent`; None where nobody counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outcome: Outcome
    reasons: tuple[str, ...] = Field(min_length=1)
    sets: tuple[SetResult, ...]
    gate: str
    confidence: float
    resamples: int
    seed: int
    tokens: dict[Side, Tokens] | None = None
