"""LangGraph's PostgresSaver as we use it: strict, and with what 3.2.0 leaves out (copies, and removal by run)."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from psycopg import AsyncConnection
from psycopg.rows import DictRow
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


def strict() -> JsonPlusSerializer:
    """No pickle, and nothing is built from a checkpoint but JSON and types that LangGraph knows to be harmless: who can write to the
    database cannot run code here."""
    return JsonPlusSerializer(pickle_fallback=False, allowed_json_modules=None, allowed_msgpack_modules=None)


class Saver(AsyncPostgresSaver):
    """Does one thing at a time; runs that are under way at once have one each, and nobody else writes to their threads. Of each it keeps
    the latest ``most`` checkpoints, and up to a quarter more."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[DictRow]], most: int) -> None:
        super().__init__(pool, serde=strict())
        self._most = most
        self._put = 0

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> RunnableConfig:
        stored = await super().aput(config, checkpoint, metadata, new_versions)
        self._put += 1
        if self._put % max(1, self._most // 4) == 0:
            await self.keep_latest(config["configurable"]["thread_id"])
        return stored

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
