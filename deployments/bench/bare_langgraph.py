"""The same chains on LangGraph as its documentation shows it: a StateGraph, an AsyncPostgresSaver, nothing else.

``python -m deployments.bench.bare_langgraph`` reads a BareSpec from stdin, prints "ready", and answers each ChainJob that follows, a line,
with its ChainSeen; the end of stdin ends it.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from typing import TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from cluster.bench.agents import BareSpec
from cluster.bench.chains import ChainJob, ChainSeen, most_at_once


class State(TypedDict):
    number: int


Graph = CompiledStateGraph[State, None, State, State]


async def add_one(state: State) -> State:
    return State(number=state["number"] + 1)


def build(nodes: int, saver: AsyncPostgresSaver) -> Graph:
    """A chain of so many nodes, with a checkpoint after each."""
    builder: StateGraph[State, None, State, State] = StateGraph(State)
    names = [f"n{number}" for number in range(nodes)]
    for name in names:
        builder.add_node(name, add_one)
    for before, after in zip([START, *names], [*names, END], strict=True):
        builder.add_edge(before, after)
    return builder.compile(checkpointer=saver)


class Chains:
    """All runs of one job."""

    def __init__(self, job: ChainJob, graph: Graph) -> None:
        self._job, self._graph = job, graph
        self._spans: list[tuple[float, float]] = []
        self._errors: list[str] = []

    async def go(self) -> ChainSeen:
        numbers = iter(range(self._job.runs))

        async def caller() -> None:
            for number in numbers:
                await self._run(number)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._job.at_once):
                group.create_task(caller())
        spent = tuple((end - begin) * 1000 for begin, end in self._spans)
        # Nobody else asks: what is under way is the whole.
        return ChainSeen(
            seconds=time.perf_counter() - began,
            under_way_ms=spent,
            whole_ms=spent,
            peak=most_at_once(self._spans),
            errors=tuple(self._errors),
        )

    async def _run(self, number: int) -> None:
        config: RunnableConfig = {"configurable": {"thread_id": str(uuid.uuid4())}, "recursion_limit": self._job.nodes + 5}
        began = time.perf_counter()
        # As Hearth does it: the next node waits until the checkpoint is written.
        result = await self._graph.ainvoke(State(number=number), config, durability="sync")
        ended = time.perf_counter()
        if result["number"] == number + self._job.nodes:
            self._spans.append((began, ended))
        else:
            self._errors.append(f"a run gave {result} of {number} and {self._job.nodes} nodes")


async def main() -> None:
    spec = BareSpec.model_validate_json(sys.stdin.readline())
    pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
        spec.database,
        min_size=spec.connections,
        max_size=spec.connections,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
    )
    async with pool:
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
        _write("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            job = ChainJob.model_validate_json(line)
            _write((await Chains(job, build(job.nodes, saver)).go()).model_dump_json())


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
