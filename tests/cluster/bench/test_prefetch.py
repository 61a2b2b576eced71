"""What is said of three models that take turns."""

from __future__ import annotations

from dataclasses import replace

import httpx

from cluster.bench.prefetch import KINDS, MODELS, Turns, measure, notes, rows, trio, verdicts
from cluster.graphs.checking import check
from cluster.specs.graph import GraphSpec
from deployments.agents.ahead import asks
from deployments.agents.flow import leads_to


def seen(*seconds: tuple[float, ...]) -> tuple[Turns, ...]:
    return tuple(replace(kind, seconds=times) for kind, times in zip(KINDS, seconds, strict=True))


def test_the_graphs_have_no_mistake_and_ask_the_three_in_turn():
    for kind in KINDS:
        spec = GraphSpec.model_validate(trio(kind))
        assert check(spec) == []
        assert len(spec.nodes) == kind.nodes
        named = [one.model for node in spec.nodes.values() for one in asks(node)]
        assert (named == list(MODELS)) is kind.announced
        name, order = "ask0", ["ask0"]
        while following := leads_to(spec.nodes[name]):
            (name,) = following
            order.append(name)
        assert order == list(spec.nodes)


def test_what_is_saved_is_the_difference_of_the_middle_runs():
    together, apart = verdicts(seen((8.0, 9.0, 30.0), (12.0, 1.0, 13.0), (14.0,), (14.0,)))
    assert (together.measured, together.met) == ("3.00 s of 12.00 s (25 %)", True)
    assert (apart.measured, apart.met) == ("0.00 s of 14.00 s (0 %)", False)
    lines = list(rows(seen((8.0,), (12.0,), (14.0,), (14.0,))))
    assert [line[:6] for line in lines] == [
        ("Hearth, three models, announced", 3, 1, 1, 0, 8000.0),
        ("Hearth, three models, not announced", 3, 1, 1, 0, 12000.0),
        ("Hearth, three models and work, announced", 5, 1, 1, 0, 14000.0),
        ("Hearth, three models and work, not announced", 5, 1, 1, 0, 14000.0),
    ]


def test_without_a_run_that_ended_well_nothing_was_saved():
    assert [verdict.met for verdict in verdicts(KINDS)] == [None, None]


class Workflows:
    """Runs that take as many seconds as they are the how many-th; every fourth fails."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(httpx.Response(200, content=request.content).json()["workflow"])
        run = {"state": "succeeded", "started_at": "2026-01-01T00:00:00Z", "finished_at": f"2026-01-01T00:00:{len(self.asked):02}Z"}
        return httpx.Response(200, json={"data": run if len(self.asked) % 4 else run | {"state": "failed", "error": "no"}})


def test_kinds_are_run_by_turns_and_the_first_of_each_is_not_counted():
    workflows = Workflows()
    with httpx.Client(transport=httpx.MockTransport(workflows), base_url="http://hearth") as client:
        found = measure(client, "/workflows", 2, lambda _: None)
    names = [kind.called for kind in KINDS]
    assert workflows.asked == [*names, *reversed(names), *names]
    assert [kind.seconds for kind in found] == [(9.0,), (7.0, 10.0), (6.0, 11.0), (5.0,)]
    assert [len(kind.errors) for kind in found] == [1, 0, 0, 2]
    assert "error: EngineError: a run has failed: no" in notes(found)
