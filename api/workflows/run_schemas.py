"""Runs as people see them, and what they ask for."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from api.conversations.schemas import Id
from api.web.schema import Answer, Body, FormBody, FreeObject, ModelId
from cluster.graphs.states import ENDED, RunState
from cluster.graphs.table import GraphRun, GraphStep
from cluster.specs.graph import GRAPH_NAME
from cluster.specs.nodes import NAME
from cluster.tracing import trace_of

MICROS = 1_000_000
LONGEST_WAIT_S = 300.0
GraphName = Annotated[str, Field(pattern=GRAPH_NAME)]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
Priority = Annotated[int, Field(ge=-100, le=100, description="Higher goes first.")]


class LimitsBody(Body):
    """What the run may spend; the graph's own limits and the settings `graphs.*` hold besides."""

    steps: int | None = Field(None, ge=1, le=10_000_000, description="Nodes that are run, repetitions included.")
    tokens: int | None = Field(None, ge=1, le=10**12, description="Tokens of all models together, prompts included.")
    seconds: float | None = Field(None, gt=0, le=1e9, description="Seconds of work; waiting for people or for its turn does not count.")
    money: float | None = Field(None, gt=0, le=1e9, description="What answers of providers may cost, in the currency of prices.")


class ExecuteBody(Body):
    """Give `workflow` or `spec`, one of them."""

    workflow: str | None = Field(
        None, min_length=1, max_length=200, description="Name, `name@version`, or id of a graph: yours, or one of the library."
    )
    spec: FreeObject | None = Field(None, description="The graph itself, in the shape that definitions have.")
    input: FreeObject = Field(default_factory=dict, description="What the graph's `input` asks for.")
    model: ModelId | None = Field(None, description="Model or alias for nodes that name none.")
    priority: Priority = 0
    limits: LimitsBody | None = None
    idempotency_key: IdempotencyKey | None = Field(
        None, description="Sent again with the same key it is the same run. The header Idempotency-Key says the same."
    )
    run_id: Id | None = Field(
        None, description="Id that the run is to have: files can then be put into its workspace, `run-<id>`, before it begins."
    )
    wait_s: float = Field(0, ge=0, le=LONGEST_WAIT_S, description="Seconds that the answer may wait for the run to end.")


class RunQuery(FormBody):
    state: RunState | None = Field(None, description="Only those in this state.")
    graph: str | None = Field(None, pattern=GRAPH_NAME, description="Only those of the graph of this name.")
    task_type: str | None = Field(None, min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$", description="Only those of this task.")
    mine: bool = Field(False, description="Only your own.")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="Runs on a page.")


class StepQuery(FormBody):
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(200, ge=1, le=1000, description="Steps on a page.")


class AnswerBody(Body):
    node: str | None = Field(
        None, min_length=1, max_length=400, description="What is answered, as `pending` names it; may be left out where one is waited for."
    )
    answer: Any = Field(description="Of the schema that `pending` shows; `true` or `false` where a tool is to be approved.")


class RetryBody(Body):
    node: str | None = Field(None, pattern=NAME, description="Node to begin again at; null: the one that failed.")


class ForkBody(Body):
    checkpoint: str = Field(min_length=1, max_length=64, description="Id of the checkpoint to begin at.")
    state: FreeObject | None = Field(None, description="Values of the state, by key, that are to be other ones.")


class Spent(Answer):
    steps: int
    prompt_tokens: int
    completion_tokens: int
    tokens: int
    seconds: float = Field(description="Of work; waiting does not count.")
    money: float = Field(description="In the currency of prices.")

    @classmethod
    def of(cls, run: GraphRun) -> Spent:
        return cls(
            steps=run.step_count,
            prompt_tokens=run.prompt_tokens,
            completion_tokens=run.completion_tokens,
            tokens=run.prompt_tokens + run.completion_tokens,
            seconds=run.seconds,
            money=run.micros / MICROS,
        )


