"""What nodes wrote, told from steps."""

from __future__ import annotations

from typing import Any

from cluster.graphs.recounting import is_visit, place_of, state_of, wrote
from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.table import GraphStep
from cluster.specs.graph import GraphSpec

INNER = GraphSpec.model_validate(
    {"name": "inner", "start": "deep", "output": {"x": "state.deep"}, "nodes": {"deep": {"kind": "transform", "value": "1"}}}
)
MAIN = GraphSpec.model_validate(
    {
        "name": "main",
        "start": "both",
        "output": {"x": "1"},
        "nodes": {
            "both": {"kind": "transform", "set": {"one": "1", "two": "2"}, "then": "asked"},
            "asked": {"kind": "llm", "user": "x", "to": "answer", "on_error": "both", "then": "each"},
            "each": {"kind": "map", "over": "[1]", "each": {"kind": "graph", "graph": "inner"}, "then": "way"},
            "way": {"kind": "router", "then": "end"},
        },
    }
)
GRAPH = ResolvedGraph(MAIN, {"inner": INNER})


def step(node: str, key: str, value: Any = None, state: str = "succeeded", error: str | None = None) -> GraphStep:
    return GraphStep(node=node, key=key, state=state, result={"value": value}, error=error)


def test_only_whole_visits_write():
    assert [is_visit(key) for key in ("ask#1", "each#2[0]", "each#1[0]/deep#1", "ask#1~2", "ask#1:0")] == [True, False, True, False, False]
    assert wrote(GRAPH, step("each", "each#1[0]", {"x": 1})) == {}
    assert wrote(GRAPH, step("each", "each#1", [{"x": 1}])) == {"each": [{"x": 1}]}


def test_a_node_writes_what_it_sets_or_to_its_key_or_nothing():
    assert wrote(GRAPH, step("both", "both#1", {"one": 1, "two": 2})) == {"one": 1, "two": 2}
    assert wrote(GRAPH, step("asked", "asked#1", "yes")) == {"answer": "yes"}
    assert wrote(GRAPH, step("way", "way#1", "end")) == {}
    assert wrote(GRAPH, step("asked", "asked#1", None, "running")) == {}
    assert wrote(GRAPH, step("gone", "gone#1", 1)) == {}, "the graph of another version"


def test_a_failure_that_another_path_takes_is_written():
    assert wrote(GRAPH, step("asked", "asked#1", None, "failed", "It is away.")) == {"error": "It is away."}
    assert wrote(GRAPH, step("both", "both#1", None, "failed", "It is away.")) == {}


def test_nodes_within_graphs_are_found():
    around, node = place_of(GRAPH, "each[0]/deep")
    assert (around, node is not None and node.kind) == (("each[0]",), "transform")
    assert place_of(GRAPH, "each[0]/other") == (("each[0]",), None)
    assert place_of(GRAPH, "both/deep") == (("both",), None)


def test_later_steps_write_over_earlier_ones():
    steps = [step("asked", "asked#1", "no"), step("asked", "asked#2", "yes")]
    assert state_of(GRAPH, steps, {"before": 1}) == {"before": 1, "answer": "yes"}
