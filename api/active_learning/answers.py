"""What is answered about samples to label and the labelling queue."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from pydantic import Field, JsonValue

from api.web.schema import Answer
from cluster.learning.labels.queue import Held
from cluster.learning.labels.table import LabelAssignment, LabelCampaign, LabelItem
from cluster.learning.selection.choice import Summary


class PartsAnswer(Answer):
    """Each in 0..1; null: it was not measured."""

    uncertainty: float | None = None
    diversity: float
    novelty: float
    value: float


class MeasuredAnswer(Answer):
    """What the model said of itself; null: it was not asked, or does not say."""

    entropy: float | None = Field(None, description="Mean entropy of its tokens, as a part of the largest there can be.")
    doubt: float | None = Field(None, description="1 less the mean margin between the two likeliest tokens.")
    disagreement: float | None = Field(None, description="The share of words in which two models' answers differ.")


class SampleAnswer(Answer):
    id: str = Field(description="Of the message, the step, or your own.")
    messages: list[dict[str, Any]]
    answer: str | None
    score: float
    parts: PartsAnswer
    measured: MeasuredAnswer
    cluster: int
    share: float = Field(description="Of the traffic that is in its cluster.")
    reason: str
    item_id: uuid.UUID | None = Field(None, description="In the labelling queue; null: it was not put there, or is there already.")


class SummaryAnswer(Answer):
    """What a choice is worth: compare it with one at random, of the same size."""

    uncertainty: float | None = Field(description="Mean.")
    novelty: float = Field(description="Mean.")
    clusters: int
    of_clusters: int
    radius: float = Field(description="The largest distance from a candidate to the nearest chosen sample; small is good.")

    @classmethod
    def of(cls, summary: Summary) -> SummaryAnswer:
        return cls(
            uncertainty=summary.uncertainty,
            novelty=summary.novelty,
            clusters=summary.clusters,
            of_clusters=summary.of_clusters,
            radius=summary.radius,
        )


class SelectionAnswer(Answer):
    strategy: str
    weights: dict[str, float] = Field(description="As they counted.")
    candidates: int = Field(description="That were looked at.")
    trained: int = Field(description="Decided labels that they were compared with.")
    samples: list[SampleAnswer]
    chosen: SummaryAnswer | None
    at_random: SummaryAnswer | None
    queued: int
    notes: list[str]


class CampaignAnswer(Answer):
    id: uuid.UUID
    name: str
    task: str
    instructions: str
    kind: str
    labels: list[str]
    form: dict[str, Any] | None
    labels_per_item: int
    lease_s: int
    state: str
    owner_id: uuid.UUID | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: LabelCampaign) -> CampaignAnswer:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class GivenAnswer(Answer):
    """An item in your hands."""

    assignment_id: uuid.UUID
    item_id: uuid.UUID
    state: str = Field(description="held, submitted or skipped.")
    messages: list[dict[str, Any]]
    answer: str | None
    reason: str
    lease_until: datetime | None
    value: JsonValue = Field(description="Your label.")
    item_state: str

    @classmethod
    def of(cls, held: Held) -> GivenAnswer:
        mine, item = held.assignment, held.item
        return cls(
            assignment_id=mine.id,
            item_id=item.id,
            state=mine.state,
            messages=item.messages,
            answer=item.answer,
            reason=item.reason,
            lease_until=mine.lease_until,
            value=mine.value["value"] if mine.value is not None else None,
            item_state=item.state,
        )


class NextAnswer(Answer):
    items: list[GivenAnswer]
    remaining: int = Field(description="Items that you could be given besides; ask again while it is not 0.")


class LabelAnswer(Answer):
    annotator: str
    state: str
    value: JsonValue
    remark: str
    submitted_at: datetime | None
    lease_until: datetime | None

    @classmethod
    def of(cls, row: LabelAssignment) -> LabelAnswer:
        return cls(
            annotator=row.annotator,
            state=row.state,
            value=row.value["value"] if row.value is not None else None,
            remark=row.remark,
            submitted_at=row.submitted_at,
            lease_until=row.lease_until,
        )


class ItemAnswer(Answer):
    id: uuid.UUID
    campaign_id: uuid.UUID
    source_kind: str
    source_id: str
    messages: list[dict[str, Any]]
    answer: str | None
    score: float
    parts: dict[str, Any]
    reason: str
    state: str = Field(description="open, agreed, disputed or adjudicated.")
    decided: bool
    final: JsonValue = Field(description="The label that counts.")
    final_by: uuid.UUID | None
    decided_at: datetime | None
    created_at: datetime
    labels: list[LabelAnswer]

    @classmethod
    def of(cls, row: LabelItem, labels: list[LabelAssignment]) -> ItemAnswer:
        own = {name: getattr(row, name) for name in cls.model_fields if name not in {"decided", "final", "labels"}}
        final = row.final["value"] if row.final is not None else None
        return cls(**own, decided=row.final is not None, final=final, labels=[LabelAnswer.of(label) for label in labels])


class PairAnswer(Answer):
    people: list[str]
    items: int
    agreed: float
    kappa: float | None = Field(description="Cohen's; null: chance alone explains all.")


class AgreementAnswer(Answer):
    items: int = Field(description="With labels of at least two people.")
    labels: int
    agreed: float | None
    alpha: float | None = Field(description="Krippendorff's, for nominal data; null: nothing to compare, or one label alone in use.")
    pairs: list[PairAnswer]


class PersonAnswer(Answer):
    annotator: str
    labels: int
    held: int
    lapsed: int
    skipped: int
    agreed: float | None = Field(description="The share of their labels that are what was decided.")
    seconds: float | None = Field(description="Median from being given an item to its label.")


class StatisticsAnswer(Answer):
    items: dict[str, int]
    labels: int
    people: list[PersonAnswer]
    values: dict[str, int]


class ImportedAnswer(Answer):
    items: int
    known: int = Field(description="Items that were there already; their new labels are added.")
    labels: int
    decided: int
