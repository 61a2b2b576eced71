"""What is said of an answer, and what is asked about feedback."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, Strict, model_validator

from api.web.schema import Body, FormBody
from cluster.learning.feedback.signals import IMPLICIT, Signal, TargetKind

Id = Annotated[uuid.UUID, Strict(False)]
Reason = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Task = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Named = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]+$")]
Position = Annotated[int, Field(ge=0, le=2**31 - 1)]
Bucket = Literal["day", "week"]
Grouping = Literal["model", "adapter", "release", "prompt", "task", "target"]

TARGETS = ("message_id", "run_id", "relation_id", "hit")
STATEMENTS = {"thumb": Signal.THUMB, "stars": Signal.STARS, "correction": Signal.CORRECTION, "preferred_to": Signal.PREFERENCE}


class HitBody(Body):
    """A passage that a search found, as its answer names it."""

    document_id: Id
    start: Position = Field(description="`span.start` of the hit, or of the chunk in it that was found.")
    end: Position = Field(description="`span.end` of the same.")
    question: str = Field(min_length=1, max_length=10_000, pattern=r"\S", description="What was searched for.")
    rank: int | None = Field(None, ge=1, le=10_000, description="Its place among the hits, from 1.")


class FeedbackBody(Body):
    """About one thing, and saying one thing of it; reasons and a comment may stand beside it, or alone."""

    message_id: Id | None = Field(None, description="An answer in a conversation in which you take part.")
    run_id: Id | None = Field(None, description="A run of a graph or an agent that has ended.")
    relation_id: Id | None = Field(None, description="A relation that was extracted from a text.")
    hit: HitBody | None = Field(None, description="A passage that a search found.")
    thumb: Literal["up", "down"] | None = None
    stars: int | None = Field(None, ge=1, le=5)
    correction: Text | None = Field(None, description="What should have been answered, whole. Of a relation: JSON, as extraction asks for.")
    preferred_to: Id | None = Field(None, description="Another answer to the same, which this one is better than.")
    did: Literal["regenerate", "copy", "edit", "abandon"] | None = Field(None, description="What somebody did with it, saying nothing.")
    reasons: Annotated[list[Reason], Field(max_length=10)] = Field(default_factory=list, description="Short names, such as `too-long`.")
    comment: Text | None = None
    task: Task | None = Field(None, description="The kind of work, by which results are told apart; by default what the target says.")

    @model_validator(mode="after")
    def _one_thing_of_one_thing(self) -> Self:
        about = [name for name in TARGETS if getattr(self, name) is not None]
        if len(about) != 1:
            raise ValueError(f"name exactly one of {', '.join(TARGETS)}" + (f", not {' and '.join(about)}" if about else ""))
        said = [name for name in STATEMENTS if getattr(self, name) is not None]
        if self.did is not None and (said or self.remarks):
            raise ValueError("give either what somebody says ('thumb', 'stars', ...) or what they did ('did'); send the other by itself")
        if len(said) > 1:
            raise ValueError(f"say one thing at a time, not {' and '.join(said)}; send each by itself")
        if not said and self.did is None and not self.remarks:
            raise ValueError(f"nothing is said; give one of {', '.join(STATEMENTS)}, did, reasons or comment")
        return self

    @property
    def remarks(self) -> bool:
        return bool(self.reasons) or self.comment is not None

    @property
    def signal(self) -> Signal:
        if self.did is not None:
            return Signal(self.did)
        return next((signal for name, signal in STATEMENTS.items() if getattr(self, name) is not None), Signal.REMARK)

    @property
    def value(self) -> int | None:
        return self.stars if self.thumb is None else {"up": 1, "down": -1}[self.thumb]

    @property
    def is_implicit(self) -> bool:
        return self.signal in IMPLICIT


class Provenance(FormBody):
    """By what gave the answers."""

    model: Named | None = Field(None, description="Only of answers by this model.")
    adapter: Named | None = Field(None, description="Only of answers by this adapter.")
    release: Named | None = Field(None, description="Only of answers in the way of this release, `<name>@<version>`.")
    prompt: Named | None = Field(None, description="Only of answers with the system prompt, or of the graph, of this name.")
    task: Task | None = Field(None, description="Only of this kind of work.")
    target: TargetKind | None = Field(None, description="Only about things of this kind.")

    def values(self) -> dict[str, Any]:
        """Columns and what they must be."""
        named = {name: getattr(self, name) for name in ("model", "adapter", "release", "prompt", "task")} | {"target_kind": self.target}
        return {name: value for name, value in named.items() if value is not None}


class FeedbackQuery(Provenance):
    organisation: bool = Field(False, description="Everybody's in the organisation, without texts; for admins.")
    signal: Signal | None = Field(None, description="Only what says this.")
    target_id: str | None = Field(None, min_length=1, max_length=200, pattern=r"^[^\x00]+$", description="Only about this one.")
    since: AwareDatetime | None = Field(None, description="Given at this time or later.")
    until: AwareDatetime | None = Field(None, description="Given before this time.")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200)

    def values(self) -> dict[str, Any]:
        more = {"signal": self.signal, "target_id": self.target_id}
        return super().values() | {name: value for name, value in more.items() if value is not None}


class StatsQuery(Provenance):
    days: int = Field(30, ge=1, le=3660, description="How far back, today (UTC) included.")
    bucket: Bucket = Field("day", description="A week begins on Monday.")
    by: Grouping | None = Field(None, description="What results are told apart by.")


class ConsentBody(Body):
    may_learn: bool | None = Field(description="Whether models may learn from your feedback; null: as your organisation says.")


class OrganisationConsentBody(Body):
    may_learn: bool = Field(description="Whether models may learn from feedback here, but for those who say otherwise of theirs.")
