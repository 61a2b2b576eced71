"""Messages of the queue, as people see them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from api.web.schema import Answer, Body, FormBody, FreeObject
from api.workflows.run_schemas import IdempotencyKey, Priority
from cluster.queue.states import MessageState
from cluster.queue.statistics import QueueCount
from cluster.queue.tables import AT_ONCE, QueueMessage

QUEUE = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
QueueName = Annotated[str, Field(pattern=QUEUE, description="A name for messages that belong together; `events` is Hearth's own.")]
TypeName = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z]+$")]


class EnqueueBody(Body):
    type: TypeName = Field(description="What is to be done: one of `GET /api/v1/integration/queues/types`.")
    payload: FreeObject = Field(description="As the type's schema says.")
    queue: QueueName = "default"
    priority: Priority = 0
    delay_s: float = Field(0, ge=0, le=1e9, description="Earliest so many seconds from now; queue.longest_delay_s bounds it.")
    not_before: datetime | None = Field(None, strict=False, description="Earliest then; with an offset from UTC.")
    idempotency_key: IdempotencyKey | None = Field(
        None, description="Sent again with the same key it is the same message. The header Idempotency-Key says the same."
    )


class MessageQuery(FormBody):
    state: MessageState | None = Field(None, description="Only those in this state; `dead` ones wait to be replayed.")
    queue: str | None = Field(None, pattern=QUEUE, description="Only those of this queue.")
    type: TypeName | None = Field(None, description="Only those of this type.")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Messages on a page.")


class ReplayBody(Body):
    queue: QueueName | None = Field(None, description="Only those of this queue.")
    type: TypeName | None = Field(None, description="Only those of this type.")
    limit: int = Field(1000, ge=1, le=10_000, description="How many, the oldest first.")


class Replayed(Answer):
    replayed: int


class MessageAnswer(Answer):
    """`error`: of the latest attempt. `tries`: attempts that failed since it was last queued by a person."""

    id: uuid.UUID
    queue: str
    type: str
    state: MessageState
    priority: int
    attempt: int
    tries: int
    owner_id: uuid.UUID | None
    webhook_id: uuid.UUID | None
    idempotency_key: str | None
    created_at: datetime
    not_before: datetime | None = Field(description="Null: it need not wait.")
    started_at: datetime | None
    finished_at: datetime | None
    result: dict[str, Any] | None = Field(description="What it began, such as a run or a job, or what a server answered.")
    error: str | None

    @classmethod
    def of(cls, row: QueueMessage) -> MessageAnswer:
        taken = {name: getattr(row, name) for name in cls.model_fields}
        return cls(**taken | {"not_before": row.not_before if row.not_before > AT_ONCE else None})


class MessageDetail(MessageAnswer):
    payload: dict[str, Any]

    @classmethod
    def of(cls, row: QueueMessage) -> MessageDetail:
        return cls(**MessageAnswer.of(row).model_dump(), payload=row.payload)


class QueueStatistics(Answer):
    """`queued`: could be taken now; `delayed`: not yet. `oldest_s`: how long the one that waits longest has. `wait_*_s`: from when it could
    be taken to when it was, of those that were in the last hour; null where none was."""

    queue: str
    queued: int
    delayed: int
    running: int
    dead: int
    done_last_hour: int
    oldest_s: float
    wait_p50_s: float | None
    wait_p95_s: float | None

    @classmethod
    def of(cls, count: QueueCount) -> QueueStatistics:
        return cls(queue=count.name, **{name: getattr(count, name) for name in cls.model_fields if name != "queue"})


class Statistics(Answer):
    queues: list[QueueStatistics]
    pending: int = Field(description="Messages that wait or are worked on, events for webhooks aside.")
    most_pending: int = Field(description="With so many pending ones, more are refused (429).")


class MessageType(Answer):
    type: str
    description: str
    role: str = Field(description="That whoever hands it in has, at least.")
    payload: dict[str, Any] = Field(description="JSON Schema of the payload.")


class MessageTypes(Answer):
    types: list[MessageType]
