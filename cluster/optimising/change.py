"""What may be changed, how it stands, and the evidence."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

OptimiserName = Literal["parallel", "context", "batch", "residency", "prompt"]
TunedField = Literal["parallel", "context_tokens", "batch_tokens", "pinned"]
# Fields that a running replica takes; any other changes what the cluster tells people of the model, or who is on a card.
LIVE: frozenset[str] = frozenset({"parallel", "batch_tokens"})
# proposed: better, and nothing was done yet.  refused: not better beyond noise, or there is no room for it.
# applying: in force, and being measured.  waiting: in force from the next start on.  applied: in force, for good.
# reverted: as it was before.
ChangeState = Literal["proposed", "refused", "applying", "waiting", "applied", "reverted"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServedChange(_Part):
    """Of one model of the profile. ``before`` None: what the engine, or the model, has by itself."""

    kind: Literal["served"] = "served"
    model: str
    field: TunedField
    before: int | bool | None
    after: int | bool


class PromptChange(_Part):
    """A new version of a prompt. ``version``: the one it was made of; ``text``: what the new one says."""

    kind: Literal["prompt"] = "prompt"
    prompt_id: uuid.UUID
    model: str
    version: int
    text: str


Change = ServedChange | PromptChange
CHANGE: TypeAdapter[ServedChange | PromptChange] = TypeAdapter(Annotated[ServedChange | PromptChange, Field(discriminator="kind")])


class Evidence(_Part):
    """``before`` and ``after``: the medians, in ``unit``. ``ratio`` of after to before (of a prompt: the difference of marks), from ``low``
    to ``high`` with ``confidence``, of so many pairs of samples. ``basis`` ``observed``: counted in what happened, not tried; then there
    is no ratio. ``more``: other figures by name."""

    basis: Literal["measured", "observed"] = "measured"
    metric: str
    unit: str
    before: float
    after: float
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    samples: int = 0
    more: Mapping[str, float] = Field(default_factory=dict)


def as_change(told: Mapping[str, Any]) -> Change:
    return CHANGE.validate_python(told)
