"""Messages as the processes that work on them know them. Everything is guarded by the attempt: once the row has moved on, nothing is
written.

Times are the database's: the clocks of several machines do not agree."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import func, null, select, update

from cluster.contracts.generation import JsonObject
from cluster.graphs.owning import alone
from cluster.graphs.storable import shortened, storable
from cluster.queue.backoff import wait_s
from cluster.queue.kinds import WEBHOOK
from cluster.queue.states import DEAD, DONE, QUEUED, RUNNING
from cluster.queue.tables import AT_ONCE, QueueMessage
from cluster.settings import QueueSettings
from cluster.stores.locks import CLAIMING_MESSAGES
from cluster.stores.sql import AsyncSession, Database
from cluster.stores.turns import next_ones
from cluster.webhooks.events import tell

# Messages that one look takes over; the next look has the others.
BATCH = 100
LONGEST_PAUSE = "10s"
ERROR_CHARS = 2000
_OPTIONS: dict[str, Any] = {"synchronize_session": False, "populate_existing": True}

# What is written in the transaction in which a message becomes done; gives the result.
Write = Callable[[AsyncSession], Awaitable[JsonObject]]
Outcome = JsonObject | Write | None


class MessageClaims:
    """Each method is one transaction. Those that are given a message return False, and write nothing, when it is not, or no longer, this
    attempt's."""

    def __init__(self, database: Database, settings: QueueSettings) -> None:
        self._database = database
        self._settings = settings

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        """One that PostgreSQL ends when its process is paused in the middle: it holds locks that others need."""
        async with self._database.session() as session:
            await session.execute(select(func.set_config("idle_in_transaction_session_timeout", LONGEST_PAUSE, True)))
            yield session

    async def claim(self, worker: int, free: int) -> Sequence[QueueMessage]:
        """At most ``free`` messages whose turn it is, now running under the lock ``worker``, which is held: by priority, then age, as far
        as ``queue.concurrent_per_organisation`` goes. Several callers at once claim different messages."""
        async with self._transaction() as session:
            if free <= 0 or not await session.scalar(select(func.pg_try_advisory_xact_lock(CLAIMING_MESSAGES))):
                return []
            chosen = await next_ones(session, QueueMessage, free, self._settings.concurrent_per_organisation)
            if not chosen:
                return []
            begun = func.coalesce(QueueMessage.started_at, func.now())
            values = {"state": RUNNING, "attempt": QueueMessage.attempt + 1, "worker": worker, "started_at": begun}
            taking = update(QueueMessage).where(QueueMessage.id.in_(chosen), QueueMessage.state == QUEUED).values(values)
            taken = (await session.scalars(taking.returning(QueueMessage), execution_options=_OPTIONS)).all()
            return sorted(taken, key=lambda message: (-message.priority, message.queued_at))

    async def take_over(self) -> int:
        """Running messages whose process is gone are queued again, or dead when that has happened too often; how many there were."""
        async with self._transaction() as session:
            lone = select(QueueMessage).where(QueueMessage.state == RUNNING, alone("queue_messages"))
            rows = (await session.scalars(lone.limit(BATCH).with_for_update(skip_locked=True, of=QueueMessage))).all()
            for message in rows:
                await self._again(session, message, "The process that worked on it is gone.")
            return len(rows)

    async def finish(self, message: QueueMessage, outcome: Outcome) -> bool:
        """Done. What ``outcome`` writes, if it writes, is committed with it, or not at all. Raises what that raises."""
        async with self._transaction() as session:
            if not await _locked(session, message):
                return False
            result = await outcome(session) if callable(outcome) else outcome
            kept = storable(result, int(self._settings.payload_bytes), "The result", "queue.payload_bytes") if result else null()
            return await _move(session, message, DONE, finished_at=func.now(), result=kept, error=None)

    async def fail(self, message: QueueMessage, error: str, *, final: bool = False, wait: float = 0.0) -> bool:
        """Queued for later (``wait``: seconds, at least); dead where it is ``final``, or was tried too often."""
        async with self._transaction() as session:
            return await _locked(session, message) and await self._again(session, message, error, final=final, wait=wait)

    async def put_off(self, message: QueueMessage, reason: str, wait: float) -> bool:
        """Queued for in ``wait`` seconds, and no try is lost: nothing was wrong with it."""
        async with self._transaction() as session:
            later = func.now() + timedelta(seconds=wait)
            return await _move(session, message, QUEUED, not_before=later, error=shortened(reason, ERROR_CHARS))

    async def give_back(self, message: QueueMessage) -> bool:
        """Its process stops in order: queued for another one, at its old place, and no try is lost."""
        async with self._transaction() as session:
            return await _move(session, message, QUEUED, not_before=AT_ONCE)

    async def _again(self, session: AsyncSession, message: QueueMessage, error: str, *, final: bool = False, wait: float = 0.0) -> bool:
        tries, told = message.tries + 1, shortened(error, ERROR_CHARS)
        if final or tries >= self._settings.max_attempts:
            often = "" if final else f" It was tried {tries} times (setting queue.max_attempts)."
            if message.type != WEBHOOK:  # of a delivery that could not be made, its webhook would be told in vain
                about = {"message_id": str(message.id), "queue": message.queue, "type": message.type, "error": told}
                await tell(session, message.organisation_id, "message.dead", about)
            return await _move(session, message, DEAD, tries=tries, error=told + often, finished_at=func.now())
        later = func.now() + timedelta(seconds=max(wait_s(tries, self._settings), wait))
        return await _move(session, message, QUEUED, tries=tries, error=told, not_before=later)


async def _locked(session: AsyncSession, message: QueueMessage) -> bool:
    chosen = select(QueueMessage.id).where(*_mine(message)).with_for_update()
    return await session.scalar(chosen) is not None


async def _move(session: AsyncSession, message: QueueMessage, state: str, **values: Any) -> bool:
    moving = update(QueueMessage).where(*_mine(message)).values(state=state, worker=None, **values).returning(QueueMessage.id)
    found: uuid.UUID | None = await session.scalar(moving, execution_options={"synchronize_session": False})
    return found is not None


def _mine(message: QueueMessage) -> tuple[Any, ...]:
    return QueueMessage.id == message.id, QueueMessage.attempt == message.attempt, QueueMessage.state == RUNNING
