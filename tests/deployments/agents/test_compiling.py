from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from cluster.contracts.generation import Json
from cluster.specs.graph import GraphSpec
from deployments.agents.compiling import Outcome, compile_graph
from deployments.agents.state import beginning

LIMIT: RunnableConfig = {"recursion_limit": 50}


def graph(nodes: Mapping[str, object], start: str | list[str] = "a") -> GraphSpec:
    """Nodes that only lead on, each given as what follows it; `join` where it waits for all."""
    shaped = {
        name: given if isinstance(given, dict) else {"kind": "transform", "value": "1", "then": given} for name, given in nodes.items()
    }
    return GraphSpec.model_validate({"name": "test", "output": {"x": "1"}, "start": start, "nodes": shaped})


def join(then: str | list[str]) -> dict[str, object]:
    return {"kind": "join", "then": then}


class Visits:
    """Follows the edges that it is told to, else all; remembers who was visited."""

    def __init__(self, spec: GraphSpec, chosen: Mapping[str, Sequence[Sequence[str]]] | None = None) -> None:
        self.spec = spec
        self.chosen = chosen or {}
        self.seen: list[str] = []

    async def __call__(self, name: str, number: int, values: Mapping[str, Json]) -> Outcome:
        self.seen.append(f"{name}{number}")
        everything = [edge.to for edge in self.spec.nodes[name].edges if edge.to != "end"]
        turns = self.chosen.get(name)
        return Outcome({name: number}, tuple(turns[number - 1] if turns else everything))

    async def run(self) -> dict[str, Any]:
        made = compile_graph(self.spec, self, None)
        return dict(await made.ainvoke(beginning(self.spec.starts), LIMIT))


async def test_nodes_follow_each_other_and_write_their_values() -> None:
    visits = Visits(graph({"a": "b", "b": "c", "c": "end"}))

    state = await visits.run()

    assert visits.seen == ["a1", "b1", "c1"]
    assert state["values"] == {"a": 1, "b": 1, "c": 1}


async def test_a_loop_counts_its_visits() -> None:
    spec = graph({"a": "b", "b": ["a", "c"], "c": "end"})
    visits = Visits(spec, {"b": [["a"], ["a"], ["c"]]})

    await visits.run()

    assert visits.seen == ["a1", "b1", "a2", "b2", "a3", "b3", "c1"]


async def test_a_join_waits_for_the_longest_branch() -> None:
    visits = Visits(graph({"a": ["b", "c"], "b": "d", "d": "j", "c": "j", "j": join("e"), "e": "end"}))

    await visits.run()

    assert sorted(visits.seen[:4]) == ["a1", "b1", "c1", "d1"]
    assert visits.seen[4:] == ["j1", "e1"]


async def test_without_a_join_a_node_runs_for_each_branch() -> None:
    visits = Visits(graph({"a": ["b", "c"], "b": "d", "d": "e", "c": "e", "e": "end"}))

    await visits.run()

    assert visits.seen.count("e1") == 1
    assert visits.seen.count("e2") == 1


async def test_a_join_does_not_wait_for_a_branch_that_ended_elsewhere() -> None:
    spec = graph({"a": ["b", "c"], "b": ["x", "d"], "d": "j", "x": "end", "c": "j", "j": join("end")})
    visits = Visits(spec, {"b": [["x"]]})

    await visits.run()

    assert sorted(visits.seen) == ["a1", "b1", "c1", "j1", "x1"]


async def test_a_join_in_a_loop_begins_anew_each_time() -> None:
    spec = graph({"a": ["b", "c"], "b": "j", "c": "j", "j": join(["a", "end"])})
    visits = Visits(spec, {"j": [["a"], []]})

    await visits.run()

    assert sorted(visits.seen) == ["a1", "a2", "b1", "b2", "c1", "c2", "j1", "j2"]


async def test_joins_that_wait_for_each_other_do_not_stand_still() -> None:
    spec = graph({"a": "j", "b": "k", "j": join("k"), "k": join(["j", "end"])}, start=["a", "b"])
    visits = Visits(spec, {"k": [[]]})

    await visits.run()

    assert visits.seen[2:] == ["j1", "k1"]


@pytest.mark.parametrize("name", ["values", "given", "taken", "visits"])
async def test_nodes_may_be_called_what_they_like(name: str) -> None:
    visits = Visits(graph({name: "b", "b": "end"}, start=name))

    await visits.run()

    assert visits.seen == [f"{name}1", "b1"]


async def test_a_run_goes_on_where_a_node_failed() -> None:
    spec = graph({"a": ["b", "c"], "b": "j", "c": "j", "j": join("end")})
    saver = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "1"}, **LIMIT}

    class Broken(Visits):
        async def __call__(self, name: str, number: int, values: Mapping[str, Json]) -> Outcome:
            if name == "c":
                raise ValueError("broken")
            return await super().__call__(name, number, values)

    broken, whole = Broken(spec), Visits(spec)
    with pytest.raises(ValueError, match="broken"):
        await compile_graph(spec, broken, saver).ainvoke(beginning(spec.starts), config, durability="sync")
    await compile_graph(spec, whole, saver).ainvoke(None, config, durability="sync")

    assert broken.seen[0] == "a1"
    assert "a1" not in whole.seen
    assert "c1" in whole.seen
    assert whole.seen[-1] == "j1"
