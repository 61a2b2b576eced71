"""Graphs of an organisation, their runs, the steps of those, and what happened.

What a graph is, is kept as JSON, not as JSONB: the order of the keys of a schema is the order in which a model writes them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, SmallInteger, String, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.guarded import QueuedTable
from cluster.stores.tables import Identified, Owned, Table


class Graph(Identified, Owned, Table):
    """``version``: of the latest. ``kind``: `workflow`, or `agent` where it was made from an agent's description."""

    __tablename__ = "graphs"
    __table_args__ = (UniqueConstraint("organisation_id", "name", name="uq_graphs_organisation_id"),)

    name: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(200), server_default="")
    description: Mapped[str] = mapped_column(Text, server_default="")
    kind: Mapped[str] = mapped_column(String(16), server_default="workflow")
    version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class GraphVersion(Identified, Table):
    """What the graph was at one time; never changed. ``source``: the text it was written as, empty where it came as JSON. ``about``: of an
    agent, what it was made from."""

    __tablename__ = "graph_versions"
    __table_args__ = (Index("ix_graph_versions_graph_id_version", "graph_id", "version", unique=True),)

    graph_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("graphs.id", ondelete="CASCADE"))
    version: Mapped[int]
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    source: Mapped[str] = mapped_column(Text, server_default="")
    about: Mapped[dict[str, Any] | None]
    note: Mapped[str] = mapped_column(String(500), server_default="")
    author_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class GraphRun(QueuedTable):
    """``graph`` and ``version``: its name and version as they were; ``spec``: the graph itself, with prompts and sub-graphs filled
    in, so that a change of the graph changes no run. ``task_type``: what whoever asked calls it. ``role``: of the owner, when it was
    asked for; tools are called with no more. ``tries``: processes that it lost without a step done in between. ``worker``: the number of
    the advisory lock that the process which runs it holds. ``pending``: what people are asked, as ``[{"node", "kind", "ask", "show",
    "answer", "expires_at"}]``, without what is answered; ``wake_at``: when the run goes on by itself. ``answers``: what people said, by
    node, not yet taken. ``from_checkpoint``: id of the checkpoint at which the next attempt begins; null: the latest. ``thread``: under
    which its checkpoints are kept; a fork has one of its own. ``after_id``: the run that must be over before this one
    begins. ``step_count``, ``prompt_tokens``, ``completion_tokens``, ``micros`` (millionths of the currency of prices) and ``seconds``:
    what was spent."""

    __tablename__ = "graph_runs"
    __table_args__ = (
        Index("ix_graph_runs_organisation_id_created_at", "organisation_id", "created_at", "id"),
        Index("ix_graph_runs_open", "organisation_id", postgresql_where=text("state IN ('queued', 'running', 'waiting', 'paused')")),
        Index("ix_graph_runs_queue", "priority", "queued_at", postgresql_where=text("state = 'queued'")),
        Index("ix_graph_runs_running", "worker", postgresql_where=text("state = 'running'")),
        Index("ix_graph_runs_waiting", "wake_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_graph_runs_finished_at", "finished_at"),
        Index("ix_graph_runs_parent_id", "parent_id"),
        Index("ix_graph_runs_after_id", "after_id"),
        UniqueConstraint("organisation_id", "idempotency_key", name="uq_graph_runs_organisation_id_idempotency_key"),
    )

    graph: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    model: Mapped[str | None] = mapped_column(String(200))
    task_type: Mapped[str] = mapped_column(String(64), server_default="graph")
    role: Mapped[str] = mapped_column(String(16), server_default="viewer")
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    input: Mapped[dict[str, Any]]
    output: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)
    failed_node: Mapped[str | None] = mapped_column(String(400))
    limits: Mapped[dict[str, Any]]
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("graph_runs.id", ondelete="SET NULL"))
    depth: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    thread: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4)
    from_checkpoint: Mapped[str | None] = mapped_column(String(64))
    after_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("graph_runs.id", ondelete="SET NULL"))
    worker: Mapped[int | None] = mapped_column(BigInteger)
    pause_requested_at: Mapped[datetime | None]
    pending: Mapped[list[dict[str, Any]] | None]
    wake_at: Mapped[datetime | None]
    answers: Mapped[dict[str, Any] | None]
    step_count: Mapped[int] = mapped_column(Integer, server_default="0")
    prompt_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    completion_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    micros: Mapped[int] = mapped_column(BigInteger, server_default="0")
    seconds: Mapped[float] = mapped_column(Float, server_default="0")
    traceparent: Mapped[str | None] = mapped_column(String(64))


class GraphStep(Identified, Table):
    """One visit of one node (of one item, in a map), with all its attempts. ``key``: the same in every process that comes to this
    visit, so that what was done is found again: ``<node>#<visit>`` and, in a map, ``[<index>]``. ``state``: running, succeeded,
    failed, waiting, skipped. ``begun``: a call with an effect was sent, and its answer is not known. ``result``: ``{"value": ...}``,
    bounded by ``graphs.value_bytes``. ``booked_*``: how many of its tokens stand on somebody's account."""

    __tablename__ = "graph_steps"
    __table_args__ = (
        UniqueConstraint("run_id", "key", name="uq_graph_steps_run_id_key"),
        Index(
            "ix_graph_steps_unbooked",
            "run_id",
            postgresql_where=text("prompt_tokens > booked_prompt_tokens OR completion_tokens > booked_completion_tokens"),
        ),
    )

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("graph_runs.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(400))
    node: Mapped[str] = mapped_column(String(400))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), server_default="running")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    model: Mapped[str | None] = mapped_column(String(200))
    prompt_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    completion_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    micros: Mapped[int] = mapped_column(BigInteger, server_default="0")
    booked_prompt_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    booked_completion_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    begun: Mapped[bool] = mapped_column(server_default=text("false"))
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)


class GraphEvent(Table):
    """What happened in a run, numbered as events of jobs are. Kinds: `state`, `step` (node, key, state, and what it says), `tool`,
    `ask`."""

    __tablename__ = "graph_events"
    __table_args__ = (Index("ix_graph_events_created_at", "created_at"),)

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("graph_runs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
