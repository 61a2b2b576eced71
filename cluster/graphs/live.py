"""What models say while they say it: over Redis, to whoever follows a run now. Nothing depends on it: what counts is in the database."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

CHANNEL = "graph:"
TURNED = '{"turned": true}'
# Between two tries to reach a Redis that does not answer.
REST_S = 1.0
# Longest that the last words of a process wait for Redis.
CLOSING_S = 2.0
# Until a task that did not end is told again to end.
AGAIN_S = 0.2
# Seconds between two messages of a process, so that steps of a moment are told of at once. The first does not wait, nor does the end of a
# run.
BREATH_S = 0.02
# Characters that wait for Redis, or for one reader, at most.
MOST_CHARS = 256 * 1024
# Characters in one message.
MESSAGE_CHARS = 16 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """``text``: what ``node`` said since the last one. ``missed``: some before it did not come; the result has all of it."""

    node: str
    text: str
    missed: bool = False


class Pieces:
    """A bounded queue of pieces: neighbours of one node become one, and when too much waits it is forgotten, which the next piece says.
    ``changed``: something is there, or the run has a new event. ``turned``: the run may be in another state; whoever waits for that clears
    it."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.turned = asyncio.Event()
        self._waiting: deque[Piece] = deque()
        self._chars = 0
        self._missed = False

    def put(self, node: str, text: str, *, missed: bool = False) -> None:
        if self._chars + len(text) > MOST_CHARS:
            self._waiting.clear()
            self._chars, self._missed = 0, True
            text = text if len(text) <= MOST_CHARS else ""
        last = self._waiting[-1] if self._waiting else None
        if last is not None and last.node == node and not missed and len(last.text) < MESSAGE_CHARS:
            self._waiting[-1] = Piece(node, last.text + text, last.missed)
        else:
            self._waiting.append(Piece(node, text, missed or self._missed))
            self._missed = False
        self._chars += len(text)
        self.changed.set()

    def lose(self) -> None:
        """What comes next says that something before it did not come."""
        self._missed = True
        if self._waiting:
            self._waiting[0], self._missed = replace(self._waiting[0], missed=True), False

    def take(self) -> list[Piece]:
        """All of them, and nothing is there any more."""
        self.changed.clear()
        taken, self._chars = list(self._waiting), 0
        self._waiting.clear()
        return taken


class LiveVoice:
    """How a process that runs graphs speaks. Nothing here waits or raises. Belongs to one event loop."""

    def __init__(self, cache: Redis) -> None:
        self._cache = cache
        self._queues: dict[uuid.UUID, Pieces] = {}
        self._looks: dict[uuid.UUID, bool] = {}
        self._woken = asyncio.Event()
        self._hurry = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def say(self, run_id: uuid.UUID, node: str, text: str) -> None:
        """``node`` says ``text`` now."""
        self._queues.setdefault(run_id, Pieces()).put(node, text)
        self._wake()

    def look(self, run_id: uuid.UUID) -> None:
        """The run has a new event, which is committed: who follows it need not wait for the next look."""
        self._looks.setdefault(run_id, False)
        self._wake()

    def turned(self, run_id: uuid.UUID) -> None:
        """As ``look``, and it may be in another state."""
        self._looks[run_id] = True
        self._hurry.set()
        self._wake()

    async def close(self) -> None:
        """Sends what is left, for a moment."""
        if self._task is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_S):
                await self._idle.wait()
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait((task,), timeout=CLOSING_S)

    def _wake(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        self._idle.clear()
        self._woken.set()

    async def _run(self) -> None:
        me = asyncio.current_task()
        while self._task is me:
            await self._woken.wait()
            self._woken.clear()
            self._hurry.clear()
            queues, looks = self._queues, self._looks
            self._queues, self._looks = {}, {}
            messages = [(run_id, _message(piece)) for run_id, pieces in queues.items() for piece in pieces.take()]
            messages += [(run_id, TURNED if turned else "{}") for run_id, turned in looks.items()]
            try:
                async with self._cache.pipeline(transaction=False) as pipe:
                    for run_id, message in messages:
                        pipe.publish(f"{CHANNEL}{run_id}", message)
                    await pipe.execute()
            except (RedisError, OSError) as error:
                log.warning("what models say is not heard live: the cache does not answer", error=type(error).__name__)
                await asyncio.sleep(REST_S)
                for run_id in queues:
                    self._queues.setdefault(run_id, Pieces()).lose()
            if not self._woken.is_set():
                self._idle.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(BREATH_S):
                    await self._hurry.wait()


class LiveEars:
    """How a process listens: with one connection for all who follow runs there, and none while nobody does. Belongs to one event loop."""

    def __init__(self, cache: Redis) -> None:
        self._cache = cache
        self._listeners: dict[str, set[Pieces]] = {}
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._hearing = asyncio.Event()

    async def ready(self) -> None:
        """Within ``listening``: returns when what is said from now on is heard, or soon, where Redis does not answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REST_S):
                await self._hearing.wait()

    async def close(self) -> None:
        """When nobody listens any more: returns once no connection is held."""
        while self._ending:
            for task in self._ending:
                task.cancel()
            await asyncio.wait(tuple(self._ending), timeout=AGAIN_S)

    @asynccontextmanager
    async def listening(self, run_id: uuid.UUID) -> AsyncIterator[Pieces]:
        """What the run's models say from now on, as far as Redis answers."""
        pieces, channel = Pieces(), f"{CHANNEL}{run_id}"
        self._listeners.setdefault(channel, set()).add(pieces)
        if self._task is None:
            self._hearing.clear()
            self._task = asyncio.create_task(self._listen())
        try:
            yield pieces
        finally:
            self._listeners[channel].discard(pieces)
            if not self._listeners[channel]:
                del self._listeners[channel]
            if not self._listeners and self._task is not None:
                task, self._task = self._task, None
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
                task.cancel()

    async def _listen(self) -> None:
        # Looked at besides being cancelled: a library that takes a cancellation for a timeout must not keep this going for ever.
        me = asyncio.current_task()
        while self._task is me:
            try:
                async with self._cache.pubsub() as pubsub:
                    await pubsub.psubscribe(f"{CHANNEL}*")
                    if self._task is me:
                        self._hearing.set()
                    while self._task is me:
                        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=REST_S)
                        if message is not None:
                            self._give(str(message["channel"]), str(message["data"]))
            except (RedisError, OSError) as error:
                log.warning("runs are followed without what models say: the cache does not answer", error=type(error).__name__)
                await asyncio.sleep(REST_S)

    def _give(self, channel: str, message: str) -> None:
        listeners = self._listeners.get(channel, ())
        data = json.loads(message) if listeners else {}
        for pieces in listeners:
            if "node" in data:
                pieces.put(data["node"], data["text"], missed=data.get("missed", False))
                continue
            pieces.changed.set()
            if "turned" in data:
                pieces.turned.set()


def _message(piece: Piece) -> str:
    return json.dumps({"node": piece.node, "text": piece.text} | ({"missed": True} if piece.missed else {}))
