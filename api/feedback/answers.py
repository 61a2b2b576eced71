"""What is answered about feedback."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from api.web.schema import Answer
from cluster.learning.feedback.signals import IMPLICIT, Signal, TargetKind
from cluster.learning.feedback.table import Feedback, FeedbackText


class FeedbackEntry(Answer):
    id: uuid.UUID
    user_id: uuid.UUID
    kind: Literal["explicit", "implicit"]
    signal: Signal
    target: TargetKind
    target_id: str
    other_id: str | None = Field(description="Of a preference: what was less liked.")
    value: int | None = Field(description="Of a thumb 1 or -1; the stars.")
    reasons: list[str]
    task: str
    model: str | None
    adapter: str | None
    release: str | None = Field(description="The release of the model that gave the answer, `<name>@<version>`.")
    prompt: str | None = Field(description="The system prompt by its name; of a run, its graph.")
    prompt_version: int | None
    created_at: datetime
    updated_at: datetime = Field(description="When it was said last.")

    @classmethod
    def of(cls, row: Feedback) -> FeedbackEntry:
        return cls(**_entry(row))


class FeedbackDetail(FeedbackEntry):
    """With the texts, for whoever gave it; null where there are none, or none any more."""

    comment: str | None
    correction: str | None
    shown: list[dict[str, Any]] | None = Field(description="What the model was shown, up to and without the answer.")
    answered: str | None
    rejected: str | None = Field(description="Of a preference: the answer that was less liked.")
    provenance: dict[str, Any] | None
    is_example: bool = Field(description="Whether there is something to learn from it, and its organisation and giver agree to it.")

    @classmethod
    def told(cls, row: Feedback, text: FeedbackText | None, *, is_example: bool) -> FeedbackDetail:
        names = ("comment", "correction", "shown", "answered", "rejected", "provenance")
        return cls(**_entry(row), **{name: getattr(text, name, None) for name in names}, is_example=is_example)


class Counts(Answer):
    """``group``: of what results are told apart by; null: of what has none, such as answers without an adapter."""

    group: str | None
    given: int
    people: int = Field(description="Who gave it.")
    up: int
    down: int
    stars: int = Field(description="How often stars were given.")
    mean_stars: float | None
    corrections: int
    preferences: int
    remarks: int
    regenerated: int
    copied: int
    edited: int
    abandoned: int
    approval: float | None = Field(description="Share of thumbs up and four or five stars among all thumbs and stars but three.")


class BucketCounts(Counts):
    begins: date = Field(description="The day, or the Monday of the week, in UTC. Those without feedback are left out.")


class ReasonCount(Answer):
    reason: str
    given: int


class Statistics(Answer):
    totals: list[Counts] = Field(description="Of the whole time, the most first.")
    buckets: list[BucketCounts] = Field(description="The latest first.")
    reasons: list[ReasonCount] = Field(description="The most frequent, at most 50.")
    is_complete: bool = Field(description="False: there is more than feedback.stats_rows; ask for fewer days, or for one group.")


class Promise(Answer):
    """One of the two things that people agree to; neither holds for the other."""

    what: Literal["feedback", "conversations"]
    given: int = Field(description="To how much of yours you agree now: pieces of feedback, or conversations.")
    of: int = Field(description="How much there is.")
    allows: str
    said_by: str = Field(description="How to agree to it, and to take it back.")


class ConsentAnswer(Answer):
    organisation: bool = Field(description="Whether models may learn from feedback here, but for those who say otherwise of theirs.")
    yours: bool | None = Field(description="What you say; null: as the organisation says.")
    may_learn: bool = Field(description="Whether models may learn from your feedback.")
    promises: list[Promise] = Field(description="All that you can agree to, and what each allows.")


def _entry(row: Feedback) -> dict[str, Any]:
    about = ("model", "adapter", "release", "prompt", "prompt_version")
    same = ("id", "target_id", "value", "reasons", "task", *about, "created_at", "updated_at")
    return {
        **{name: getattr(row, name) for name in same},
        "user_id": row.owner_id,
        "kind": "implicit" if row.signal in IMPLICIT else "explicit",
        "signal": Signal(row.signal),
        "target": TargetKind(row.target_kind),
        "other_id": row.other_id or None,
    }
