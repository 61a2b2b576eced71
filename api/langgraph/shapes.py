"""Graphs, threads and runs in the words of LangGraph's API. Shapes are those of langgraph_sdk.schema, which belong to its clients."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from api.langgraph.messages import answered
from api.langgraph.repository import Placed
from api.langgraph.tables import ClientThread, ThreadRun
from cluster.contracts.generation import Json
from cluster.graphs.chatting import MESSAGES
from cluster.graphs.checkpoints import Moment
from cluster.graphs.following_on import is_under_way
from cluster.graphs.pending import questions
from cluster.graphs.states import RunState
from cluster.graphs.table import Graph, GraphRun
from cluster.specs.graph import GraphSpec

Shape = dict[str, Any]
# What LangGraph calls that which comes before the first node, and that which comes behind the last.
START, FINISH = "__start__", "__end__"
# That of LangGraph's own server, for assistants that stand for a graph itself.
LIBRARY_IDS = uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
# Graphs of the library have no time of their own.
NO_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_ENDS = {RunState.SUCCEEDED: "success", RunState.FAILED: "error", RunState.QUEUED: "pending"}


def library_id(name: str) -> uuid.UUID:
    return uuid.uuid5(LIBRARY_IDS, name)


def assistant(spec: GraphSpec, row: Graph | None) -> Shape:
    """``row`` None: a graph of the library."""
    if row is not None:
        return own_assistant(row)
    about = {"name": spec.title or spec.name, "description": spec.description, "version": spec.version}
    times = {"created_at": NO_TIME, "updated_at": NO_TIME}
    return {"assistant_id": str(library_id(spec.name)), "graph_id": spec.name, **about, **_of("system"), **times}


def own_assistant(row: Graph) -> Shape:
    about = {"name": row.title or row.name, "description": row.description, "version": row.version}
    times = {"created_at": row.created_at, "updated_at": row.updated_at}
    return {"assistant_id": str(row.id), "graph_id": row.name, **about, **_of("user", kind=row.kind), **times}


def _of(made_by: str, **more: str) -> Shape:
    return {"config": {}, "context": {}, "metadata": {"created_by": made_by, **more}}


def status_of(run: GraphRun) -> str:
    """Of a run. One that was cancelled, is paused, or waits for people, is `interrupted`."""
    known = _ENDS.get(RunState(run.state))
    return known or ("running" if is_under_way(run) else "interrupted")


def thread_status(runs: Sequence[GraphRun]) -> str:
    """``runs``: those under way, and the latest of all, at the end."""
    if any(is_under_way(run) for run in runs):
        return "busy"
    last = RunState(runs[-1].state) if runs else RunState.SUCCEEDED
    if last in (RunState.WAITING, RunState.PAUSED):
        return "interrupted"
    return "error" if last is RunState.FAILED else "idle"


def run_shape(run: GraphRun, placed: ThreadRun) -> Shape:
    cancelled = {"cancel_reason": "cancelled by a person"} if run.state == RunState.CANCELLED else {}
    return {
        "run_id": str(run.id),
        "thread_id": str(placed.thread_id or run.thread),
        "assistant_id": run.graph,
        "created_at": run.created_at,
        "updated_at": run.finished_at or run.started_at or run.queued_at,
        "status": status_of(run),
        "metadata": placed.labels,
        "multitask_strategy": placed.strategy,
        "kwargs": {"input": run.input},
        **cancelled,
    }


def interrupt_id(run_id: uuid.UUID, key: str) -> str:
    """32 hexadecimal digits, as LangGraph's are."""
    return hashlib.blake2b(f"{run_id}:{key}".encode(), digest_size=16).hexdigest()


def interrupts_of(run: GraphRun) -> list[Shape]:
    """What the run asks people. ``value``: the question, what is shown with it, and the node that asks."""
    found = []
    for one in questions(run) if run.state == RunState.WAITING else ():
        value = {"node": one.node, "kind": one.kind, "ask": one.ask, "show": one.show, "expires_at": one.expires_at}
        schema = {"response_schema": one.answer} if one.answer is not None else {}
        found.append({"id": interrupt_id(run.id, one.key), "value": value, **schema})
    return found


