"""The tables of LangGraph's PostgresSaver (langgraph-checkpoint-postgres 3.2.0), as our migrations make them.

Ours, and not the saver's own ``setup()``: the API reads them before any runner has started; whoever goes back a revision is rid of them;
and ``setup()`` makes its indexes CONCURRENTLY, which waits for every transaction, so also for those that wait for the lock under which
it would have to run. ``VERSION`` stands in ``checkpoint_migrations`` as ``setup()`` would leave it. A saver with more migrations needs
one more of ours; a test says so."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from cluster.stores.tables import Table as Ours

# Number of the saver's latest migration that stands in ours.
VERSION = 9

_thread = (Column("thread_id", Text, primary_key=True), Column("checkpoint_ns", Text, primary_key=True, server_default=""))

checkpoint_migrations = Table("checkpoint_migrations", Ours.metadata, Column("v", Integer, primary_key=True, autoincrement=False))
checkpoints = Table(
    "checkpoints",
    Ours.metadata,
    *(column._copy() for column in _thread),
    Column("checkpoint_id", Text, primary_key=True),
    Column("parent_checkpoint_id", Text),
    Column("type", Text),
    Column("checkpoint", JSONB, nullable=False),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    Index("checkpoints_thread_id_idx", "thread_id"),
)
checkpoint_blobs = Table(
    "checkpoint_blobs",
    Ours.metadata,
    *(column._copy() for column in _thread),
    Column("channel", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("blob", LargeBinary),
    Index("checkpoint_blobs_thread_id_idx", "thread_id"),
)
checkpoint_writes = Table(
    "checkpoint_writes",
    Ours.metadata,
    *(column._copy() for column in _thread),
    Column("checkpoint_id", Text, primary_key=True),
    Column("task_id", Text, primary_key=True),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("channel", Text, nullable=False),
    Column("type", Text),
    Column("blob", LargeBinary, nullable=False),
    Column("task_path", Text, nullable=False, server_default=""),
    Index("checkpoint_writes_thread_id_idx", "thread_id"),
)
