"""LangGraph's PostgresSaver as we use it: strict, and with what 3.2.0 leaves out (copies, and removal by run)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

# By table: what a copied row has besides the thread.
_COLUMNS = {
    "checkpoint_blobs": "checkpoint_ns, channel, version, type, blob",
    "checkpoint_writes": "checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob, task_path",
    "checkpoints": "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata",
}
_DELETE_WRITES = """
DELETE FROM checkpoint_writes w USING checkpoints c WHERE c.metadata ->> 'run_id' = ANY(%s)
AND w.thread_id = c.thread_id AND w.checkpoint_ns = c.checkpoint_ns AND w.checkpoint_id = c.checkpoint_id
"""
_DELETE_CHECKPOINTS = "DELETE FROM checkpoints WHERE metadata ->> 'run_id' = ANY(%s)"

# One statement: all of it sees one moment.
_PRUNE = """
WITH ranked AS (
    SELECT checkpoint_ns, checkpoint_id, checkpoint -> 'channel_versions' AS versions,
    row_number() OVER (PARTITION BY checkpoint_ns ORDER BY checkpoint_id DESC) AS place
    FROM checkpoints WHERE thread_id = %(thread)s
), doomed AS (SELECT * FROM ranked WHERE place > %(most)s
), freed AS (
    SELECT checkpoint_ns, v.key, v.value FROM doomed, jsonb_each_text(versions) v
    EXCEPT SELECT checkpoint_ns, v.key, v.value FROM ranked, jsonb_each_text(versions) v WHERE place <= %(most)s
), writes AS (
    DELETE FROM checkpoint_writes w USING doomed d
    WHERE w.thread_id = %(thread)s AND w.checkpoint_ns = d.checkpoint_ns AND w.checkpoint_id = d.checkpoint_id
), blobs AS (
    DELETE FROM checkpoint_blobs b USING freed f
    WHERE b.thread_id = %(thread)s AND b.checkpoint_ns = f.checkpoint_ns AND b.channel = f.key AND b.version = f.value
)
DELETE FROM checkpoints c USING doomed d
WHERE c.thread_id = %(thread)s AND c.checkpoint_ns = d.checkpoint_ns AND c.checkpoint_id = d.checkpoint_id
"""

# One statement, and so one way there and back, where the library's executemany takes one for each row and more around them.
_WRITES = """
INSERT INTO checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
SELECT * FROM unnest(%(threads)s::text[], %(spaces)s::text[], %(checkpoints)s::text[], %(tasks)s::text[], %(paths)s::text[],
    %(places)s::int[], %(names)s::text[], %(kinds)s::text[], %(written)s::bytea[])
ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
"""
_WRITE = f"{_WRITES} DO NOTHING"
_WRITE_AGAIN = f"{_WRITES} DO UPDATE SET channel = EXCLUDED.channel, type = EXCLUDED.type, blob = EXCLUDED.blob"
_PUT = f"""
WITH written AS ({_WRITE}), kept AS (
    INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
    SELECT %(thread)s, %(space)s, b.* FROM unnest(%(channels)s::text[], %(versions)s::text[], %(types)s::text[], %(blobs)s::bytea[]) b
    ON CONFLICT (thread_id, checkpoint_ns, channel, version) DO NOTHING
)
INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
VALUES (%(thread)s, %(space)s, %(id)s, %(parent)s, %(checkpoint)s, %(metadata)s)
ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id) DO UPDATE SET checkpoint = EXCLUDED.checkpoint, metadata = EXCLUDED.metadata
"""  # noqa: S608 - of nothing but what stands above
_WRITTEN = ("threads", "spaces", "checkpoints", "tasks", "paths", "places", "names", "kinds", "written")
# Seconds that writes of a task wait for the checkpoint behind them, which most often comes at once and takes them along. LangGraph saves
# them in the background as well, and a step that is done is known by its own row.
HELD_S = 0.05

# A row of checkpoint_writes.
Written = tuple[str, str, str, str, str, int, str, str, bytes]


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """``taken``: whether a checkpoint has taken the rows along."""

    rows: Sequence[Written]
    taken: asyncio.Future[bool]


def strict() -> JsonPlusSerializer:
    """No pickle, and nothing is built from a checkpoint but JSON and types that LangGraph knows to be harmless: who can write to the
    database cannot run code here."""
    return JsonPlusSerializer(pickle_fallback=False, allowed_json_modules=None, allowed_msgpack_modules=None)


def _is_inline(value: Any) -> bool:
    """Whether it stands in the checkpoint itself."""
    return value is None or isinstance(value, (str, int, float, bool))


def _columns(rows: Sequence[Written]) -> dict[str, list[Any]]:
    return {name: [row[number] for row in rows] for number, name in enumerate(_WRITTEN)}


class Saver(AsyncPostgresSaver):
    """Does one thing at a time; runs that are under way at once have one each, and nobody else writes to their threads. Of each it keeps
    the latest ``most`` checkpoints, and up to a quarter more."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[DictRow]], most: int) -> None:
        super().__init__(pool, serde=strict())
        self._most = most
        self._put = 0
        self._held: list[_Held] = []

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> RunnableConfig:
        place = config["configurable"]
        thread, space = place["thread_id"], place["checkpoint_ns"]
        values = checkpoint["channel_values"]
        apart = {name: value for name, value in values.items() if not _is_inline(value)}
        inline = {name: value for name, value in values.items() if name not in apart}
        # As the library marks a snapshot of a channel of deltas.
        inline |= {name: True for name, value in apart.items() if isinstance(value, _DeltaSnapshot)}
        blobs = self._dump_blobs(thread, space, apart, {name: new_versions[name] for name in apart if name in new_versions})
        put = {
            "thread": thread,
            "space": space,
            "id": checkpoint["id"],
            "parent": place.get("checkpoint_id"),
            "checkpoint": Jsonb({**checkpoint, "channel_values": inline}),
            "metadata": Jsonb(get_serializable_checkpoint_metadata(config, metadata)),
        }
        put |= {name: [blob[number] for blob in blobs] for number, name in enumerate(("channels", "versions", "types", "blobs"), 2)}
        with self._taking() as rows:
            await self._do(_PUT, put | _columns(rows))
        self._put += 1
        if self._put % max(1, self._most // 4) == 0:
            await self.keep_latest(thread)
        return {"configurable": {"thread_id": thread, "checkpoint_ns": space, "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = "") -> None:
        place = config["configurable"]
        # Here and not in a thread, as the library does it: to go there and back takes longer.
        rows = self._dump_writes(place["thread_id"], place["checkpoint_ns"], place["checkpoint_id"], task_id, task_path, writes)
        if all(channel in WRITES_IDX_MAP for channel, _ in writes):
            # Of a channel the last one counts, and one statement writes a row once.
            await self._do(_WRITE_AGAIN, _columns(list({row[5]: row for row in rows}.values())))
        elif not await self._taken_along(rows):
            await self._do(_WRITE, _columns(rows))

    async def _taken_along(self, rows: Sequence[Written]) -> bool:
        """Whether a checkpoint took them along. For ``HELD_S`` they wait for one that may."""
        held = _Held(rows, asyncio.get_running_loop().create_future())
        self._held.append(held)
        try:
            await asyncio.wait((held.taken,), timeout=HELD_S)
        finally:
            waits = held in self._held
            if waits:
                self._held.remove(held)
        return not waits and await held.taken

    @contextmanager
    def _taking(self) -> Iterator[Sequence[Written]]:
        """What waits for a checkpoint, which writes it in the block; whoever waits for it writes it himself where that fails."""
        all_held, self._held = self._held, []
        written = False
        try:
            yield [row for held in all_held for row in held.rows]
            written = True
        finally:
            for held in all_held:
                if not held.taken.done():
                    held.taken.set_result(written)

    async def _do(self, statement: str, values: Mapping[str, Any]) -> None:
        async with self._cursor() as cursor:
            await cursor.execute(statement, values)

    async def keep_latest(self, thread: str) -> None:
        """Removes older checkpoints, and what only they needed."""
        async with self._cursor() as cursor:
            await cursor.execute(_PRUNE, {"thread": thread, "most": self._most})

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        async with self._cursor() as cursor, cursor.connection.transaction():
            for table, columns in _COLUMNS.items():
                copied = f"INSERT INTO {table} (thread_id, {columns}) SELECT %s, {columns} FROM {table} WHERE thread_id = %s"  # noqa: S608
                await cursor.execute(copied, (target_thread_id, source_thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Blobs stay until their thread goes: other checkpoints may need them."""
        async with self._cursor() as cursor, cursor.connection.transaction():
            for statement in (_DELETE_WRITES, _DELETE_CHECKPOINTS):
                await cursor.execute(statement, (list(run_ids),))
