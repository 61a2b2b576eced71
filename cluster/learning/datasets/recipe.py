"""What a dataset is made of, and how: what somebody asks for, and what the job that builds a version goes by."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cluster.specs.guard import PII_KINDS, PiiKind

Shape = Literal["sft", "dpo"]
Split = Literal["train", "held_out"]
SPLITS: tuple[Split, ...] = ("train", "held_out")
TASK = r"^[a-z0-9][a-z0-9_.-]*$"
TaskName = Annotated[str, Field(min_length=1, max_length=64, pattern=TASK)]
# Read from JSON, in which a moment is a text.
Moment = Annotated[datetime, Field(strict=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class UploadSource(_Part):
    """A file of `POST /v1/files`, one example to a line."""

    kind: Literal["upload"]
    file_id: str = Field(max_length=64, description="A file with the purpose `fine-tune`.")


class FeedbackSource(_Part):
    """What people corrected or preferred, and gave for training."""

    kind: Literal["feedback"]
    since: Moment | None = Field(None, description="Only what was said from then on.")
    tasks: list[TaskName] | None = Field(None, max_length=100, description="Only these kinds of work.")


class LabelSource(_Part):
    """What the labelling queue decided."""

    kind: Literal["label"]
    since: Moment | None = Field(None, description="Only what was decided from then on.")
    tasks: list[TaskName] | None = Field(None, max_length=100, description="Only these kinds of work.")


SourceSpec = Annotated[UploadSource | FeedbackSource | LabelSource, Field(discriminator="kind")]


class Options(_Part):
    held_out_share: float | None = Field(
        None, gt=0, le=0.5, description="Share of examples held out from training; null: setting datasets.held_out_share."
    )
    pii: Literal["mask", "drop", "keep"] = Field("mask", description="What becomes of personal data: masked, or the example left out.")
    pii_kinds: list[PiiKind] = Field(default_factory=lambda: list(PII_KINDS), min_length=1, description="Kinds of it that count.")
    region: str = Field("DE", pattern=r"^[A-Z]{2}$", description="Country whose phone numbers may lack the code of a country.")
    near_duplicates: Literal["drop", "keep", "ignore"] = Field(
        "drop",
        description="`drop`: of questions that are nearly the same and have the same answer, one stays; `keep`: all stay, on one side "
        "of the split; `ignore`: only questions that are the same count as such, for texts that share a long template.",
    )
    contradictions: Literal["majority", "keep"] = Field(
        "majority", description="Of different answers to one question, that of more than half stays, else none; or all are kept."
    )


class Recipe(_Part):
    """``task``: the kind of work of lines that name none."""

    shape: Shape
    task: TaskName = "chat"
    sources: list[SourceSpec] = Field(min_length=1, max_length=32)
    options: Options = Field(default_factory=Options)
