"""What webhooks are told of. An event is written in the transaction of what happened: neither is there without the other."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from cluster.queue.kinds import WEBHOOK
from cluster.queue.tables import EVENTS
from cluster.stores.sql import AsyncSession

# All there are, with what they mean; ``data`` of each is documented in api/README.md.
EVENT_TYPES: Mapping[str, str] = {
    "run.succeeded": "A run of a graph, begun by a person, has succeeded.",
    "run.failed": "A run has failed.",
    "run.cancelled": "A run was cancelled.",
    "run.waiting": "A run waits for a person, or for a time.",
    "job.succeeded": "A job has succeeded.",
    "job.failed": "A job has failed.",
    "job.cancelled": "A job was cancelled.",
    "message.created": "A message was written in a conversation.",
    "document.ready": "A document is in the index.",
    "document.failed": "A document could not be read.",
    "adapter.marked": "An adapter was trained on words that somebody has taken back since.",
    "message.dead": "A message of the queue is dead; it waits to be replayed.",
    "webhook.disabled": "Another webhook was disabled, because too much failed.",
    "webhook.test": "Sent on request, to see whether it arrives.",
}
# A webhook is told of these without asking for them.
UNASKED = frozenset({"webhook.test"})

# In plain SQL, so that it costs one statement where there is no webhook, which is nearly always.
_TELL = text(
    """
    INSERT INTO queue_messages (id, organisation_id, owner_id, queue, type, payload, webhook_id, not_before)
    SELECT gen_random_uuid(), w.organisation_id, w.owner_id, :queue, :kind, jsonb_build_object(
        'webhook_id', w.id, 'type', CAST(:event AS text), 'data', :data,
        'timestamp', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    ), w.id, TIMESTAMPTZ '2000-01-01 00:00:00+00'
    FROM webhooks w
    WHERE w.organisation_id = :organisation AND w.enabled AND w.events ?| ARRAY[CAST(:event AS text), CAST(:family AS text), '*']
    """
).bindparams(bindparam("data", type_=JSONB()))

_HEARING = text(
    """
    SELECT c.organisation_id FROM collections c WHERE c.id = :collection AND EXISTS (
        SELECT FROM webhooks w WHERE w.organisation_id = c.organisation_id AND w.enabled
        AND w.events ?| ARRAY['document.ready', 'document.failed', 'document.*', '*']
    )
    """
)


async def tell(session: AsyncSession, organisation_id: uuid.UUID, event: str, data: Mapping[str, Any]) -> None:
    """Whoever wants to know of ``event``, one of EVENT_TYPES, will be told, if and when the transaction is committed."""
    assert event in EVENT_TYPES, event
    family = f"{event.partition('.')[0]}.*"
    values = {"queue": EVENTS, "kind": WEBHOOK, "event": event, "family": family, "organisation": organisation_id, "data": dict(data)}
    await session.execute(_TELL, values)


async def hearing_of(session: AsyncSession, collection_id: uuid.UUID) -> uuid.UUID | None:
    """The organisation of a collection, where some webhook wants to know of documents: one question for many documents."""
    found: uuid.UUID | None = await session.scalar(_HEARING, {"collection": collection_id})
    return found
