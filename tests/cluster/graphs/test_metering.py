"""What nodes did, counted through Redis."""

from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio import Redis

from cluster.graphs.metering import BUCKETS, NodeEnd, NodeMeter, node_counts
from cluster.graphs.pending import Spent

LIBRARY = ("answer",)


def ended(**changes: Any) -> NodeEnd:
    given: dict[str, Any] = {
        "graph": "answer",
        "kind": "metered",
        "key": "ask#1",
        "state": "succeeded",
        "seconds": 0.02,
        "attempts": 1,
        "spent": Spent(),
    }
    return NodeEnd(**(given | changes))


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """Of nodes that no other test has."""
    return f"kind of {request.node.name}"


async def counted(stores, kind: str, *ends: dict[str, Any]) -> list[Any]:
    meter = NodeMeter(stores.cache, LIBRARY, every_s=60)
    for end in ends:
        meter.note(ended(kind=kind, **end))
    await meter.close()
    return [one for one in await node_counts(stores.cache) if one.labels.kind == kind]


async def test_visits_time_retries_tokens_and_cost_add_up(stores, kind):
    spent = {"spent": Spent(10, 5, 2_000_000)}
    (found,) = await counted(stores, kind, spent, {"seconds": 3.0, "attempts": 3}, {"state": "failed", "seconds": 4000.0})
    assert found.states == {"succeeded": 2, "failed": 1}
    assert (found.buckets[0], found.buckets[BUCKETS.index(0.025)], found.buckets[BUCKETS.index(5.0)], found.buckets[-1]) == (0, 1, 2, 3)
    assert found.seconds == pytest.approx(4003.02)
    assert found.counts == {"retries": 2, "prompt_tokens": 10, "completion_tokens": 5, "micros": 2_000_000}


async def test_processes_count_together(stores, kind):
    await counted(stores, kind, {})
    (found,) = await counted(stores, kind, {})
    assert found.states == {"succeeded": 2}


async def test_graphs_of_people_are_one(stores, kind):
    found = await counted(stores, kind, {"graph": "mine"}, {"graph": "yours"}, {})
    assert [(one.labels.graph, one.states["succeeded"]) for one in found] == [("answer", 1), ("own", 2)]


async def test_turns_of_a_model_cost_and_are_no_visits(stores, kind):
    (found,) = await counted(stores, kind, {"key": "ask#1~1", "spent": Spent(7, 1, 0)})
    assert (found.states, found.buckets[-1], found.counts["prompt_tokens"]) == ({}, 0, 7)


async def test_a_cache_that_is_away_stops_nothing(kind):
    meter = NodeMeter(Redis(host="127.0.0.1", port=1, decode_responses=True), LIBRARY, every_s=60)
    meter.note(ended(kind=kind))
    await meter.close()
