from __future__ import annotations

import json

import pytest

from cluster.errors import BadInput, ConfigError, NotFound
from cluster.graphs.resolved import FindGraph, ResolvedGraph, resolve, spec_json
from cluster.specs.graph import GraphSpec


def graph(name: str, **nodes: object) -> GraphSpec:
    start = next(iter(nodes))
    return GraphSpec.model_validate({"name": name, "output": {"answer": "1"}, "start": start, "nodes": nodes})


def runs(name: str) -> dict[str, object]:
    return {"kind": "graph", "graph": name}


def asks(prompt: str) -> dict[str, object]:
    return {"kind": "llm", "prompt": prompt, "user": "hello"}


async def find_prompt(name: str) -> str:
    return f"text of {name}"


def among(*specs: GraphSpec) -> FindGraph:
    async def find(name: str) -> GraphSpec:
        for spec in specs:
            if spec.name == name.partition("@")[0]:
                return spec
        raise NotFound(f"There is no graph '{name}'.")

    return find


async def test_a_run_carries_the_graphs_and_prompts_of_its_graphs_too():
    main = graph("main", a=asks("polite"), b=runs("inner@2"), c={"kind": "map", "over": "[1]", "each": runs("other")})
    inner = graph("inner", a=runs("other"), b=asks("short@3"))
    resolved = await resolve(main, among(inner, graph("other", a=asks("polite"))), find_prompt, depth=4)
    assert set(resolved.graphs) == {"inner@2", "other"}
    assert dict(resolved.prompts) == {"polite": "text of polite", "short@3": "text of short@3"}


async def test_what_is_kept_as_json_is_read_as_it_was():
    guarded = {"kind": "guard", "value": "input.x", "guard": {"schema": {"type": "string"}}}
    resolved = ResolvedGraph(graph("main", a=guarded), {"inner@1": graph("inner", a=asks("p"))}, {"p": "be kind"})
    assert ResolvedGraph.from_json(json.loads(json.dumps(resolved.to_json()))) == resolved


async def test_graphs_that_run_each_other_in_a_circle_are_refused():
    main, inner = graph("main", a=runs("inner")), graph("inner", a=runs("main@1"))
    with pytest.raises(BadInput, match="circle: main -> inner -> main"):
        await resolve(main, among(main, inner), find_prompt, depth=4)


async def test_graphs_may_only_be_so_deep_within_each_other():
    chain = [graph(f"g{number}", a=runs(f"g{number + 1}")) for number in range(4)] + [graph("g4", a=asks("p"))]
    assert len((await resolve(chain[0], among(*chain), find_prompt, depth=5)).graphs) == 4
    with pytest.raises(BadInput, match=r"g0 -> g1 -> g2: 2 graphs may run .* graphs.depth"):
        await resolve(chain[0], among(*chain), find_prompt, depth=2)


async def test_a_graph_that_is_not_there_is_named_by_who_looks_for_it():
    with pytest.raises(NotFound, match="no graph 'nowhere'"):
        await resolve(graph("main", a=runs("nowhere")), among(), find_prompt, depth=4)


def test_a_graph_of_a_run_that_cannot_be_read_says_what_is_wrong():
    data = ResolvedGraph(graph("main", a=asks("p"))).to_json()
    data["main"] = {**spec_json(graph("main", a=asks("p"))), "nodse": {}}
    with pytest.raises(ConfigError, match=r"the graph of the run: unknown key 'nodse'; did you mean 'nodes'\?"):
        ResolvedGraph.from_json(data)