def values_of(placed: Placed, state: Mapping[str, Json], *, ended: bool = True) -> dict[str, Any]:
    """What a client sees as the state of a thread: the input, what nodes wrote, the output, and the conversation. ``ended`` False: as it
    was before the run ended."""
    run, place = placed
    output = (run.output or {}) if ended and run.state == RunState.SUCCEEDED else {}
    values = {**run.input, **state, **output}
    if place.messages is not None:
        values[MESSAGES] = answered(run.id, place.messages, output)
    return values


def thread_shape(thread: ClientThread, runs: Sequence[GraphRun], values: Mapping[str, Any] | None) -> Shape:
    last = runs[-1] if runs else None
    interrupts = {_task_id(last.id, one["value"]["node"]): [one] for one in interrupts_of(last)} if last is not None else {}
    return {
        "thread_id": str(thread.id),
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
        "state_updated_at": thread.updated_at,
        "metadata": thread.labels,
        "config": {},
        "status": thread_status(runs),
        "values": values,
        "interrupts": interrupts,
    }


def checkpoint_shape(thread_id: uuid.UUID, checkpoint_id: str | None) -> Shape:
    return {"thread_id": str(thread_id), "checkpoint_ns": "", "checkpoint_id": checkpoint_id, "checkpoint_map": None}


def state_shape(thread_id: uuid.UUID, placed: Placed, moment: Moment, parent: str | None, *, latest: bool) -> Shape:
    """``latest``: the run is where this checkpoint says."""
    run, _ = placed
    coming = [START] if moment.step < 0 else sorted(moment.coming) if not latest or run.state != RunState.SUCCEEDED else []
    asked = interrupts_of(run) if latest else []
    tasks = [_task(run, name, [one for one in asked if _first(one) == name], latest=latest) for name in coming]
    return {
        "values": values_of(placed, moment.values, ended=latest),
        "next": coming,
        "tasks": tasks,
        "checkpoint": checkpoint_shape(thread_id, moment.id),
        "parent_checkpoint": checkpoint_shape(thread_id, parent) if parent is not None else None,
        "metadata": {"step": moment.step, "source": "input" if moment.step < 0 else "loop", "run_id": str(run.id), "graph_id": run.graph},
        "created_at": moment.at.isoformat(),
        "interrupts": asked,
    }


def empty_state(thread: ClientThread) -> Shape:
    """Of a thread in which nothing was run yet."""
    return {
        "values": {},
        "next": [],
        "tasks": [],
        "checkpoint": checkpoint_shape(thread.id, None),
        "parent_checkpoint": None,
        "metadata": {},
        "created_at": thread.created_at.isoformat(),
        "interrupts": [],
    }


def selected(shape: Shape, names: Iterable[str] | None) -> Shape:
    """Only the fields that were asked for, `values.<key>` among them."""
    if names is None:
        return shape
    found: Shape = {}
    for name in names:
        field, _, key = name.partition(".")
        if key and isinstance(shape.get(field), dict):
            found.setdefault(field, {})[key] = shape[field].get(key)
        elif field in shape:
            found[field] = shape[field]
    return found


def _task(run: GraphRun, name: str, interrupts: list[Shape], *, latest: bool) -> Shape:
    error = run.error if latest and run.failed_node == name else None
    task = {"id": _task_id(run.id, name), "name": name, "path": ["__pregel_pull", name], "error": error, "interrupts": interrupts}
    return task | {"checkpoint": None, "state": None, "result": None}


def _task_id(run_id: uuid.UUID, node: str) -> str:
    return str(uuid.uuid5(run_id, node))


def _first(interrupt: Shape) -> str:
    """The node of the run's own graph that asks, or within which something does."""
    named: str = interrupt["value"]["node"]
    return re.split(r"[/\[#:~]", named, maxsplit=1)[0]
