"""LangGraph's PostgresSaver as we use it: strict, and with what 3.2.0 leaves out (copies, and removal by run)."""

from __future__ import annotations

from collections.abc import Sequence

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

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


def strict() -> JsonPlusSerializer:
    """No pickle, and nothing is built from a checkpoint but JSON and types that LangGraph knows to be harmless: who can write to the
    database cannot run code here."""
    return JsonPlusSerializer(pickle_fallback=False, allowed_json_modules=None, allowed_msgpack_modules=None)


class Saver(AsyncPostgresSaver):
    """Does one thing at a time; runs that are under way at once have one each."""

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