class RunEntry(Answer):
    id: uuid.UUID
    graph: str
    version: int
    task_type: str
    state: RunState
    stopping: bool = Field(description="Whether it was asked to stop or to pause and has not yet.")
    priority: int
    owner_id: uuid.UUID
    parent_id: uuid.UUID | None = Field(description="The run that started it, or that it was forked from.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None = Field(description="Why it failed, and what to do.")
    failed_node: str | None
    spent: Spent

    @classmethod
    def of(cls, run: GraphRun) -> RunEntry:
        return cls(**_entry(run))


class StepAnswer(Answer):
    """One visit of a node, or of one item within a map, or a call of a tool."""

    key: str = Field(description="The same for this visit, whichever process comes to it.")
    node: str
    kind: str
    state: str = Field(description="running, succeeded, failed, waiting or skipped.")
    attempts: int
    started_at: datetime
    finished_at: datetime | None
    model: str | None
    prompt_tokens: int
    completion_tokens: int
    money: float
    result: Any = Field(description="What it gave; null where there is nothing yet.")
    error: str | None

    @classmethod
    def of(cls, step: GraphStep) -> StepAnswer:
        return cls(
            key=step.key,
            node=step.node,
            kind=step.kind,
            state=step.state,
            attempts=step.attempts,
            started_at=step.started_at,
            finished_at=step.finished_at,
            model=step.model,
            prompt_tokens=step.prompt_tokens,
            completion_tokens=step.completion_tokens,
            money=step.micros / MICROS,
            result=(step.result or {}).get("value"),
            error=step.error,
        )


class RunDetail(RunEntry):
    """The page of one run."""

    input: dict[str, Any]
    output: dict[str, Any] | None
    model: str | None
    limits: dict[str, Any] = Field(description="What it may spend at most.")
    pending: list[dict[str, Any]] = Field(description="What it waits for: node, kind (human, approve, time), the question and the schema.")
    wake_at: datetime | None = Field(description="When it goes on by itself.")
    attempt: int = Field(description="How often a process took it up.")
    trace_id: str | None = Field(description="Under which its trace is found.")
    diagram: str = Field(description="The graph in Mermaid, coloured by how its nodes stand.")
    steps: list[StepAnswer] = Field(description="The first 200; `/steps` has all.")

    @classmethod
    def page(cls, run: GraphRun, steps: list[GraphStep], diagram: str, limits: dict[str, Any]) -> RunDetail:
        return cls(
            **_entry(run),
            input=run.input,
            output=run.output,
            model=run.model,
            limits=limits,
            pending=pending_of(run),
            wake_at=run.wake_at,
            attempt=run.attempt,
            trace_id=trace_of(run.traceparent),
            diagram=diagram,
            steps=[StepAnswer.of(step) for step in steps],
        )


class RunPage(Answer):
    """Newest first."""

    runs: list[RunEntry]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class StepPage(Answer):
    """In the order in which they began."""

    steps: list[StepAnswer]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class CheckpointEntry(Answer):
    id: str
    created_at: datetime
    step: int = Field(description="Counted from -1, the input.")
    next: list[str] = Field(description="Nodes that come next.")
    state: dict[str, Any] = Field(description="The state as it was.")


class CheckpointPage(Answer):
    """The latest first."""

    checkpoints: list[CheckpointEntry]


def pending_of(run: GraphRun) -> list[dict[str, Any]]:
    """What an unended run waits for."""
    pending: Any = run.pending or []
    return list(pending) if run.state not in ENDED else []


def _entry(run: GraphRun) -> dict[str, Any]:
    ended = run.state in ENDED
    return {
        "id": run.id,
        "graph": run.graph,
        "version": run.version,
        "task_type": run.task_type,
        "state": RunState(run.state),
        "stopping": not ended and (run.cancel_requested_at is not None or run.pause_requested_at is not None),
        "priority": run.priority,
        "owner_id": run.owner_id,
        "parent_id": run.parent_id,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "error": run.error,
        "failed_node": run.failed_node,
        "spent": Spent.of(run),
    }
