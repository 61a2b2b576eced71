"""Redis's part of a backup: ``DUMP`` and the remaining life of every key worth keeping.

Worth keeping are answers that are being written (they are taken over and saved after a restore), single-use tokens, waits after failed
sign-ins, and counters. Not worth it: cached answers, which can be asked for again, and leases of processes that no longer are.

A snapshot of the server (BGSAVE, or SYNC as a replica would) is not used: a server of the owner's keeps its file to itself, cannot be given
one, and is often shared or forbids SYNC. DUMP works alike on both. Each page of keys is one transaction; nothing that must not be lost
lives in Redis alone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import IO

import redis

from cluster.errors import EngineError, Unavailable
from cluster.settings import Settings
from cluster.stores.clients import CACHE_TIMEOUT_S
from cluster.stores.urls import redis_url

# What Hearth writes, told from what others may keep in the same Redis.
OURS = ("hearth:*", "auth:*")
DISPENSABLE = ("hearth:answers:*", "hearth:stream:*:lease")
PAGE = 500


def save(settings: Settings, file: IO[bytes]) -> int:
    """Writes one line of JSON for each key; how many. ``ttl_ms`` is -1 for a key that stays. Raises Unavailable without a Redis."""
    count = 0
    with _client(settings) as client:
        for key, left_ms, value in _dumped(client):
            line = {"key": _text(key), "ttl_ms": left_ms, "value": _text(value)}
            file.write(json.dumps(line).encode() + b"\n")
            count += 1
    return count


def is_empty(settings: Settings) -> bool:
    """Whether there is nothing of a Hearth in it."""
    with _client(settings) as client:
        return next(_keys(client), None) is None


def load(settings: Settings, lines: Iterable[bytes]) -> None:
    """Every key as it was; it lives as long as it had left when it was saved. Raises EngineError when Redis takes a value for damaged, or
    comes from before the version that dumped it."""
    with _client(settings) as client:
        try:
            for line in lines:
                kept = json.loads(line)
                client.restore(base64.b64decode(kept["key"]), max(0, kept["ttl_ms"]), base64.b64decode(kept["value"]), replace=True)
        except (redis.ResponseError, ValueError, KeyError) as error:
            raise EngineError(f"Redis does not take what the backup has of it: {error}") from None


@contextmanager
def _client(settings: Settings) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_url(settings), socket_timeout=CACHE_TIMEOUT_S, socket_connect_timeout=CACHE_TIMEOUT_S)
    try:
        yield client
    except redis.ConnectionError as error:
        raise Unavailable(f"Redis does not answer: {error} (retry in 5 s)") from None
    finally:
        client.close()


def _keys(client: redis.Redis) -> Iterator[bytes]:
    """A key may come twice, as SCAN has it."""
    for pattern in OURS:
        for key in client.scan_iter(match=pattern, count=PAGE):
            if not any(fnmatchcase(key.decode(errors="replace"), one) for one in DISPENSABLE):
                yield key


def _dumped(client: redis.Redis) -> Iterator[tuple[bytes, int, bytes]]:
    page: list[bytes] = []
    for key in _keys(client):
        page.append(key)
        if len(page) == PAGE:
            yield from _page(client, page)
            page = []
    yield from _page(client, page)


def _page(client: redis.Redis, keys: Sequence[bytes]) -> Iterator[tuple[bytes, int, bytes]]:
    with client.pipeline(transaction=True) as pipe:
        for key in keys:
            pipe.dump(key)
            pipe.pttl(key)
        answers = pipe.execute()
    for key, value, left_ms in zip(keys, answers[::2], answers[1::2], strict=True):
        if value is not None:  # else it has gone meanwhile
            yield key, left_ms, value


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
