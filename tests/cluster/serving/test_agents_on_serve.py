"""Runs of graphs behind Ray Serve: carried on by a process of their own, and by its successor when it is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import psutil
import pytest

from cluster.graphs.runs import Runs
from cluster.queue.bell import Bell
from cluster.serving.agents import AgentsArgs, ServeAgents, agents_app
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.cluster.queue.house import House
from tests.deployments.agents.place import QUICK, Place, found

MANY = "nodes: {all: {kind: map, over: input.items, parallel: 2, each: {kind: transform, value: item * 2}}}"


@pytest.fixture
async def place(stores: StoreClients, store_settings: Settings) -> AsyncIterator[Place]:
    made = await found(stores, store_settings.model_copy(update={"graphs": QUICK.model_copy(update={"look_s": 5.0})}))
    yield made
    await made.close()


@pytest.fixture
async def agents(place: Place, serve_runtime: Callable[..., None]) -> AsyncIterator[ServeAgents]:
    serve_runtime(agents_app(AgentsArgs(settings=place.settings, models=())))
    runtime = ServeAgents()
    yield runtime
    await runtime.close()
    serve_runtime()


def replica() -> psutil.Process:
    (process,) = [one for one in psutil.Process().children(recursive=True) if "ServeReplica:agents" in " ".join(one.cmdline())]
    return process


async def test_runs_are_carried_on_by_a_process_and_by_its_successor(place: Place, agents: ServeAgents) -> None:
    small = await place.add("nodes: {a: {kind: transform, value: input.n + 1}}", {"n": 1})
    await agents.wake()
    assert (await place.settled(small)).output == {"state": {"a": 2}}
    # A library for every engine is not loaded for this.
    assert replica().memory_info().rss < 400 * 2**20

    large = await place.add(MANY, {"items": list(range(400))})
    await agents.wake()
    async with asyncio.timeout(60):
        while len(await place.steps(large)) < 20:  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.02)
    os.kill(replica().pid, signal.SIGKILL)
    run = await place.settled(large)

    assert run.state == "succeeded", run.error
    assert run.output == {"state": {"all": [2 * number for number in range(400)]}}
    assert run.attempt == 2


async def test_messages_are_worked_on_there_and_by_its_successor(place: Place, agents: ServeAgents, stores: StoreClients) -> None:
    house = House(stores, place.settings, place.organisation_id, place.owner_id)
    await house.execute("INSERT INTO memberships VALUES (:place, :owner, 'editor')", place=house.organisation_id, owner=house.owner_id)
    await house.execute(
        "INSERT INTO graphs (id, organisation_id, owner_id, name, version) VALUES (:id, :place, :owner, 'plus', 1)",
        id=(graph := uuid.uuid4()), place=house.organisation_id, owner=house.owner_id,
    )  # fmt: skip
    spec: dict[str, Any] = {"name": "plus", "input": {"type": "object"}, "output": {"sum": "state.a"}, "start": "a"}
    spec["nodes"] = {"a": {"kind": "transform", "value": "input.n + 1"}}
    await house.execute(
        "INSERT INTO graph_versions (id, graph_id, version, spec) VALUES (:id, :graph, 1, :spec)",
        id=uuid.uuid4(), graph=graph, spec=json.dumps(spec),
    )  # fmt: skip
    bell = Bell(stores.cache)

    async def run(n: int) -> Any:
        message = await house.add(type="workflow", payload={"workflow": "plus", "input": {"n": n}})
        bell.ring()
        ended = await house.ended(message)
        assert ended.result is not None, ended.error
        async with stores.database.session() as session:
            begun = await Runs(session, place.settings.graphs).get(place.organisation_id, uuid.UUID(ended.result["run_id"]))
        return await place.settled(begun)

    assert (await run(1)).output == {"sum": 2}
    # Messages beside runs cost no more than this.
    assert replica().memory_info().rss < 400 * 2**20
    os.kill(replica().pid, signal.SIGKILL)
    assert (await run(2)).output == {"sum": 3}
    await bell.close()


async def test_waking_nobody_is_no_error() -> None:
    runtime = ServeAgents()

    await runtime.wake()
    await runtime.close()
