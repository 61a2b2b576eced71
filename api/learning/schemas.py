"""What is asked about learning."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.web.schema import FormBody, ModelId
from cluster.learning.analytics.quality import Bucket, Grouping

Task = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Base = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f:]+$")]


class FormatQuery(FormBody):
    format: Literal["json", "png"] | None = Field(None, description="Without it what `Accept` says, else JSON.")


class JudgedQuery(FormatQuery):
    task: Task | None = Field(None, description="Only this kind of work.")
    base: Base | None = Field(None, description="Only adapters of this model.")


class QualityQuery(FormatQuery):
    task: Task | None = Field(None, description="Only this kind of work.")
    by: Grouping | None = Field(None, description="What answers to a task are told apart by.")
    days: int = Field(30, ge=1, le=3660, description="How far back, today (UTC) included.")
    bucket: Bucket = Field("day", description="A week begins on Monday.")


class DriftQuery(FormatQuery):
    base: Base | None = Field(None, description="The model whose adapter in service is looked at; needed where there are several.")
    days: int = Field(7, ge=1, le=365, description="What counts as recent; feedback is compared with as many days before.")
    embedding_model: ModelId | None = Field(None, description="What texts are compared by; null: the first that can.")
