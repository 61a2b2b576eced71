"""Batches in the shape of OpenAI's API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from api.files.schemas import LONGEST_S, SHORTEST_S
from api.web.schema import Answer, Body, FormBody
from cluster.batches.names import batch_name, file_name
from cluster.batches.tables import Batch, BatchStatus
from cluster.contracts.residency import ResidencySnapshot

Endpoint = Literal["/v1/chat/completions", "/v1/completions", "/v1/embeddings"]
Label = Annotated[str, Field(max_length=64)]
LabelValue = Annotated[str, Field(max_length=512)]


class OutputExpiry(Body):
    anchor: Literal["created_at"] = Field(description="What `seconds` count from: when the files of answers are made.")
    seconds: int = Field(ge=SHORTEST_S, le=LONGEST_S, description="Seconds until they are removed.")


class BatchBody(Body):
    input_file_id: str = Field(max_length=64, description="A file with the purpose `batch`.")
    endpoint: Endpoint = Field(description="Where all requests of the file go.")
    completion_window: Literal["24h"] = Field(description="How long it may take; what is not done by then is left out (batches.window_s).")
    metadata: dict[Label, LabelValue] | None = Field(None, max_length=16, description="Yours, given back as it is.")
    output_expires_after: OutputExpiry | None = Field(
        None, description="When the files of answers are removed; by default after batches.output_kept_days days."
    )


class BatchQuery(FormBody):
    after: str | None = Field(None, max_length=64, description="Id of the last batch of the page before.")
    limit: int = Field(20, ge=1, le=100, description="Batches on a page.")


class BatchError(Answer):
    code: str
    message: str
    param: str | None
    line: int | None = Field(description="Line of the input file, from 1; null: it is about the whole batch.")


class BatchErrors(Answer):
    object: Literal["list"] = "list"
    data: list[BatchError]


class RequestCounts(Answer):
    total: int
    completed: int = Field(description="Answered with success.")
    failed: int = Field(description="Answered with an error.")


class BatchObject(Answer):
    """Times are Unix times."""

    id: str
    object: Literal["batch"] = "batch"
    endpoint: str
    model: str | None = Field(description="The model that all requests name, where they name one.")
    errors: BatchErrors | None = Field(description="Why the input was refused, or the batch failed.")
    input_file_id: str
    completion_window: str
    status: BatchStatus
    output_file_id: str | None = Field(description="Answers, one to a line, in the order of the requests.")
    error_file_id: str | None = Field(description="Requests that failed or were not answered, and why.")
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    usage: dict[str, Any] | None = Field(description="Tokens of all answers.")
    metadata: dict[str, str] | None

    @classmethod
    def of(cls, batch: Batch) -> BatchObject:
        ended = {f"{status}_at": _unix(batch.ended_at) if batch.status == status else None for status in ENDS}
        return cls(
            id=batch_name(batch.id),
            endpoint=batch.endpoint,
            model=batch.model,
            errors=BatchErrors.model_validate(batch.errors) if batch.errors else None,
            input_file_id=file_name(batch.input_file_id),
            completion_window=batch.completion_window,
            status=BatchStatus(batch.status),
            output_file_id=file_name(batch.output_file_id) if batch.output_file_id else None,
            error_file_id=file_name(batch.error_file_id) if batch.error_file_id else None,
            created_at=int(batch.created_at.timestamp()),
            in_progress_at=_unix(batch.in_progress_at),
            expires_at=int(batch.expires_at.timestamp()),
            finalizing_at=_unix(batch.finalizing_at),
            cancelling_at=_unix(batch.cancelling_at),
            request_counts=RequestCounts(total=batch.total, completed=batch.completed, failed=batch.failed),
            usage=batch.usage,
            metadata=batch.labels,
            **ended,
        )


ENDS = (BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED)


class BatchPage(Answer):
    object: Literal["list"] = "list"
    data: list[BatchObject]
    first_id: str | None
    last_id: str | None = Field(description="Send it as `after` for the next page.")
    has_more: bool


class ModelLoad(Answer):
    """How much a model is asked, by everybody."""

    model: str
    device: str
    ongoing: int = Field(description="Requests being worked on.")
    queued: int = Field(description="Requests that wait.")


class Load(Answer):
    object: Literal["list"] = "list"
    data: list[ModelLoad]

    @classmethod
    def of(cls, snapshot: ResidencySnapshot) -> Load:
        uses = snapshot.models
        return cls(data=[ModelLoad(model=use.model, device=use.device, ongoing=use.ongoing, queued=use.queued) for use in uses])


def _unix(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None
