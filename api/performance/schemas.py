"""What is sent and answered about optimisations."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, JsonValue, model_validator

from api.web.schema import Answer, Body, FormBody, ModelId
from cluster.optimising.change import ChangeState, Evidence, OptimiserName
from cluster.optimising.store import Found, Standing
from cluster.optimising.table import OptimisationChange
from cluster.optimising.wanted import OF_THE_BOX, Moment, PromptMethod
from cluster.specs.gate import Metric

MOST_VALUES = 6
# By optimiser: the least and the most that a value may be.
BOUNDS: dict[OptimiserName, tuple[int, int]] = {"parallel": (1, 256), "context": (64, 2**20), "batch": (16, 2**20)}


class PromptBody(Body):
    prompt_id: uuid.UUID = Field(strict=False, description="The system prompt that is to be better.")
    version: int | None = Field(None, ge=1, le=2**31 - 1, description="Its version; null: the latest.")
    model: ModelId = Field(description="The language model that it is for.")
    dataset: str = Field(min_length=1, max_length=200, description="Id or name of a dataset: one side gives examples, the other judges.")
    dataset_version: int | None = Field(None, ge=1, le=2**31 - 1, description="Its version; null: the latest.")
    metric: Metric = Field("exact", description="How an answer is marked, as the gate does.")
    method: PromptMethod = Field(
        "few_shot", description="`few_shot` shows examples; `instructions` has the model word the instruction anew."
    )
    shots: int = Field(4, ge=1, le=32, description="Most examples that the prompt shows.")
    calls: int = Field(200, ge=40, le=10**6, description="Most requests in all, half of them for judging.")
    answer_tokens: int = Field(128, ge=1, le=8192, description="Most tokens of an answer.")


class OptimizeBody(Body):
    optimisers: list[OptimiserName] | None = Field(
        None, min_length=1, max_length=5, description="What is looked at; null: all of the box, or the prompt where one is named."
    )
    models: list[ModelId] | None = Field(None, min_length=1, max_length=50, description="Which models; null: all that are served.")
    measure: Moment = Field(
        "idle",
        description="`idle`: with a replica more, where there is room, while nobody asks. `window`: with what is served, now, because you "
        "say that it disturbs nobody.",
    )
    apply: bool = Field(False, description="Whether what is better comes into force, is measured again, and goes back if it is worse.")
    values: dict[OptimiserName, list[Annotated[int, Field(ge=1, le=2**20)]]] = Field(
        default_factory=dict, max_length=3, description="What `parallel`, `context` and `batch` try; by default half and double."
    )
    streams: int | None = Field(None, ge=1, le=256, description="How many ask a language model at once; null: twice what it does at once.")
    prompt: PromptBody | None = Field(None, description="For the optimiser `prompt`.")

    @model_validator(mode="after")
    def _whole(self) -> OptimizeBody:
        chosen = self.chosen
        if ("prompt" in chosen) != (self.prompt is not None):
            raise ValueError("the optimiser 'prompt' and the field 'prompt' go together: say which prompt, or leave both out")
        if len(set(chosen)) < len(chosen):
            raise ValueError("'optimisers' names one twice")
        for name, values in self.values.items():
            if name not in BOUNDS or name not in chosen:
                raise ValueError(f"'values' are for those of {', '.join(BOUNDS)} that are asked, not for '{name}'")
            low, high = BOUNDS[name]
            if not 1 <= len(values) <= MOST_VALUES or not all(low <= value <= high for value in values):
                raise ValueError(f"'values' of '{name}' are 1 to {MOST_VALUES} numbers from {low} to {high}")
        return self

    @property
    def chosen(self) -> tuple[OptimiserName, ...]:
        if self.optimisers is not None:
            return tuple(self.optimisers)
        return ("prompt",) if self.prompt is not None else OF_THE_BOX


class ChangeBody(Body):
    change: int | None = Field(None, ge=0, le=10_000, description="Number of the change; null where there is only one that it can be.")


class OptimisationQuery(FormBody):
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="Optimisations on a page.")


class ChangeEntry(Answer):
    """`state`: `proposed` is better and not in force; `refused` is not better, or not possible; `applying` is in force and being measured;
    `waiting` is in force from the next start on (see `how`); `applied` stays; `reverted` is as it was. `outcome`: what was measured once
    it was in force."""

    number: int
    optimiser: str
    subject: str
    state: ChangeState
    reason: str
    how: str
    change: dict[str, JsonValue] | None
    evidence: Evidence | None
    outcome: Evidence | None

    @classmethod
    def of(cls, row: OptimisationChange) -> ChangeEntry:
        names = ("number", "optimiser", "subject", "state", "reason", "how", "change", "evidence")
        return cls.model_validate({**{name: getattr(row, name) for name in names}, "outcome": (row.outcome or {}).get("measured")})


class OptimisationEntry(Answer):
    """`state`: as its latest job stands, and `error` why that failed. `notes`: what was left out, and why."""

    id: uuid.UUID
    job_id: uuid.UUID | None
    owner_id: uuid.UUID | None
    state: Standing
    error: str | None
    asked: dict[str, JsonValue]
    notes: list[str]
    changes: list[ChangeEntry]
    created_at: datetime

    @classmethod
    def of(cls, found: Found) -> OptimisationEntry:
        return cls.model_validate(_entry(found))


class OptimisationDetail(OptimisationEntry):
    """`samples`: every value that was measured, in the order of rounds, by measurement and setting."""

    samples: dict[str, dict[str, list[float]]]

    @classmethod
    def detailed(cls, found: Found, samples: dict[str, dict[str, list[float]]]) -> OptimisationDetail:
        return cls.model_validate({**_entry(found), "samples": samples})


class OptimisationPage(Answer):
    optimisations: list[OptimisationEntry]
    next_cursor: str | None


def _entry(found: Found) -> dict[str, Any]:
    row = found.row
    return {
        "id": row.id,
        "job_id": row.job_id,
        "owner_id": row.owner_id,
        "state": found.standing,
        "error": found.error,
        "asked": row.asked,
        "notes": row.notes,
        "changes": [ChangeEntry.of(change) for change in found.changes],
        "created_at": row.created_at,
    }
