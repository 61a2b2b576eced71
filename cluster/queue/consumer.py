"""Works on messages: claims those whose turn it is, hands them to what does them, and takes over what other processes left behind."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping

import structlog
import tenacity
from redis.asyncio import Redis

from cluster.errors import Cancelled, DeadlineExceeded, HearthError, Overloaded, RemoteFailed, Unavailable
from cluster.graphs.owning import Ownership
from cluster.queue.bell import listen
from cluster.queue.claims import MessageClaims, Outcome
from cluster.queue.store import Messages
from cluster.queue.tables import QueueMessage
from cluster.settings import Settings
from cluster.stores.away import AWAY
from cluster.stores.sql import Database

log = structlog.get_logger(__name__)

# Does one message, maybe not for the first time. What it returns is written as the message becomes done.
Handler = Callable[[QueueMessage], Awaitable[Outcome]]
# Told of each message that ended here, however it did.
Told = Callable[[QueueMessage], None]
# A database that is away is looked for so often, in seconds.
REST_S = 2.0
# A process that stops waits so long for the database, in seconds; the lock it held says the same a moment later.
GIVING_BACK_S = 5.0
# What may be otherwise the next time; every other refusal is the last word.
PASSING = (RemoteFailed, DeadlineExceeded, Cancelled)


class Consumer:
    """Belongs to one event loop. ``handlers``: by type; a message of another type is dead. What it is given stays the caller's to close."""

    def __init__(
        self, database: Database, cache: Redis, settings: Settings, handlers: Mapping[str, Handler], told: Told | None = None
    ) -> None:
        self._database = database
        self._cache = cache
        self._all = settings
        self._settings = settings.queue
        self._handlers = handlers
        self._told = told
        self._claims = MessageClaims(database, settings.queue)
        self._woken = asyncio.Event()
        self._at_work: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._swept = float("-inf")

    def start(self) -> None:
        """Stores that are away are waited for."""
        self._tasks = [
            asyncio.create_task(self._run(), name="consumer of messages"),
            asyncio.create_task(listen(self._cache, self._woken.set), name="bell of messages"),
        ]

    async def stop(self) -> None:
        """Gives back what is under way, and returns when that is written. May be called twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    def check(self) -> None:
        """Raises Unavailable when it has stopped without being asked to."""
        if any(task.done() for task in self._tasks):
            raise Unavailable("Nobody works on messages here any more (retry in 5 s).")

    @property
    def busy(self) -> int:
        return len(self._at_work)

    async def _run(self) -> None:
        """From one ownership to the next, for ever."""
        while True:
            own = Ownership(self._all)
            try:
                await own.start()
            except Unavailable:
                log.warning("no message is worked on here: the database does not answer")
                await asyncio.sleep(REST_S)
                continue
            try:
                await self._own(own)
            finally:
                await self._leave_all()
                await own.stop()

    async def _own(self, own: Ownership) -> None:
        """Until the lock may be somebody else's."""
        while not own.lost.is_set():
            self._woken.clear()
            try:
                await self._look(own)
            except AWAY as error:
                log.warning("messages could not be looked for; it is tried again", error=type(error).__name__)
            except Exception:
                # Whatever it is, messages that wait for it to be over must not wait for ever.
                log.exception("messages could not be looked for; it is tried again")
            await self._rest(own)

    async def _rest(self, own: Ownership) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (self._woken, own.lost)]
        try:
            await asyncio.wait(waits, timeout=self._settings.look_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in waits:
                waiting.cancel()

    async def _look(self, own: Ownership) -> None:
        await self._claims.take_over()
        for message in await self._claims.claim(own.worker, self._settings.concurrent - len(self._at_work)):
            task = asyncio.create_task(self._work(message, own), name=f"message {message.id}")
            self._at_work[message.id] = task
        now = asyncio.get_running_loop().time()
        if now - self._swept > self._settings.sweep_s:
            self._swept = now
            async with self._database.session() as session:
                await Messages(session, self._settings).remove_lapsed()

    async def _work(self, message: QueueMessage, own: Ownership) -> None:
        try:
            await self._do(message, own)
            if self._told is not None:
                self._told(message)
        except asyncio.CancelledError:
            await self._give_back(message)
            raise
        except Exception:
            log.exception("the end of a message could not be written; it will be taken over", message=str(message.id))
        finally:
            self._at_work.pop(message.id, None)
            self._woken.set()

    async def _give_back(self, message: QueueMessage) -> None:
        try:
            async with asyncio.timeout(GIVING_BACK_S):
                await self._claims.give_back(message)
        except (*AWAY, TimeoutError) as error:
            log.warning("a message could not be given back; it will be taken over", message=str(message.id), error=type(error).__name__)

    async def _do(self, message: QueueMessage, own: Ownership) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                handler = self._handlers.get(message.type)
                if handler is None:
                    await self._claims.fail(message, f"Nobody here knows messages of type '{message.type}'.", final=True)
                    return
                outcome = await handler(message)
                if callable(outcome):
                    await self._claims.finish(message, outcome)
                    return
        except Exception as error:  # noqa: BLE001 - it is written into the message, and logged where nobody expected it
            ending = self._failed(message, error)
            await self._write(own, ending)
            return
        await self._write(own, lambda: self._claims.finish(message, outcome))

    def _failed(self, message: QueueMessage, error: Exception) -> Callable[[], Awaitable[bool]]:
        """How a message ends that could not be done."""
        if isinstance(error, (Overloaded, Unavailable)):
            waits = max(float(error.retry_after_s), self._settings.first_wait_s)
            return lambda: self._claims.put_off(message, error.message, waits)
        if isinstance(error, AWAY):
            return lambda: self._claims.put_off(message, "A store did not answer.", REST_S)
        if isinstance(error, TimeoutError):
            told = f"It was not done within {self._settings.timeout_s:g} s (setting queue.timeout_s)."
            return lambda: self._claims.fail(message, told)
        if isinstance(error, HearthError):
            final = error.status < 500 and not isinstance(error, PASSING)
            return lambda: self._claims.fail(message, error.message, final=final, wait=getattr(error, "wait_s", 0.0))
        log.error("a message could not be done", message=str(message.id), type=message.type, exc_info=error)
        return lambda: self._claims.fail(message, f"{type(error).__name__}: {error}")

    async def _write(self, own: Ownership, write: Callable[[], Awaitable[bool]]) -> None:
        """Tried again while the database is away, for as long as the message is this process's."""
        again = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(AWAY),
            wait=tenacity.wait_exponential_jitter(multiplier=0.1, max=2.0),
            stop=lambda _: own.lost.is_set(),
            reraise=True,
        )

        async def once() -> bool:
            return await write()

        await again(once)

    async def _leave_all(self) -> None:
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        while pending := [task for task in tasks if not task.done()]:
            try:
                await asyncio.wait(pending)
            except asyncio.CancelledError:
                continue  # cancelled once more while it waits: what is under way is given back all the same
