"""Content kept for a while on three levels: this process's memory, Redis, the database.

A row never changes, but for when it expires and how often it was read; so no level can hold anything stale. Each is asked with the
organisation, and has nothing of another's.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import structlog
from cachetools import TTLCache
from pydantic import ConfigDict, TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import delete, func, select, update

from cluster.content.pipeline import Processed
from cluster.content.tables import ContentRow
from cluster.errors import NotFound, TooLarge
from cluster.settings import ContentSettings
from cluster.stores.sql import AsyncSession, Database

log = structlog.get_logger(__name__)

OVERHEAD = 2048
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Content:
    """See ContentRow."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: uuid.UUID
    organisation_id: uuid.UUID
    created_at: datetime
    expires_at: datetime
    source: str
    title: str
    media_type: str
    sha256: str
    body: bytes
    text: str | None
    cautions: tuple[str, ...]

    @property
    def cost(self) -> int:
        return len(self.body) + len(self.text or "") * 2 + OVERHEAD


_CONTENT = TypeAdapter(Content)


class ContentCache:
    """Belongs to one event loop. ``flush`` and ``sweep`` are for whoever looks after it."""

    def __init__(self, database: Database, redis: Redis, settings: ContentSettings) -> None:
        self._database = database
        self._redis = redis
        self._settings = settings
        self._memory: TTLCache[tuple[uuid.UUID, uuid.UUID], Content] = TTLCache(
            max(1, int(settings.memory_bytes)), settings.memory_s, getsizeof=lambda content: content.cost
        )
        self._read: Counter[uuid.UUID] = Counter()
        # How often each level had what was asked for.
        self.found: Counter[str] = Counter()

    async def put(self, organisation_id: uuid.UUID, owner_id: uuid.UUID, key: str, source: str, processed: Processed) -> Content:
        """What was there already, under the same key, is kept for longer. Raises TooLarge for more than ``content.item_bytes``."""
        body, most = processed.content, int(self._settings.item_bytes)
        if len(body) > most:
            raise TooLarge(f"The content has {len(body)} bytes, at most {most} are kept (setting content.item_bytes).")
        digest, hashed = hashlib.sha256(body).hexdigest(), hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
        until = datetime.now(UTC) + timedelta(seconds=self._settings.kept_s)
        async with self._database.session() as session:
            same = (ContentRow.organisation_id == organisation_id, ContentRow.key == hashed, ContentRow.sha256 == digest)
            known = await session.scalar(select(ContentRow).where(*same).limit(1).with_for_update())
            if known is not None:
                known.expires_at = until
                return _content(known)
            row = ContentRow(
                id=uuid.uuid4(),
                organisation_id=organisation_id,
                owner_id=owner_id,
                key=hashed,
                source=source[:4000],
                title=processed.title[:300],
                media_type=processed.media_type,
                sha256=digest,
                size=len(body),
                body=body,
                text=processed.text,
                cautions=list(processed.cautions),
                created_at=datetime.now(UTC),
                expires_at=until,
            )
            session.add(row)
        return _content(row)

    async def get(self, organisation_id: uuid.UUID, content_id: uuid.UUID) -> Content:
        """Raises NotFound for what there is not, any more, or in this organisation."""
        place = organisation_id, content_id
        level, content = "memory", self._memory.get(place)
        if content is None:
            level, content = "redis", await self._from_redis(place)
        if content is None:
            level, content = "database", await self._from_database(place)
            await self._to_redis(content)
        if content.expires_at <= datetime.now(UTC):
            raise _gone(content_id)
        if content.cost <= self._memory.maxsize:
            self._memory[place] = content
        self.found[level] += 1
        self._read[content_id] += 1
        return content

    async def reads(self, organisation_id: uuid.UUID, content_id: uuid.UUID) -> tuple[int, datetime | None]:
        """How often it was read, and when last, as far as that was counted."""
        chosen = select(ContentRow.reads, ContentRow.read_at).where(
            ContentRow.id == content_id, ContentRow.organisation_id == organisation_id
        )
        async with self._database.session() as session:
            row = (await session.execute(chosen)).one_or_none()
        return (0, None) if row is None else (row[0] + self._read[content_id], row[1])

    async def flush(self) -> None:
        """Writes down what was read since the last time. What the database did not take is written the next time."""
        read = self._read.copy()
        async with self._database.session() as session:
            for content_id in sorted(read):  # in one order, so that replicas do not wait for each other in a circle
                counted = {"reads": ContentRow.reads + read[content_id], "read_at": func.now()}
                await session.execute(update(ContentRow).where(ContentRow.id == content_id).values(counted))
        self._read -= read

    async def sweep(self) -> int:
        """Removes what has expired, and what is over an organisation's share; how many there were."""
        async with self._database.session() as session:
            gone = len(
                (await session.scalars(delete(ContentRow).where(ContentRow.expires_at <= func.now()).returning(ContentRow.id))).all()
            )
            return gone + await self._evict(session)

    async def _evict(self, session: AsyncSession) -> int:
        newer = func.sum(ContentRow.size).over(partition_by=ContentRow.organisation_id, order_by=(ContentRow.read_at.desc(), ContentRow.id))
        ranked = select(ContentRow.id, newer.label("so_far")).subquery()
        over = select(ranked.c.id).where(ranked.c.so_far > int(self._settings.organisation_bytes)).limit(AT_ONCE)
        return len((await session.scalars(delete(ContentRow).where(ContentRow.id.in_(over)).returning(ContentRow.id))).all())

    async def _from_database(self, place: tuple[uuid.UUID, uuid.UUID]) -> Content:
        organisation_id, content_id = place
        chosen = select(ContentRow).where(ContentRow.id == content_id, ContentRow.organisation_id == organisation_id)
        async with self._database.session() as session:
            row = await session.scalar(chosen)
        if row is None:
            raise _gone(content_id)
        return _content(row)

    async def _from_redis(self, place: tuple[uuid.UUID, uuid.UUID]) -> Content | None:
        """None also when Redis does not answer: the database has it."""
        try:
            told = await self._redis.get(_name(*place))
            return _CONTENT.validate_json(told) if told is not None else None
        except (RedisError, ValidationError, OSError) as error:
            log.warning("a cached content could not be read", error=type(error).__name__)
            return None

    async def _to_redis(self, content: Content) -> None:
        if content.cost > self._settings.redis_item_bytes:
            return
        left = int(content.expires_at.timestamp() - time.time())
        try:
            if left > 0:
                name, ttl = _name(content.organisation_id, content.id), min(left, self._settings.redis_s)
                await self._redis.set(name, _CONTENT.dump_json(content).decode(), ex=ttl)
        except (RedisError, OSError) as error:
            log.warning("a content could not be cached", error=type(error).__name__)


def _name(organisation_id: uuid.UUID, content_id: uuid.UUID) -> str:
    return f"content:{organisation_id}:{content_id}"


def _content(row: ContentRow) -> Content:
    return Content(
        row.id,
        row.organisation_id,
        row.created_at,
        row.expires_at,
        row.source,
        row.title,
        row.media_type,
        row.sha256,
        row.body,
        row.text,
        tuple(row.cautions),
    )


def _gone(content_id: uuid.UUID) -> NotFound:
    return NotFound(f"There is no content '{content_id}', or no longer; fetch it again.")
