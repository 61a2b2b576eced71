"""What is sent and answered about verdicts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field, JsonValue, model_validator

from api.retrieval.schemas import Collections
from api.web.schema import Answer, Body, FormBody, ModelId
from cluster.learning.gate.store import Found, Ruling, Standing
from cluster.learning.gate.table import GateAnswer, GateDecision
from cluster.learning.gate.verdict import Outcome, SetResult, Verdict
from cluster.specs.gate import DEFAULT, GateSetSpec, GateSpec

Names = Mapping[uuid.UUID, str]
SET_NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"


class ExaminationBody(Body):
    """With whom, and by what, somebody is compared who wants to go into service."""

    incumbent: ModelId | None = Field(None, description="Whom it is compared with; null: what is in service for its base.")
    gate: str = Field(DEFAULT, min_length=1, max_length=64, description="Name of the gate.")
    dataset: str | None = Field(
        None, min_length=1, max_length=200, description="Id or name of a dataset; what it holds out are the task's items."
    )
    dataset_version: int | None = Field(None, ge=1, le=2**31 - 1, description="Its version; null: the latest.")
    held_out_file: str | None = Field(
        None, max_length=64, description="In place of a dataset, a file of `/v1/files` with items that were not trained on, one to a line."
    )

    collections: Collections | None = Field(
        None,
        description="Ids or names; the task is answered from their documents, searched as each release has it; null: from none.",
    )

    @model_validator(mode="after")
    def _items(self) -> ExaminationBody:
        if (self.dataset is None) == (self.held_out_file is None):
            raise ValueError("say where the task's items are: 'dataset' or 'held_out_file'")
        if self.dataset is None and self.dataset_version is not None:
            raise ValueError("'dataset_version' is of a 'dataset'")
        return self


class EvaluateBody(ExaminationBody):
    candidate: ModelId = Field(description="Who wants to go into service, `<base>:<adapter>` or `<base>:release:<release>`.")


class DecisionBody(Body):
    decision: Ruling = Field(description="Whether it may go into service, whatever the verdict is.")
    reason: str = Field(min_length=3, max_length=2000, description="Why; it stands beside the verdict for ever.")


class VerdictQuery(FormBody):
    candidate: str | None = Field(None, max_length=200, description="Only those of this model.")
    outcome: Outcome | None = Field(None, description="Only those that came to this.")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Verdicts on a page.")


class AnswerQuery(FormBody):
    set: str | None = Field(None, pattern=SET_NAME, description="Only items of this set.")
    differing: bool = Field(False, description="Only items with different marks.")
    cursor: str | None = Field(None, max_length=80, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Items on a page.")


class Decision(Answer):
    """`by`, `name`: null when they were erased. `overrides`: it is not what the verdict says."""

    decision: Ruling
    reason: str
    overrides: bool
    by: uuid.UUID | None
    name: str | None
    time: datetime

    @classmethod
    def of(cls, row: GateDecision, names: Names) -> Decision:
        return cls.model_validate(
            {
                "decision": row.decision,
                "reason": row.reason,
                "overrides": row.overrides,
                "by": row.user_id,
                "name": names.get(row.user_id) if row.user_id is not None else None,
                "time": row.created_at,
            }
        )


class VerdictEntry(Answer):
    """`outcome` is null until it is found; `state` then is that of its job, and `error` why that failed. `decision`: the latest that a
    person took."""

    id: uuid.UUID
    job_id: uuid.UUID | None
    candidate: str
    incumbent: str
    gate: str
    state: Standing
    error: str | None
    outcome: Outcome | None
    reasons: list[str]
    decision: Decision | None
    created_at: datetime

    @classmethod
    def of(cls, found: Found, names: Names) -> VerdictEntry:
        return cls.model_validate(_entry(found, names))


class VerdictDetail(VerdictEntry):
    """`sets`: the figures of each set. `held_out`: where the task's items are. `documents`: ids of the collections that they
    are answered from. `inputs`: SHA-256 of each set's file.
    `decisions`: all that people took, the latest first."""

    owner_id: uuid.UUID | None
    held_out: dict[str, JsonValue]
    documents: list[str] | None
    inputs: dict[str, str] | None
    confidence: float
    resamples: int
    seed: int
    sets: list[SetResult]
    decisions: list[Decision]

    @classmethod
    def detailed(cls, found: Found, decisions: Sequence[GateDecision], names: Names) -> VerdictDetail:
        row = found.row
        return cls.model_validate(
            {
                **_entry(found, names),
                "owner_id": row.owner_id,
                "held_out": row.held_out,
                "documents": row.documents,
                "inputs": row.inputs,
                **{name: row.gate[name] for name in ("confidence", "resamples", "seed")},
                "sets": [] if row.verdict is None else row.verdict["sets"],
                "decisions": [Decision.of(decision, names) for decision in decisions],
            }
        )


class VerdictPage(Answer):
    verdicts: list[VerdictEntry]
    next_cursor: str | None


class Spoken(Answer):
    """What a model said, its mark from 0 to 1, and who it was; `error`: why it could not be asked."""

    text: str | None
    mark: float
    by: str | None
    error: str | None


class SideBySide(Answer):
    set: str
    number: int
    messages: list[dict[str, Any]]
    expected: str
    candidate: Spoken
    incumbent: Spoken

    @classmethod
    def of(cls, row: GateAnswer) -> SideBySide:
        return cls(
            set=row.set_name,
            number=row.number,
            messages=row.messages,
            expected=row.expected,
            candidate=Spoken(text=row.candidate, mark=row.candidate_mark, by=row.candidate_by, error=row.candidate_error),
            incumbent=Spoken(text=row.incumbent, mark=row.incumbent_mark, by=row.incumbent_by, error=row.incumbent_error),
        )


class SideBySidePage(Answer):
    answers: list[SideBySide]
    next_cursor: str | None


class GateEntry(Answer):
    """One gate, as its file says it."""

    name: str
    version: int
    description: str
    confidence: float
    resamples: int
    seed: int
    answer_tokens: int
    sets: list[GateSetSpec]

    @classmethod
    def of(cls, spec: GateSpec) -> GateEntry:
        return cls(**{name: getattr(spec, name) for name in cls.model_fields})


class GateList(Answer):
    gates: list[GateEntry]


def _entry(found: Found, names: Names) -> dict[str, Any]:
    row = found.row
    verdict = Verdict.model_validate(row.verdict) if row.verdict is not None else None
    return {
        "id": row.id,
        "job_id": row.job_id,
        "candidate": row.candidate,
        "incumbent": row.incumbent,
        "gate": f"{row.gate['name']}@{row.gate['version']}",
        "state": found.standing,
        "error": found.error,
        "outcome": row.outcome,
        "reasons": list(verdict.reasons) if verdict is not None else [],
        "decision": Decision.of(found.decision, names) if found.decision is not None else None,
        "created_at": row.created_at,
    }
