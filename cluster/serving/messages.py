"""The queue behind Ray Serve's task consumers: a class with ``@task_consumer`` and this adapter works on messages (see cluster/queue).

Ray's own adapters do not keep a message through a crash. Celery's keeps it in Redis, which may lose its last second; the message of a
worker that is gone comes back after an hour (``visibility_timeout``); delayed ones lie in a worker's memory; dead ones are sent on by the
process that failed; and handlers cannot be coroutines. Taskiq's raises NotImplementedError in Ray 2.60. So PostgreSQL keeps them, and what
Ray gives is the life of the consumer: it begins and ends with its replica, and is checked as that is."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar, cast

from anyio.from_thread import start_blocking_portal
from ray.serve.schema import TaskProcessorAdapter, TaskProcessorConfig, TaskResult
from redis.asyncio import Redis

from cluster.errors import ConfigError, Unavailable
from cluster.queue.consumer import Consumer, Handler, Told
from cluster.queue.statistics import counts
from cluster.queue.store import Messages, NewMessage
from cluster.queue.tables import QueueMessage
from cluster.settings import Settings
from cluster.stores.sql import AsyncSession, Database
from cluster.stores.urls import database_url

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MessageSource:
    """What a consumer works with. ``told``: of each message that has ended."""

    database: Database
    cache: Redis
    settings: Settings
    told: Told


class WorksOnMessages(Protocol):
    """A class with handlers. ``source`` is there when its ``__init__`` has returned."""

    source: MessageSource


class QueueAdapter(TaskProcessorAdapter):
    """``config.adapter_config``: settings, for whoever hands messages in or asks about them; consumers need none. Handlers are methods of
    one object that ``WorksOnMessages``, each given a message. How many are worked on at once is for ``queue.concurrent`` to say."""

    def __init__(self, config: TaskProcessorConfig) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._queue = config.queue_name
        self._settings = config.adapter_config
        self._handlers: dict[str, Handler] = {}
        self._consumer: Consumer | None = None

    def initialize(self, consumer_concurrency: int = 0) -> None:
        """Nothing is connected yet."""

    def register_task_handle(self, func: Callable[..., Any], name: str | None = None) -> None:
        self._handlers[name or func.__name__] = func

    def start_consumer(self, **kwargs: Any) -> None:
        """In the running event loop."""
        owner = cast("WorksOnMessages", next(iter(self._handlers.values())).__self__)  # type: ignore[attr-defined]
        source = owner.source
        self._consumer = Consumer(source.database, source.cache, source.settings, self._handlers, source.told)
        self._consumer.start()

    def stop_consumer(self, timeout: float = 10.0) -> None:
        """Returns before what is under way is given back; ``stop`` waits for that."""
        if self._consumer is not None:
            self._stopping = asyncio.ensure_future(self.stop())

    async def stop(self) -> None:
        """May be called twice."""
        if self._consumer is not None:
            await self._consumer.stop()

    def check(self) -> None:
        """Raises Unavailable when nobody works on messages here."""
        if self._consumer is None:
            raise Unavailable("Nobody works on messages here (retry in 5 s).")
        self._consumer.check()

    async def enqueue_task_async(self, task_name: str, args: Any = None, kwargs: Any = None, **options: Any) -> TaskResult:
        """``kwargs``: the payload. ``options``: those of NewMessage, ``organisation_id``, ``owner_id`` and ``role`` among them."""
        given: dict[str, Any] = {"type": task_name, "payload": kwargs or {}, "queue": self._queue} | options
        new = NewMessage(**given)
        return await self._with(lambda session: self._messages(session).enqueue(new))

    async def get_task_status_async(self, task_id: str) -> TaskResult:
        """Raises NotFound."""
        return await self._with(lambda session: self._messages(session).find(uuid.UUID(task_id)))

    async def cancel_task_async(self, task_id: str) -> None:
        """Discards it. Raises Conflict for one that somebody works on."""

        async def discard(session: AsyncSession) -> QueueMessage:
            messages = self._messages(session)
            message = await messages.find(uuid.UUID(task_id), lock=True)
            await messages.discard(message)
            return message

        await self._with(discard)

    def enqueue_task_sync(self, task_name: str, args: Any = None, kwargs: Any = None, **options: Any) -> TaskResult:
        return _now(lambda: self.enqueue_task_async(task_name, args, kwargs, **options))

    def get_task_status_sync(self, task_id: str) -> TaskResult:
        return _now(lambda: self.get_task_status_async(task_id))

    def cancel_task_sync(self, task_id: str) -> None:
        _now(lambda: self.cancel_task_async(task_id))

    def get_metrics_sync(self) -> dict[str, Any]:
        """By type, of all organisations."""
        return _now(self._metrics)

    def health_check_sync(self) -> list[dict[str, Any]]:
        self.check()
        assert self._consumer is not None
        return [{"consumer": "ok", "busy": self._consumer.busy}]

    async def _metrics(self) -> dict[str, Any]:
        database = self._database()
        try:
            async with database.session() as session:
                return {count.name: asdict(count) for count in await counts(session)}
        finally:
            await database.close()

    async def _with(self, do: Callable[[AsyncSession], Awaitable[QueueMessage]]) -> TaskResult:
        database = self._database()
        try:
            async with database.session() as session:
                message = await do(session)
        finally:
            await database.close()
        created = message.created_at.timestamp()
        return TaskResult(id=str(message.id), status=message.state, created_at=created, result=message.result)

    def _database(self) -> Database:
        """Of this moment's event loop. Raises ConfigError without settings."""
        if not isinstance(self._settings, Settings):
            raise ConfigError("Give settings as the adapter_config to hand messages in, or to ask about them.")
        return Database(database_url(self._settings), self._settings.storage)

    def _messages(self, session: AsyncSession) -> Messages:
        return Messages(session, self._settings.queue)


def _now(do: Callable[[], Awaitable[T]]) -> T:
    """Done by an event loop of a thread of its own: whoever calls may be in one."""
    with start_blocking_portal() as portal:
        return portal.call(do)
