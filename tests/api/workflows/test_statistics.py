"""What nodes took and cost: a graph's over HTTP, and of all together for Prometheus."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.fixtures.carrying import carrying
from tests.api.workflows.conftest import data
from tests.patience import PATIENCE_S

URL = "/api/v1/workflows/definitions"


def counting(name: str) -> dict[str, Any]:
    """A model, a map of two items, and a node that fails when it is told to."""
    return {
        "name": name,
        "input": {"type": "object", "properties": {"by": {"type": "integer"}}, "required": ["by"]},
        "output": {"done": "state.part"},
        "start": "said",
        "nodes": {
            "said": {"kind": "llm", "user": "Hello", "then": "each"},
            "each": {"kind": "map", "over": "[1, 2]", "each": {"kind": "transform", "value": "item * 2"}, "then": "part"},
            "part": {"kind": "transform", "value": "6 / input.by"},
        },
    }


@pytest.fixture
async def graph(client: httpx.AsyncClient, farm) -> str:
    """One that was run three times; the third failed."""
    name = f"counting_{uuid.uuid4().hex[:8]}"
    data(await client.post(URL, json={"spec": counting(name)}, headers=farm.editor.headers))
    return name


async def run_thrice(client: httpx.AsyncClient, headers: dict[str, str], graph: str) -> None:
    for by in (1, 2, 0):
        asked = {"workflow": graph, "input": {"by": by}, "wait_s": PATIENCE_S}
        data(await client.post("/api/v1/workflows/execute", json=asked, headers=headers))


async def test_each_node_s_visits_time_and_tokens_are_told(client, farm, graph, carried):
    await run_thrice(client, farm.editor.headers, graph)
    found = data(await client.get(f"{URL}/{graph}/statistics", headers=farm.viewer.headers))
    assert found["runs"] == {"succeeded": 2, "failed": 1}
    nodes = {one["node"]: one for one in found["nodes"]}
    assert list(nodes) == ["each", "part", "said"]
    assert {name: (one["kind"], one["visits"], one["failed"], one["items"]) for name, one in nodes.items()} == {
        "each": ("map", 3, 0, 6),
        "part": ("transform", 3, 1, 0),
        "said": ("llm", 3, 0, 0),
    }
    assert nodes["said"]["models"] == ["fake-llm"]
    assert nodes["said"]["completion_tokens"] == found["completion_tokens"] > 0
    assert nodes["part"]["prompt_tokens"] == nodes["part"]["money"] == 0
    for one in nodes.values():
        assert 0 <= one["seconds"]["p50"] <= one["seconds"]["p95"] <= one["longest_s"]


async def test_only_the_organisation_s_own_runs_of_the_period_count(client, farm, graph, carried):
    await run_thrice(client, farm.editor.headers, graph)
    row = data(await client.get(f"{URL}/{graph}", headers=farm.editor.headers))
    by_id = data(await client.get(f"{URL}/{row['id']}/statistics", headers=farm.editor.headers))
    assert sum(by_id["runs"].values()) == 3
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    none = data(
        await client.get(f"{URL}/{graph}/statistics", params={"since": tomorrow, "until": "2099-01-01"}, headers=farm.editor.headers)
    )
    assert (none["runs"], none["nodes"], none["seconds"]) == ({}, [], {"p50": None, "p95": None})
    other = await client.get(f"{URL}/{graph}/statistics", headers=farm.stranger.headers)
    assert other.status_code == 404
    library = data(await client.get(f"{URL}/answer/statistics", headers=farm.stranger.headers))
    assert library["runs"] == {}
    wrong = await client.get(f"{URL}/answer/statistics", params={"since": "2099-01-01"}, headers=farm.editor.headers)
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (422, "since")


async def test_prometheus_is_told_by_kind_and_only_of_the_library_by_name(client, farm, graph, quick, stores, gateway):
    async with carrying(quick, stores, gateway, metered=(graph,)):
        before = await samples(client)
        await run_thrice(client, farm.editor.headers, graph)
        other = f"other_{uuid.uuid4().hex[:8]}"
        data(await client.post(URL, json={"spec": counting(other)}, headers=farm.editor.headers))
        await run_thrice(client, farm.editor.headers, other)
        failed = ("hearth_graph_node_visits_total", (("graph", "own"), ("kind", "transform"), ("state", "failed")))
        async with asyncio.timeout(PATIENCE_S):
            while (after := await samples(client)).get(failed, 0) <= before.get(failed, 0):  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(0.05)
    labels = ("graph", graph), ("kind", "llm")
    assert after["hearth_graph_node_visits_total", (*labels, ("state", "succeeded"))] == 3
    assert after["hearth_graph_node_seconds_count", labels] == 3
    assert after["hearth_graph_node_seconds_bucket", (*labels, ("le", "+Inf"))] == 3
    assert after["hearth_graph_node_completion_tokens_total", labels] > 0
    named = ("graph", graph), ("kind", "transform")
    assert after["hearth_graph_node_visits_total", (*named, ("state", "succeeded"))] == 8
    assert after["hearth_graph_node_visits_total", (*named, ("state", "failed"))] == 1
    assert after["hearth_graph_node_cost_total", labels] == 0
    assert other not in {value for _, pairs in after for _, value in pairs}, "names that people choose are no labels"


async def samples(client: httpx.AsyncClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}
