"""Trainings in the shape of OpenAI's API."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from api.web.schema import Answer, Body, FormBody, ModelId
from cluster.jobs.states import JobState
from cluster.jobs.table import Job
from cluster.learning.tuning.spec import MOST_NAME, Hyperparameters, Method, TuningSpec

Label = Annotated[str, Field(max_length=64)]
LabelValue = Annotated[str, Field(max_length=512)]
Auto = Literal["auto"]
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class OpenAIHyperparameters(Body):
    n_epochs: Auto | Annotated[int, Field(ge=1, le=100)] = Field("auto", description="Times every example is learned from.")
    batch_size: Auto | Annotated[int, Field(ge=1, le=4096)] = Field("auto", description="Examples in one step.")
    learning_rate_multiplier: Auto | Annotated[float, Field(gt=0, le=100)] = Field("auto", description="What the rate is multiplied by.")

    def ours(self, seed: int) -> Hyperparameters:
        return Hyperparameters.model_validate({name: value for name, value in self.named(seed).items() if value != "auto"})

    def named(self, seed: int) -> dict[str, Any]:
        return {"epochs": self.n_epochs, "batch_size": self.batch_size, "multiplier": self.learning_rate_multiplier, "seed": seed}


class DpoHyperparameters(OpenAIHyperparameters):
    beta: Auto | Annotated[float, Field(gt=0, le=2)] = Field(
        "auto", description="How much an answer's reward counts; small lets the adapter go far from the base. `auto`: 0.1."
    )

    def named(self, seed: int) -> dict[str, Any]:
        return {**super().named(seed), "beta": self.beta}


class Supervised(Body):
    hyperparameters: OpenAIHyperparameters = OpenAIHyperparameters()


class Dpo(Body):
    hyperparameters: DpoHyperparameters = DpoHyperparameters()


class MethodBody(Body):
    """Besides OpenAI's fields, `quantization`."""

    type: Literal["supervised", "dpo"] = Field(description="`dpo`: of two answers, to prefer one. `reinforcement` is not offered.")
    supervised: Supervised | None = None
    dpo: Dpo | None = None
    quantization: Literal["nf4"] | None = Field(None, description="`nf4`: the base is held in 4 bits while the adapter learns (QLoRA).")

    @model_validator(mode="after")
    def _one(self) -> MethodBody:
        other = {"supervised": "dpo", "dpo": "supervised"}[self.type]
        if getattr(self, other) is not None:
            raise ValueError(f"'type' is '{self.type}', so leave '{other}' out")
        return self

    @property
    def hyperparameters(self) -> OpenAIHyperparameters:
        if self.type == "dpo":
            return (self.dpo or Dpo()).hyperparameters
        return (self.supervised or Supervised()).hyperparameters


class FineTuningBody(Body):
    model: ModelId = Field(description="The base: a language model of the catalog with safetensors weights on this machine.")
    training_file: str = Field(
        max_length=MOST_NAME,
        description="A file with the purpose `fine-tune`, or a version of a dataset: `dataset:<name>` or `dataset:<name>:<version>`.",
    )
    validation_file: str | None = Field(None, max_length=64, description="Examples to judge by; by default a share of the training file.")
    suffix: str | None = Field(None, min_length=1, max_length=64, description="What the adapter is called.")
    seed: int | None = Field(None, ge=0, le=2**31 - 1, description="Of the order of examples, and of the first weights.")
    hyperparameters: OpenAIHyperparameters | None = Field(
        None, description="The older place of `method.supervised.hyperparameters`; it counts where `method` is not given."
    )
    method: MethodBody | None = None
    metadata: dict[Label, LabelValue] | None = Field(None, max_length=16, description="Yours, given back as it is.")
    integrations: list[dict[str, Any]] | None = Field(None, max_length=0, description="None are offered.")

    @property
    def chosen(self) -> OpenAIHyperparameters:
        if self.method is not None:
            return self.method.hyperparameters
        return self.hyperparameters or OpenAIHyperparameters()

    @property
    def how(self) -> Method:
        return Method(type=self.method.type, quantization=self.method.quantization) if self.method is not None else Method()


class PageQuery(FormBody):
    after: str | None = Field(None, max_length=80, description="Id of the last one of the page before.")
    limit: int = Field(20, ge=1, le=100, description="Entries on a page.")


class FineTuningError(Answer):
    code: str
    message: str
    param: str | None = None


