"""What is sent about samples to label and the labelling queue."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from api.web.schema import Body, FormBody, FreeObject, ModelId
from cluster.errors import BadInput
from cluster.json_schema import check_schema
from cluster.learning.labels.formats import FormatName
from cluster.learning.selection.weights import Strategy, Weights

Name = Annotated[str, Field(min_length=1, max_length=200)]
Task = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="The kind of work.")]
Label = Annotated[str, Field(min_length=1, max_length=200)]
State = Literal["open", "closed"]


def _usable(form: FreeObject | None) -> FreeObject | None:
    if form is not None:
        try:
            check_schema(form)
        except BadInput as error:
            raise ValueError(error.message) from None
    return form


def _different(labels: list[str] | None) -> list[str] | None:
    if labels is not None and len(set(labels)) < len(labels):
        raise ValueError("a label stands there twice")
    return labels


Form = Annotated[FreeObject, AfterValidator(_usable)]
Labels = Annotated[list[Label], Field(min_length=2, max_length=1000), AfterValidator(_different)]


class TurnBody(Body):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str = Field(max_length=1_000_000)


class SampleBody(Body):
    """A sample of one's own: `text`, or the `messages` up to the answer."""

    id: str | None = Field(None, min_length=1, max_length=200, description="By which it is known again; else one is made of its words.")
    text: str | None = Field(None, min_length=1, max_length=1_000_000)
    messages: list[TurnBody] | None = Field(None, min_length=1, max_length=500)
    answer: str | None = Field(None, max_length=1_000_000, description="What a model said to it.")

    @model_validator(mode="after")
    def _one_of_both(self) -> SampleBody:
        if (self.text is None) == (self.messages is None):
            raise ValueError("give either 'text' or 'messages'")
        return self


class SelectBody(Body):
    source: Literal["chat", "graphs", "samples"] = Field(
        "chat",
        description="`chat`: answers in conversations, your own and those that consent; `graphs`: steps of your own runs in which a model "
        "wrote a text; `samples`: those of this request.",
    )
    samples: list[SampleBody] | None = Field(None, min_length=1, max_length=10_000)
    since: datetime | None = Field(None, strict=False, description="Only what is newer.")
    answered_by: ModelId | None = Field(None, description="Only what this model answered.")
    limit: int = Field(20, ge=1, le=1000, description="How many to choose.")
    strategy: Strategy = "active"
    weights: Weights | None = Field(None, description="Of the strategy `active`.")
    model: ModelId | None = Field(None, description="That is asked how sure it is of its answers; without it nobody is.")
    compare_model: ModelId | None = Field(None, description="A second one, such as another adapter: where both disagree, one is unsure.")
    embedding_model: ModelId | None = None
    seed: int = Field(0, ge=0, le=2**32 - 1, description="What is random depends on it alone.")
    campaign_id: uuid.UUID | None = Field(None, strict=False, description="Puts what is chosen into the queue of this campaign.")

    @model_validator(mode="after")
    def _belong_together(self) -> SelectBody:
        if (self.source == "samples") != (self.samples is not None):
            raise ValueError("'samples' and the source 'samples' go together")
        if self.weights is not None and self.strategy != "active":
            raise ValueError("'weights' are of the strategy 'active'")
        if self.compare_model is not None and self.model is None:
            raise ValueError("'compare_model' needs 'model'")
        if self.since is not None and self.since.tzinfo is None:
            raise ValueError("'since' needs a time zone, such as 2026-01-01T00:00:00Z")
        return self


class CampaignBody(Body):
    name: Name
    task: Task = "chat"
    instructions: str = Field("", max_length=20_000, description="What people are told.")
    kind: Literal["text", "label", "json"] = Field(
        "text", description="What a label is: the right answer, one of `labels`, or JSON by `form`."
    )
    labels: Labels | None = None
    form: Form | None = Field(None, description="JSON Schema of a label.")
    labels_per_item: int = Field(1, ge=1, le=100, description="How many people label each item.")
    lease_s: int | None = Field(None, ge=1, le=30 * 24 * 3600, description="Seconds an item is held for whoever was given it.")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> CampaignBody:
        for name, kind in (("labels", "label"), ("form", "json")):
            if (getattr(self, name) is not None) != (self.kind == kind):
                raise ValueError(f"'{name}' and the kind '{kind}' go together")
        return self


class CampaignPatch(Body):
    """What is given is changed. What a label is stays as it was."""

    instructions: str | None = Field(None, max_length=20_000)
    lease_s: int | None = Field(None, ge=1, le=30 * 24 * 3600)
    state: State | None = None


class NextBody(Body):
    count: int = Field(1, ge=1, le=1000, description="How many to hold at once, those that you hold included.")


class LabelBody(Body):
    value: JsonValue = Field(description="A text, one of the labels, or JSON, as the campaign says.")


class SkipBody(Body):
    remark: str = Field("", max_length=2000, description="Why.")


class CampaignQuery(FormBody):
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200)


class ItemQuery(FormBody):
    cursor: uuid.UUID | None = Field(None, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200)
    state: Literal["open", "agreed", "disputed", "adjudicated"] | None = None


class FormatQuery(FormBody):
    format: FormatName = "jsonl"
