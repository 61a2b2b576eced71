"""Running graphs."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace

from pydantic import Field, JsonValue

from cluster.contracts.generation import Json, JsonObject
from cluster.errors import BadInput, Forbidden, Unavailable
from cluster.graphs.states import ENDED, NO_TASKS
from cluster.settings import GraphSettings
from cluster.tools.builtin.base import Arguments, Call, Options, Said, object_of
from cluster.tools.builtin.base import BuiltinTool as Tool
from cluster.tools.starting import GraphStarter, StartedRun
from cluster.tools.tool import ToolCaller

CATEGORY = "graphs"
ENDED_STATES = frozenset(state.value for state in ENDED)
LOOK_S = 0.5


class RunArguments(Arguments):
    graph: str = Field(min_length=1, max_length=200, description="Its name, or `name@version`.")
    input: dict[str, JsonValue] = Field(default_factory=dict, description="What it is given, as its schema says.")
    wait_s: float = Field(30.0, ge=0, le=3600, description="Seconds to wait for its end; graph_result looks later.")


class ResultArguments(Arguments):
    run: uuid.UUID = Field(description="The `run` that graph_run gave.")
    wait_s: float = Field(0.0, ge=0, le=3600, description="Seconds to wait for its end.")


class TaskArguments(Arguments):
    task_type: str = Field(min_length=1, max_length=64, description="An agent or a graph, by its name; `todo` is something for a person.")
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="Its input, as its schema says.")


async def _run(call: Call[RunArguments, Options]) -> Json | Said:
    starter = _starter(call.around.starter)
    _check_depth(call.caller, call.around.settings.graphs)
    given: JsonObject = {**call.given.input}
    started = await starter.start(call.given.graph, given, call.caller)
    return _told(await _ended(starter, started, call.caller, call.given.wait_s))


async def _task(call: Call[TaskArguments, Options]) -> Json | Said:
    starter = _starter(call.around.starter)
    _check_depth(call.caller, call.around.settings.graphs)
    if call.given.task_type in NO_TASKS:
        raise BadInput(f"'{call.given.task_type}' is no type of a task; name an agent or a graph.").about("task_type")
    started = await starter.start(call.given.task_type, {**call.given.parameters}, call.caller, task=True)
    return {"task": str(started.run_id), "task_type": started.graph, "status": started.state}


async def _result(call: Call[ResultArguments, Options]) -> Json | Said:
    starter = _starter(call.around.starter)
    found = await starter.look(call.caller.organisation_id, call.given.run)
    return _told(await _ended(starter, found, call.caller, call.given.wait_s))


async def _ended(starter: GraphStarter, run: StartedRun, caller: ToolCaller, seconds: float) -> StartedRun:
    """The run at its end, or as it is when that does not come in time. Its steps are told to the caller's client."""
    now = asyncio.get_running_loop().time
    deadline, pause, told = now() + seconds, 0.05, 0
    while run.state not in ENDED_STATES and now() < deadline:
        await asyncio.sleep(min(pause, max(0.0, deadline - now())))
        pause = min(pause * 2, LOOK_S)
        run = replace(await starter.look(caller.organisation_id, run.run_id), graph=run.graph)
        if caller.client is not None and run.steps > told:
            told = run.steps
            await caller.client.progress(told, None, f"{run.graph}: {told} steps, {run.state}")
    return run


def _check_depth(caller: ToolCaller, settings: GraphSettings) -> None:
    if caller.depth + 1 > settings.depth:
        raise Forbidden(f"Graphs run within each other {settings.depth} deep already (setting graphs.depth).")


def _told(run: StartedRun) -> Json | Said:
    return {"run": str(run.run_id), "graph": run.graph, "state": run.state, "output": run.output, "error": run.error}


def _starter(starter: GraphStarter | None) -> GraphStarter:
    if starter is None:
        raise Unavailable("Graphs cannot be run from here; ask where the cluster runs, or retry in 60 s.")
    return starter


OUTPUT = object_of(run={"type": "string"}, graph={"type": "string"}, state={"type": "string"}, output={}, error={})

GRAPH_RUN = Tool(
    "graph_run",
    "Run a graph",
    "Starts a graph as a run of its own, and waits for its end a while.",
    CATEGORY,
    RunArguments,
    Options,
    _run,
    effects="keyed",
    role="editor",
    output=OUTPUT,
)
TASK_CREATE = Tool(
    "task_create",
    "Hand in a task",
    "Hands work to an agent or a graph, or to a person, and does not wait for it: it is among the tasks from then on.",
    CATEGORY,
    TaskArguments,
    Options,
    _task,
    effects="keyed",
    role="editor",
    output=object_of(task={"type": "string"}, task_type={"type": "string"}, status={"type": "string"}),
)
GRAPH_RESULT = Tool(
    "graph_result",
    "Look at a run",
    "How a run of a graph stands, and what came of it.",
    CATEGORY,
    ResultArguments,
    Options,
    _result,
    output=OUTPUT,
)
