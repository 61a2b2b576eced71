"""What LangGraph's SDK sends. Every field that it knows is named: what we have nothing for is refused with a sentence (refusing.py)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from api.conversations.schemas import Id
from api.web.schema import Body, FormBody, FreeObject

MOST = 1000
LONGEST_DELAY_S = 366 * 86400
Labels = FreeObject
Strategy = Literal["reject", "enqueue", "interrupt", "rollback"]
Order = Literal["asc", "desc"]


class CheckpointBody(Body):
    """Which checkpoint of a thread."""

    thread_id: str | None = None
    checkpoint_ns: str | None = None
    checkpoint_id: str | None = Field(None, max_length=64)
    checkpoint_map: FreeObject | None = None


class CommandBody(Body):
    resume: Any = Field(None, description="The answer to what the thread asks; or answers by the ids of its interrupts.")
    update: Any = None
    goto: Any = None


class ConfigBody(Body):
    tags: list[str] = Field(default_factory=list, max_length=100)
    recursion_limit: int | None = Field(None, ge=1, le=10_000_000, description="Nodes that are run, repetitions included.")
    configurable: FreeObject = Field(default_factory=dict, description="`model`: for nodes that name none.")


class RunBody(Body):
    """A run as the SDK asks for it."""

    assistant_id: str = Field(min_length=1, max_length=200, description="Name, `name@version`, or id of a graph.")
    thread_id: Id | None = Field(None, description="In a batch: the thread; null: none.")
    input: FreeObject | None = Field(None, description="What the graph's input asks for; null: the thread goes on where it stopped.")
    command: CommandBody | None = Field(None, description="`resume`: an answer to what the thread waits for.")
    metadata: Labels | None = None
    config: ConfigBody | None = None
    context: FreeObject | None = Field(None, description="As `config.configurable`.")
    checkpoint: CheckpointBody | None = None
    checkpoint_id: str | None = Field(None, max_length=64, description="Of the thread: where the run begins.")
    checkpoint_during: bool | None = Field(None, description="Checkpoints are written after every step, whatever this says.")
    durability: Literal["sync", "async", "exit"] | None = Field(None, description="As `checkpoint_during`.")
    multitask_strategy: Strategy | None = Field(None, description="What to do while a run of the thread is under way; null: enqueue.")
    if_not_exists: Literal["create", "reject"] | None = Field(None, description="Where there is no such thread; null: reject.")
    after_seconds: float | None = Field(None, ge=0, le=LONGEST_DELAY_S, description="Seconds before it may begin.")
    on_disconnect: Literal["cancel", "continue"] | None = Field(None, description="When whoever reads leaves; null: continue.")
    on_completion: Literal["keep", "delete"] | None = Field(None, description="Runs are kept graphs.kept_days; `delete` is refused.")
    stream_mode: str | list[str] = Field("values", description="values, updates, messages, messages-tuple, events, tasks, custom.")
    stream_subgraphs: bool = Field(False, description="Whether nodes of graphs within the graph are told of.")
    stream_resumable: bool = Field(False, description="Every stream can be resumed, whatever this says.")
    strict_resume: bool | None = Field(None, description="An answer to what is not asked is a 409, whatever this says.")
    interrupt_before: Any = None
    interrupt_after: Any = None
    webhook: str | None = None
    feedback_keys: list[str] | None = None
    langsmith_tracer: Any = None


class TtlBody(Body):
    ttl: float | None = None
    strategy: str | None = None


class ThreadBody(Body):
    thread_id: Id | None = Field(None, description="Null: a new one.")
    metadata: Labels | None = Field(None, description="To be found by.")
    if_exists: Literal["raise", "do_nothing"] | None = Field(None, description="Where there is one of that id; null: raise.")
    supersteps: list[Any] | None = None
    ttl: TtlBody | None = None


class ThreadPatch(Body):
    metadata: Labels = Field(description="Fields that are set; others stay.")
    ttl: TtlBody | None = None


class SearchBody(Body):
    metadata: Labels | None = Field(None, description="What it has, among others.")
    limit: int = Field(10, ge=1, le=MOST)
    offset: int = Field(0, ge=0, le=2**31 - 1)
    sort_by: str | None = Field(None, max_length=40)
    sort_order: Order | None = None
    select: list[str] | None = Field(None, max_length=40, description="Only these fields.")


class AssistantSearch(SearchBody):
    graph_id: str | None = Field(None, max_length=200)
    name: str | None = Field(None, max_length=200, description="Part of the title or the name.")


class ThreadSearch(SearchBody):
    values: FreeObject | None = Field(None, description="What the latest run was given, or gave, among others.")
    ids: list[Id] | None = Field(None, max_length=MOST)
    status: Literal["idle", "busy", "interrupted", "error"] | None = None
    extract: dict[str, str] | None = None


class PruneBody(Body):
    thread_ids: list[Id] = Field(max_length=MOST)
    strategy: Literal["delete", "keep_latest"] = "delete"


class StateBody(Body):
    values: FreeObject | list[FreeObject] | None = Field(description="Put over the state's.")
    as_node: str | None = None
    checkpoint: CheckpointBody | None = None
    checkpoint_id: str | None = Field(None, max_length=64, description="Null: the latest.")


class StateQuery(Body):
    checkpoint: CheckpointBody
    subgraphs: bool = False
    select: list[str] | None = None


class HistoryBody(Body):
    limit: int = Field(10, ge=1, le=MOST)
    before: str | CheckpointBody | None = Field(None, description="Only those before this one.")
    metadata: Labels | None = None
    checkpoint: CheckpointBody | None = None
    select: list[str] | None = None


class CancelBody(Body):
    thread_id: Id | None = None
    run_ids: list[Id] | None = Field(None, max_length=MOST)
    status: Literal["pending", "running", "all"] | None = None


class VersionsBody(Body):
    metadata: Labels | None = None
    limit: int = Field(10, ge=1, le=MOST)
    offset: int = Field(0, ge=0, le=2**31 - 1)


class CancelQuery(FormBody):
    wait: bool = Field(False, description="Whether the answer waits until it has stopped.")
    action: Literal["interrupt", "rollback"] = Field("interrupt", description="`rollback` removes the run as well.")


class RunsQuery(FormBody):
    limit: int = Field(10, ge=1, le=MOST)
    offset: int = Field(0, ge=0, le=2**31 - 1)
    status: Literal["pending", "running", "error", "success", "timeout", "interrupted"] | None = None
    select: list[str] | None = Field(None, description="Only these fields.")


class StateFields(FormBody):
    subgraphs: bool = Field(False, description="Graphs within a graph keep no state of their own; nothing is added.")
    select: list[str] | None = Field(None, description="Only these fields; `values.<key>` for one key.")


class SubgraphQuery(FormBody):
    recurse: bool = Field(False, description="Those within them as well.")


class DrawingQuery(FormBody):
    xray: str = Field("false", max_length=10, description="Graphs within a graph are drawn as the nodes that run them, whatever this says.")


class FollowQuery(FormBody):
    stream_mode: list[str] = Field(default_factory=list, description="As of a run; none: values.")
    cancel_on_disconnect: bool = Field(False, description="Whether the run is cancelled when whoever reads leaves.")


class ActionQuery(FormBody):
    action: Literal["interrupt", "rollback"] = Field("interrupt", description="`rollback` removes the runs as well.")