class ShownHyperparameters(Answer):
    n_epochs: Auto | int
    batch_size: Auto | int
    learning_rate_multiplier: Auto | float


class ShownSupervised(Answer):
    hyperparameters: ShownHyperparameters


class ShownDpoHyperparameters(ShownHyperparameters):
    beta: float


class ShownDpo(Answer):
    hyperparameters: ShownDpoHyperparameters


class ShownMethod(Answer):
    type: Literal["supervised", "dpo"]
    supervised: ShownSupervised | None = None
    dpo: ShownDpo | None = None
    quantization: Literal["nf4"] | None = None

    @classmethod
    def of(cls, spec: TuningSpec, shown: ShownHyperparameters) -> ShownMethod:
        told: dict[str, Any] = {"type": spec.method.type, "quantization": spec.method.quantization}
        if spec.method.type == "supervised":
            return cls(**told, supervised=ShownSupervised(hyperparameters=shown))
        dpo = ShownDpoHyperparameters(**shown.model_dump(), beta=spec.parameters.beta)
        return cls(**told, dpo=ShownDpo(hyperparameters=dpo))


class FineTuningJob(Answer):
    """Times are Unix times."""

    id: str
    object: Literal["fine_tuning.job"] = "fine_tuning.job"
    created_at: int
    finished_at: int | None
    estimated_finish: int | None = None
    model: str
    fine_tuned_model: str | None = Field(description="Ask for it as a model.")
    organization_id: str
    status: Status
    error: FineTuningError | None
    hyperparameters: ShownHyperparameters
    method: ShownMethod
    training_file: str
    validation_file: str | None
    result_files: list[str] = Field(description="Empty; figures are in the events.")
    trained_tokens: int | None
    seed: int
    integrations: list[dict[str, Any]] = Field(default_factory=list)
    metadata: dict[str, str] | None

    @classmethod
    def of(cls, job: Job, spec: TuningSpec) -> FineTuningJob:
        parameters, result = spec.parameters, job.result or {}
        shown = ShownHyperparameters(
            n_epochs=max(1, round(parameters.epochs)) if parameters.epochs is not None else "auto",
            batch_size=parameters.batch_size or "auto",
            learning_rate_multiplier=parameters.multiplier,
        )
        return cls(
            id=job_name(job.id),
            created_at=_unix(job.created_at) or 0,
            finished_at=_unix(job.finished_at),
            model=spec.base,
            fine_tuned_model=result.get("model"),
            organization_id=str(job.organisation_id),
            status=JobState(job.state).value,
            error=FineTuningError(code="training_failed", message=job.error) if job.error else None,
            hyperparameters=shown,
            method=ShownMethod.of(spec, shown),
            training_file=spec.train.name,
            validation_file=spec.validation.name if spec.validation else None,
            result_files=[],
            trained_tokens=result.get("trained_tokens"),
            seed=parameters.seed,
            metadata=spec.labels,
        )


class FineTuningPage(Answer):
    object: Literal["list"] = "list"
    data: list[FineTuningJob]
    has_more: bool


class FineTuningEvent(Answer):
    id: str
    object: Literal["fine_tuning.job.event"] = "fine_tuning.job.event"
    created_at: int
    level: Literal["info", "warn", "error"]
    message: str
    type: Literal["message", "metrics"]
    data: dict[str, float] | None


class EventPage(Answer):
    """The latest first."""

    object: Literal["list"] = "list"
    data: list[FineTuningEvent]
    has_more: bool


class CheckpointMetrics(Answer):
    step: int
    train_loss: float | None = None
    full_valid_loss: float | None = None


class Checkpoint(Answer):
    id: str
    object: Literal["fine_tuning.job.checkpoint"] = "fine_tuning.job.checkpoint"
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    metrics: CheckpointMetrics
    step_number: int


class CheckpointPage(Answer):
    object: Literal["list"] = "list"
    data: list[Checkpoint]
    first_id: str | None
    last_id: str | None
    has_more: bool


def job_name(job_id: uuid.UUID) -> str:
    return f"ftjob-{job_id.hex}"


def job_id_of(name: str) -> uuid.UUID | None:
    """None for what :func:`job_name` did not make."""
    rest = name.removeprefix("ftjob-")
    hexadecimal = len(rest) == 32 and all(letter in "0123456789abcdef" for letter in rest)
    return uuid.UUID(rest) if name.startswith("ftjob-") and hexadecimal else None


def _unix(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None
