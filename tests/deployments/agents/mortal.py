"""Processes that carry a run on, and are killed in the middle: each at a later moment than the one before.

``python -m tests.deployments.agents.mortal FILE`` reads what to do (``Task`` as JSON). It forks one process after another, because to
start one anew takes seconds. Each finishes the run that the one before it left, begins one of its own, and kills itself before or after
the n-th write or effect of that; the last one lives to the end. What became of each is said in one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from cluster.contracts.generation import Json, JsonObject
from cluster.fakes.gateway import FakeGateway
from cluster.fakes.tools import FakeTools
from cluster.graphs.checkpoints import Checkpoints
from cluster.graphs.runs import NewRun, Runs
from cluster.graphs.saver import Saver
from cluster.graphs.states import ENDED
from cluster.graphs.steps import Begun, Ending, StepLog
from cluster.graphs.table import GraphRun
from cluster.guard.guarding import Guard
from cluster.settings import Settings
from cluster.specs.prices import PricesSpec, PriceTable
from cluster.specs.providers import ProvidersSpec
from cluster.stores.clients import StoreClients, connect
from cluster.tools.tool import ToolCaller, ToolResult, ToolSpec
from deployments.agents.expressions import Expressions
from deployments.agents.runner import Runner
from deployments.agents.services import Services
from deployments.agents.waking import StepLogs
from tests.deployments.agents.place import Files, Heard, Shelf

LONGEST_S = 120.0
ONCE = Ending()


class Task(BaseModel):
    """``spec``: a ResolvedGraph as JSON. ``effects``: where the tool `write` leaves its mark, once for each key; ``calls``: every call."""

    settings: Settings
    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    spec: dict[str, Any]
    effects: Path
    calls: Path


@dataclass
class Death:
    """Counts what happens to one run, which is known by its id and by its thread, and strikes at the given moment."""

    run_id: uuid.UUID
    at: int
    thread: uuid.UUID | None = None
    count: int = 0

    def look(self, known_by: uuid.UUID | None, what: str) -> None:
        if known_by not in (self.run_id, self.thread):
            return
        self.count += 1
        if self.count == self.at:
            print(json.dumps({"died": what}), flush=True)  # noqa: T201 - read by the test
            os.kill(os.getpid(), signal.SIGKILL)


class MortalLog(StepLog):
    def __init__(self, inner: StepLog, death: Death, run_id: uuid.UUID) -> None:
        self._inner = inner
        self._death = death
        self._of = run_id

    async def begin(self, key: str, node: str, kind: str) -> Begun:
        self._death.look(self._of, f"before begin {key}")
        begun = await self._inner.begin(key, node, kind)
        self._death.look(self._of, f"after begin {key}")
        return begun

    async def finish(self, key: str, value: Json, ending: Ending = ONCE) -> None:
        self._death.look(self._of, f"before finish {key}")
        await self._inner.finish(key, value, ending)
        self._death.look(self._of, f"after finish {key}")


@dataclass
class MortalLogs(StepLogs):
    inner: StepLogs
    death: Death

    def of(self, row: GraphRun) -> StepLog:
        return MortalLog(self.inner.of(row), self.death, row.id)


class MortalCheckpoints(Checkpoints):
    """Whose saver may be the last thing that a process touches."""

    def __init__(self, settings: Settings, death: Death) -> None:
        super().__init__(settings)
        self._death = death

    def saver(self) -> Saver:
        return MortalSaver(self._pool, self._settings.graphs.checkpoints, self._death)


class MortalSaver(Saver):
    def __init__(self, pool: Any, most: int, death: Death) -> None:
        super().__init__(pool, most)
        self._death = death

    async def aput(self, config: RunnableConfig, *given: Any) -> RunnableConfig:
        thread = uuid.UUID(config["configurable"]["thread_id"])
        self._death.look(thread, "before checkpoint")
        saved = await super().aput(config, *given)
        self._death.look(thread, "after checkpoint")
        return saved

    async def aput_writes(self, config: RunnableConfig, *given: Any) -> None:
        thread = uuid.UUID(config["configurable"]["thread_id"])
        self._death.look(thread, "before writes")
        await super().aput_writes(config, *given)
        self._death.look(thread, "after writes")


def tools_of(task: Task, death: Death) -> FakeTools:
    """With `write`, which leaves a line in a file, once for each key, whatever else happens."""
    tools = FakeTools()

    async def write(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
        death.look(caller.run_id, f"before effect {caller.key}")
        _append(task.calls, caller.key)
        done = task.effects.read_text().splitlines() if task.effects.exists() else []
        if caller.key not in done:
            _append(task.effects, caller.key)
        death.look(caller.run_id, f"after effect {caller.key}")
        return ToolResult({"written": arguments["text"]}, "written")

    shape: JsonObject = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    # The fake toolbox would remember keys for itself; this tool has to do it.
    tools.add(ToolSpec("write", "Write", "Writes a line.", shape, "test", effects="none"), write)
    return tools


def _append(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


async def live(task: Task, before: uuid.UUID | None, mine: uuid.UUID, at: int) -> None:
    """Until the run ``before`` has ended, and then ``mine``, in the middle of which this dies."""
    stores = connect(task.settings)
    death = Death(mine, at)
    checkpoints = MortalCheckpoints(task.settings, death)
    await checkpoints.open()
    gateway, expressions = FakeGateway(), Expressions(task.settings.graphs)
    services = Services(
        settings=task.settings,
        gateway=gateway,
        toolbox=tools_of(task, death),
        finding=Shelf(),
        media=Files(),
        live=Heard(),
        guard=Guard(gateway, task.settings.graphs),
        prices=PriceTable(PricesSpec(), ProvidersSpec()),
        expressions=expressions,
    )
    runner = Runner(stores.database, checkpoints, services, MortalLogs(StepLogs(stores.database, task.settings.graphs), death))
    await runner.start()
    if before is not None:
        await _ended(task, stores, before)
    await _enqueue(task, stores, death)
    runner.wake()
    await _ended(task, stores, mine)
    await runner.stop()
    expressions.close()
    await checkpoints.close()
    await stores.close()


async def _enqueue(task: Task, stores: StoreClients, death: Death) -> None:
    async with stores.database.session() as session:
        new = NewRun(
            id=death.run_id,
            graph="test",
            version=1,
            spec=task.spec,
            input={"who": "Mira"},
            organisation_id=task.organisation_id,
            owner_id=task.owner_id,
            role="editor",
        )
        death.thread = (await Runs(session, task.settings.graphs).enqueue(new)).thread


async def _ended(task: Task, stores: StoreClients, run_id: uuid.UUID) -> None:
    async with asyncio.timeout(LONGEST_S):
        while True:
            async with stores.database.session() as session:
                run = await Runs(session, task.settings.graphs).get(task.organisation_id, run_id)
            if run.state in ENDED:
                return
            await asyncio.sleep(0.01)


def forked(task: Task, before: uuid.UUID | None, mine: uuid.UUID, at: int) -> bool:
    """Whether the process lived to the end."""
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(live(task, before, mine, at))
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - a fork must not go on as its parent
            print(json.dumps({"error": repr(error)}), flush=True)  # noqa: T201 - read by the test
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    assert os.WEXITSTATUS(status) == 0
    return True


def main(words: Sequence[str]) -> None:
    task = Task.model_validate_json(Path(words[0]).read_text())
    before: uuid.UUID | None = None
    at, lived = 0, False
    while not lived:
        at += 1
        mine = uuid.uuid4()
        lived = forked(task, before, mine, at)
        print(json.dumps({"run": str(mine), "at": at, "lived": lived}), flush=True)  # noqa: T201 - read by the test
        before = mine


if __name__ == "__main__":
    main(sys.argv[1:])
