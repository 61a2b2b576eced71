"""Messages of the queue, for one person. What a message asks for is checked as if it was to be done now; it is done in their name."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from api.audit.trail import Origin, Trail
from api.connectors.schemas import ProcessBody
from api.connectors.service import Connecting
from api.conversations.answers import Listing
from api.conversations.cursors import cursor_of, position_of
from api.queue.install import Queueing
from api.queue.schemas import (
    EnqueueBody,
    MessageAnswer,
    MessageDetail,
    MessageQuery,
    MessageType,
    MessageTypes,
    QueueStatistics,
    ReplayBody,
    Statistics,
)
from api.web.errors import explain
from api.web.principal import Principal, Role
from api.workflows.launching import Launcher, Order, may_act
from cluster.contracts.generation import JsonObject
from cluster.errors import Forbidden, Unprocessable
from cluster.queue.kinds import INGEST, PAYLOADS, WEBHOOK, WORKFLOW, IngestPayload, Payload, WebhookPayload, WorkflowPayload
from cluster.queue.statistics import counts
from cluster.queue.store import Messages, NewMessage, Wanted
from cluster.queue.tables import EVENTS, QueueMessage
from cluster.specs.loader import nearest
from cluster.tracing import parent_here
from cluster.webhooks.store import Webhooks

# Whoever has a webhook called can have it say anything; and only editors bring documents in.
ROLES: Mapping[str, Role] = {WORKFLOW: Role.EDITOR, INGEST: Role.EDITOR, WEBHOOK: Role.ADMIN}


@dataclass(frozen=True, slots=True)
class Doors:
    """Where what a message asks for is checked."""

    launcher: Launcher
    connecting: Connecting


class QueueService:
    """Holds no database session while what is asked for is checked."""

    def __init__(self, queueing: Queueing, who: Principal, origin: Origin, doors: Doors | None = None) -> None:
        self._bell = queueing.bell
        self._database = queueing.parts.stores.database
        self._settings = queueing.parts.settings
        self._who = who
        self._here = who.organisation_id
        self._origin = origin
        self._doors = doors

    async def enqueue(self, body: EnqueueBody, key: str | None) -> MessageDetail:
        """Written down when it returns. Raises what doing it now would raise, and Overloaded where too much waits."""
        if body.queue == EVENTS:
            raise Unprocessable(f"The queue '{EVENTS}' is for events that webhooks are told of; choose another name.").about("queue")
        if body.not_before is not None and body.not_before.tzinfo is None:
            raise Unprocessable("'not_before' has no offset from UTC; write it as 2026-11-21T08:30:00Z.").about("not_before")
        payload, webhook_id = await self._checked(body)
        new = NewMessage(
            type=body.type,
            payload=payload,
            organisation_id=self._here,
            owner_id=self._who.user_id,
            role=may_act(self._who).value,
            queue=body.queue,
            priority=body.priority,
            delay_s=body.delay_s,
            not_before=body.not_before,
            idempotency_key=key,
            webhook_id=webhook_id,
            traceparent=parent_here(),
        )
        async with self._database.session() as session:
            message = await Messages(session, self._settings.queue).enqueue(new)
            if message.id == new.id:
                Trail(session, self._origin, self._who).record("queue.enqueued", f"queue_message:{message.id}", type=message.type)
        self._bell.ring()
        return MessageDetail.of(message)

    async def page(self, wanted: MessageQuery) -> Listing[MessageAnswer]:
        chosen = Wanted(wanted.state, wanted.queue, wanted.type, position_of(wanted.cursor))
        async with self._database.session() as session:
            rows = await Messages(session, self._settings.queue).page(self._here, chosen, wanted.limit + 1)
        last = rows[wanted.limit - 1] if len(rows) > wanted.limit else None
        cursor = cursor_of(last.created_at, last.id) if last is not None else None
        return Listing[MessageAnswer](items=[MessageAnswer.of(row) for row in rows[: wanted.limit]], next_cursor=cursor)

    async def one(self, message_id: uuid.UUID) -> MessageDetail:
        async with self._database.session() as session:
            return MessageDetail.of(await Messages(session, self._settings.queue).get(self._here, message_id))

    async def replay(self, message_id: uuid.UUID) -> MessageDetail:
        async with self._database.session() as session:
            messages = Messages(session, self._settings.queue)
            again = await messages.replay(await self._mine(messages, message_id))
            Trail(session, self._origin, self._who).record("queue.replayed", f"queue_message:{message_id}")
        self._bell.ring()
        return MessageDetail.of(again)

    async def replay_dead(self, body: ReplayBody) -> int:
        async with self._database.session() as session:
            wanted = Wanted(queue=body.queue, type=body.type)
            found = await Messages(session, self._settings.queue).replay_dead(self._here, wanted, body.limit)
            Trail(session, self._origin, self._who).record("queue.replayed", None, messages=found, queue=body.queue)
        self._bell.ring()
        return found

    async def discard(self, message_id: uuid.UUID) -> None:
        async with self._database.session() as session:
            messages = Messages(session, self._settings.queue)
            await messages.discard(await self._mine(messages, message_id))
            Trail(session, self._origin, self._who).record("queue.discarded", f"queue_message:{message_id}")

    async def statistics(self) -> Statistics:
        async with self._database.session() as session:
            found = await counts(session, self._here)
        pending = sum(count.queued + count.delayed + count.running for count in found if count.name != EVENTS)
        most = self._settings.queue.pending_per_organisation
        return Statistics(queues=[QueueStatistics.of(count) for count in found], pending=pending, most_pending=most)

    async def _mine(self, messages: Messages, message_id: uuid.UUID) -> QueueMessage:
        """Locked. Raises Forbidden for somebody else's, except to an admin."""
        message = await messages.get(self._here, message_id, lock=True)
        if message.owner_id != self._who.user_id and not self._who.role.includes(Role.ADMIN):
            raise Forbidden("The message is somebody else's; an admin of your organisation may do that.")
        return message

    async def _checked(self, body: EnqueueBody) -> tuple[JsonObject, uuid.UUID | None]:
        """The payload as it is kept, and whom it tells. Raises Unprocessable for a type that there is not."""
        shape = PAYLOADS.get(body.type)
        if shape is None:
            hint = nearest(body.type, PAYLOADS)
            said = f"; did you mean '{hint}'?" if hint else "; GET /api/v1/integration/queues/types lists them."
            raise Unprocessable(f"There are no messages of type '{body.type[:32]}'{said}").about("type")
        needed = ROLES[body.type]
        if not self._who.role.includes(needed):
            raise Forbidden(f"Messages of type '{body.type}' need the role '{needed}', and you are '{self._who.role}' here.")
        payload = _read(shape, body.payload)
        checks: Mapping[str, Callable[[Any], Awaitable[Payload]]] = {
            WORKFLOW: self._workflow,
            INGEST: self._ingest,
            WEBHOOK: self._webhook,
        }
        kept = await checks[body.type](payload)
        return kept.model_dump(mode="json"), kept.webhook_id if isinstance(kept, WebhookPayload) else None

    async def _workflow(self, payload: WorkflowPayload) -> Payload:
        assert self._doors is not None
        launcher = self._doors.launcher
        order = Order(spec=await launcher.find(payload.workflow), input=dict(payload.input), model=payload.model)
        checked, _ = await launcher.check(order)
        return payload.model_copy(update={"input": checked.input})

    async def _ingest(self, payload: IngestPayload) -> Payload:
        assert self._doors is not None
        await self._doors.connecting.check(ProcessBody.model_validate(payload.model_dump(mode="json")))
        return payload

    async def _webhook(self, payload: WebhookPayload) -> Payload:
        async with self._database.session() as session:
            await Webhooks(session, self._here, self._settings.webhooks).get(payload.webhook_id)
        return payload


def types() -> MessageTypes:
    found = [
        MessageType(type=name, description=(shape.__doc__ or "").strip(), role=ROLES[name].value, payload=shape.model_json_schema())
        for name, shape in PAYLOADS.items()
    ]
    return MessageTypes(types=found)


def _read(shape: type[Payload], given: dict[str, Any]) -> Payload:
    """Raises Unprocessable with the first mistake."""
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        wrong = explain(error.errors(include_url=False), given, fields=list(shape.model_fields), kind=Unprocessable)
        raise wrong.about(f"payload.{wrong.param}" if wrong.param else "payload") from None
