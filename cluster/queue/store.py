"""Messages as people know them: handed in, found, replayed, discarded. What consumers write is in ``claims.py``."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, and_, delete, func, literal, null, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from cluster.contracts.generation import JsonObject
from cluster.errors import BadInput, Conflict, NotFound, Overloaded
from cluster.graphs.storable import storable
from cluster.queue.states import DEAD, DONE, QUEUED, RUNNING, MessageState
from cluster.queue.tables import AT_ONCE, EVENTS, QueueMessage
from cluster.settings import QueueSettings
from cluster.stores.locks import COUNTING_MESSAGES
from cluster.stores.sql import AsyncSession
from cluster.tools.tool import Role

PRIORITIES = range(-100, 101)
# Messages that one transaction removes; the next one has the others.
AT_MOST = 5000
RETRY_S = 5


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What is to be done for whom. ``delay_s``: earliest so many seconds from now; ``not_before``: earliest then, if that is later."""

    type: str
    payload: JsonObject
    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    role: Role
    queue: str = "default"
    priority: int = 0
    delay_s: float = 0.0
    not_before: datetime | None = None
    idempotency_key: str | None = None
    webhook_id: uuid.UUID | None = None
    traceparent: str | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: any. ``before``: the last one of the page before."""

    state: MessageState | None = None
    queue: str | None = None
    type: str | None = None
    before: tuple[datetime, uuid.UUID] | None = None


class Messages:
    """In the transaction of ``session``, which belongs to the caller. Whoever hands a message in rings the bell once it is committed."""

    def __init__(self, session: AsyncSession, settings: QueueSettings) -> None:
        self._session = session
        self._settings = settings

    async def enqueue(self, new: NewMessage) -> QueueMessage:
        """A queued message. With an ``idempotency_key`` that the organisation has used before in this queue, the message of then (its
        ``id`` is not the new one's), whatever has become of it.

        Raises Conflict when that one asked for something else, Overloaded over ``queue.pending_per_organisation``, TooLarge over
        ``queue.payload_bytes``, BadInput for a priority or a time out of range."""
        self._need_range(new)
        payload = storable(new.payload, int(self._settings.payload_bytes), "The payload", "queue.payload_bytes")
        if new.idempotency_key is not None and (before := await self._same(new, payload)) is not None:
            return before
        await self._need_room(new.organisation_id)
        message = await self._insert(new, payload)
        if message is None:
            message = await self._same(new, payload)
            assert message is not None
        return message

    async def get(self, organisation_id: uuid.UUID, message_id: uuid.UUID, *, lock: bool = False) -> QueueMessage:
        """Raises NotFound, also for one of another organisation."""
        chosen = select(QueueMessage).where(QueueMessage.id == message_id, QueueMessage.organisation_id == organisation_id)
        chosen = chosen.with_for_update() if lock else chosen
        message = (await self._session.scalars(chosen, execution_options={"populate_existing": True})).one_or_none()
        if message is None:
            raise NotFound(f"There is no message '{message_id}'; GET /api/v1/integration/queues/messages lists those there are.")
        return message

    async def find(self, message_id: uuid.UUID, *, lock: bool = False) -> QueueMessage:
        """Of whichever organisation: for who works on all. Raises NotFound."""
        found = select(QueueMessage.organisation_id).where(QueueMessage.id == message_id)
        return await self.get(await self._session.scalar(found) or uuid.UUID(int=0), message_id, lock=lock)

    async def page(self, organisation_id: uuid.UUID, wanted: Wanted, most: int) -> Sequence[QueueMessage]:
        """The newest first."""
        chosen = select(QueueMessage).where(QueueMessage.organisation_id == organisation_id, *_of(wanted))
        if wanted.before is not None:
            chosen = chosen.where(tuple_(QueueMessage.created_at, QueueMessage.id) < wanted.before)
        order = (QueueMessage.created_at.desc(), QueueMessage.id.desc())
        return (await self._session.scalars(chosen.order_by(*order).limit(most))).all()

    async def replay(self, message: QueueMessage) -> QueueMessage:
        """Queued again, as if it was new. Raises Conflict unless it is dead. ``message`` is locked."""
        if message.state != DEAD:
            raise Conflict(f"The message is {message.state}; only a dead one can be replayed.")
        await self._replay(QueueMessage.id == message.id)
        return await self.get(message.organisation_id, message.id)

    async def replay_dead(self, organisation_id: uuid.UUID, wanted: Wanted, most: int) -> int:
        """The same for the dead ones of the organisation, the oldest first; how many there were."""
        dead = (QueueMessage.organisation_id == organisation_id, QueueMessage.state == DEAD, *_of(wanted))
        chosen = select(QueueMessage.id).where(*dead).order_by(QueueMessage.finished_at).limit(most).with_for_update(skip_locked=True)
        return await self._replay(QueueMessage.id.in_(chosen))

    async def discard(self, message: QueueMessage) -> None:
        """Removes it. Raises Conflict for one that somebody works on. ``message`` is locked."""
        if message.state == RUNNING:
            raise Conflict("Somebody works on the message now; wait until it is done, or dead.")
        await self._session.execute(delete(QueueMessage).where(QueueMessage.id == message.id))

    async def remove_lapsed(self) -> int:
        """Removes what was done longer than ``queue.kept_days`` ago, and what has been dead for ``queue.dead_days``; how many rows."""
        kept, dead = (timedelta(days=days) for days in (self._settings.kept_days, self._settings.dead_days))
        done = and_(QueueMessage.state == DONE, QueueMessage.finished_at < func.now() - kept)
        lost = and_(QueueMessage.state == DEAD, QueueMessage.finished_at < func.now() - dead)
        chosen = select(QueueMessage.id).where(or_(done, lost)).limit(AT_MOST)
        gone = delete(QueueMessage).where(QueueMessage.id.in_(chosen)).returning(QueueMessage.id)
        return len((await self._session.scalars(gone)).all())

    def _need_range(self, new: NewMessage) -> None:
        if new.priority not in PRIORITIES:
            raise BadInput(f"'priority' must be from {PRIORITIES.start} to {PRIORITIES.stop - 1}.").about("priority")
        longest = self._settings.longest_delay_s
        if not 0 <= new.delay_s <= longest:
            raise BadInput(f"'delay_s' must be from 0 to {longest:g} (setting queue.longest_delay_s).").about("delay_s")

    async def _need_room(self, organisation_id: uuid.UUID) -> None:
        counting = text("SELECT pg_advisory_xact_lock(:counting, hashtext(:organisation))")
        await self._session.execute(counting, {"counting": COUNTING_MESSAGES, "organisation": str(organisation_id)})
        waiting = QueueMessage.state.in_((QUEUED, RUNNING))
        there = select(func.count()).where(QueueMessage.organisation_id == organisation_id, waiting, QueueMessage.queue != EVENTS)
        most = self._settings.pending_per_organisation
        if (await self._session.scalar(there) or 0) >= most:
            setting = "queue.pending_per_organisation"
            raise Overloaded(f"{most} messages of the organisation wait already (setting {setting}); retry in {RETRY_S} s.")

    async def _insert(self, new: NewMessage, payload: Any) -> QueueMessage | None:
        """None when there is one with its idempotency key. Raises BadInput for a time too far away."""
        earliest = await self._earliest(new)
        names = ("id", "type", "organisation_id", "owner_id", "role", "queue", "priority", "idempotency_key", "webhook_id", "traceparent")
        values = {name: getattr(new, name) for name in names} | {"payload": payload}
        values |= {"not_before": earliest or AT_ONCE, "due_at": earliest or func.now()}
        statement = insert(QueueMessage).values(values)
        statement = statement.on_conflict_do_nothing(index_elements=["organisation_id", "queue", "idempotency_key"])
        return (await self._session.scalars(statement.returning(QueueMessage))).one_or_none()

    async def _earliest(self, new: NewMessage) -> datetime | None:
        """None: at once. By the clock of the database."""
        if not new.delay_s and new.not_before is None:
            return None
        now = (await self._session.execute(select(func.clock_timestamp()))).scalar_one()
        earliest: datetime = max(now + timedelta(seconds=new.delay_s), new.not_before or now)
        if (earliest - now).total_seconds() > self._settings.longest_delay_s:
            longest = self._settings.longest_delay_s
            raise BadInput(f"'not_before' is more than {longest:g} s away (setting queue.longest_delay_s).").about("not_before")
        return earliest if earliest > now else None

    async def _same(self, new: NewMessage, payload: Any) -> QueueMessage | None:
        key = (QueueMessage.queue == new.queue, QueueMessage.idempotency_key == new.idempotency_key)
        chosen = select(QueueMessage).where(QueueMessage.organisation_id == new.organisation_id, *key)
        before = (await self._session.scalars(chosen)).one_or_none()
        if before is not None and (before.type, before.payload) != (new.type, payload):
            raise Conflict(f"The idempotency key '{new.idempotency_key}' was used for message {before.id}, which asks for something else.")
        return before

    async def _replay(self, which: Any) -> int:
        now = func.now()
        fresh: dict[str, Any] = {"state": QUEUED, "tries": 0, "queued_at": now, "due_at": now, "error": None, "result": null()}
        fresh |= {"not_before": literal(AT_ONCE, DateTime(timezone=True)), "started_at": None, "finished_at": None, "worker": None}
        again = update(QueueMessage).where(which, QueueMessage.state == DEAD).values(fresh).returning(QueueMessage.id)
        return len((await self._session.scalars(again, execution_options={"synchronize_session": False})).all())


def _of(wanted: Wanted) -> list[Any]:
    given = {"state": wanted.state, "queue": wanted.queue, "type": wanted.type}
    return [getattr(QueueMessage, name) == str(value) for name, value in given.items() if value is not None]
