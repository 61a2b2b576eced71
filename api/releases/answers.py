"""What is answered about how a release does, beside what is in service and in its shadow."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from api.releases.repository import Outcome
from api.web.schema import Answer
from cluster.learning.releases.table import ReleaseShadow, ReleaseTrial, Trial

if TYPE_CHECKING:
    from cluster.learning.releases.statistics import Latencies, Rates, Sample


class TrialAnswer(Answer):
    kind: Trial
    percent: float
    begun_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, row: ReleaseTrial) -> TrialAnswer:
        return cls(kind=Trial(row.kind), percent=row.percent, begun_at=row.created_at, ended_at=row.ended_at)


class ArmAnswer(Answer):
    """A conversation went badly if there is a thumb down, at most two stars, a correction, or a regenerated, edited or abandoned answer in
    it; else well, if there is a thumb up, at least four stars, a copied or a preferred one."""

    conversations: int
    answers: int
    rated: int = Field(description="Conversations that went well or badly; of others nothing is known.")
    went_well: int
    up: int = Field(description="Thumbs.")
    down: int
    against: int = Field(description="All that was said or done against answers.")

    @classmethod
    def of(cls, outcomes: list[Outcome]) -> ArmAnswer:
        return cls(
            conversations=len(outcomes),
            rated=sum(one.went_well is not None for one in outcomes),
            went_well=sum(one.went_well is True for one in outcomes),
            **{name: sum(getattr(one, name) for one in outcomes) for name in ("answers", "up", "down", "against")},
        )


class RatesAnswer(Answer):
    """Shares of rated conversations that went well; `difference` is candidate less control, `low` and `high` its interval (Newcombe)."""

    candidate: float | None
    control: float | None
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None = Field(description="Fisher's exact test; holds for one look, decided beforehand.")
    p_anytime: float = Field(description="Holds however often you look (an e-process); the only one that shows anything.")

    @classmethod
    def of(cls, found: Rates) -> RatesAnswer:
        return cls(**{name: getattr(found, name) for name in cls.model_fields})


class LatencyAnswer(Answer):
    """Medians of conversations, in milliseconds, and the interval of their difference; for one look."""

    candidate: float | None
    control: float | None
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None = Field(description="Mann and Whitney's test.")

    @classmethod
    def of(cls, found: Latencies) -> LatencyAnswer:
        return cls(**{name: getattr(found, name) for name in cls.model_fields})


class NeededAnswer(Answer):
    """Rated conversations that each arm needs to find the difference that was asked for."""

    candidate: int
    control: int

    @classmethod
    def of(cls, found: Sample) -> NeededAnswer:
        return cls(candidate=found.candidate, control=found.control)


class ShadowSummary(Answer):
    """Of all requests that were put to it unseen. Times in milliseconds, both medians."""

    asked: int
    failed: int
    same: int = Field(description="How often it said word for word what was answered.")
    candidate_ms: float | None
    live_ms: float | None
    candidate_tokens: float | None
    live_tokens: float | None


class ComparisonAnswer(Answer):
    """`trial` is null where it was never tried on people."""

    release: str
    trial: TrialAnswer | None
    candidate: ArmAnswer
    control: ArmAnswer
    rates: RatesAnswer
    latency: LatencyAnswer
    first_token: LatencyAnswer
    needed: NeededAnswer
    is_enough: bool = Field(description="Whether both arms have the sample that is needed.")
    shown: Literal["better", "worse", "nothing"] = Field(description="What `p_anytime` shows at `alpha`.")
    reason: str
    shadow: ShadowSummary


class ShadowAnswer(Answer):
    id: uuid.UUID
    messages: list[dict[str, Any]]
    live: str = Field(description="What was answered.")
    live_by: str
    live_ms: int
    live_tokens: int
    candidate: str | None = Field(description="What the release said; nobody was shown it.")
    candidate_ms: int | None
    candidate_tokens: int | None
    error: str | None
    created_at: datetime

    @classmethod
    def of(cls, row: ReleaseShadow) -> ShadowAnswer:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class ShadowPage(Answer):
    """Latest first."""

    shadows: list[ShadowAnswer]
    next_cursor: str | None
