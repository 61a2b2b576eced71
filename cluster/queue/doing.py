"""What is done with messages that begin something else. What they begin is written in the transaction in which they become done: once,
whatever process dies."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import cast

from sqlalchemy import String, Uuid, column, select, table

from cluster.contracts.generation import JsonObject
from cluster.errors import Conflict
from cluster.graphs.starting import Order, RunStarter
from cluster.jobs.kinds import JOB_KINDS
from cluster.jobs.store import Jobs, NewJob
from cluster.queue.claims import Write
from cluster.queue.kinds import IngestPayload, WorkflowPayload
from cluster.queue.tables import QueueMessage
from cluster.settings import Settings
from cluster.stores.sql import AsyncSession
from cluster.tools.tool import Role

CONNECT = "connect"
GONE = "Whoever handed it in no longer belongs to the organisation; hand it in anew."
ROLES: list[Role] = ["viewer", "editor", "admin"]
# Kept by api/people.
_MEMBERS = table("memberships", column("organisation_id", Uuid()), column("user_id", Uuid()), column("role", String))


class Beginning:
    """Handlers of messages."""

    def __init__(self, starter: RunStarter, settings: Settings) -> None:
        self._starter = starter
        self._settings = settings

    async def workflow(self, message: QueueMessage) -> Write:
        """Raises NotFound and BadInput for a graph, or an input, that can no longer run."""
        payload = WorkflowPayload.model_validate(message.payload)
        order = Order(
            graph=payload.workflow,
            input=dict(payload.input),
            organisation_id=message.organisation_id,
            owner_id=_owner(message),
            role="viewer",
            model=payload.model,
            priority=message.priority,
            traceparent=message.traceparent,
        )

        async def write(session: AsyncSession) -> JsonObject:
            run = await self._starter.begin(session, replace(order, role=await _role(session, message)))
            return {"run_id": str(run.id)}

        return write

    async def ingest(self, message: QueueMessage) -> Write:
        """Connector and options were checked when it was handed in; the job says what is wrong with them now."""
        payload, most = IngestPayload.model_validate(message.payload), self._settings.connectors.items
        spec = {
            "connector": payload.connector,
            "options": payload.options,
            "collection": str(payload.collection_id),
            "items": payload.items,
            "most": min(payload.limit or most, most),
        }
        new = NewJob(CONNECT, message.organisation_id, _owner(message), spec, message.priority)

        async def write(session: AsyncSession) -> JsonObject:
            await _role(session, message)
            job = await Jobs(session).enqueue(new, JOB_KINDS, self._settings.jobs)
            return {"job_id": str(job.id)}

        return write


def _owner(message: QueueMessage) -> uuid.UUID:
    if message.owner_id is None:
        raise Conflict(GONE)
    return message.owner_id


async def _role(session: AsyncSession, message: QueueMessage) -> Role:
    """The lesser of what its owner was when it was handed in, and what they are now. Raises Conflict for somebody who has left."""
    here = (_MEMBERS.c.organisation_id == message.organisation_id, _MEMBERS.c.user_id == message.owner_id)
    now = await session.scalar(select(_MEMBERS.c.role).where(*here))
    if now is None:
        raise Conflict(GONE)
    return min(cast("Role", message.role), cast("Role", now), key=ROLES.index)
