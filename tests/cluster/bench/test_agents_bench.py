"""What the agents bench makes of runs and milliseconds."""

from __future__ import annotations

from cluster.bench.agents import BARE, OURS, Measured, Plan, joined, node_ms, summarise
from cluster.bench.chains import ChainJob, ChainSeen, chain, most_at_once
from cluster.graphs.checking import check
from cluster.specs.graph import GraphSpec

PLAN = Plan()


def measured(ms: float, nodes: int = 20, runs: int = 100, peak: int = 1, errors: tuple[str, ...] = ()) -> Measured:
    done = runs - len(errors)
    seen = ChainSeen(seconds=10.0, under_way_ms=(ms,) * done, whole_ms=(ms + 5,) * done, peak=peak, errors=errors)
    return Measured(ChainJob(nodes=nodes, runs=runs), seen, 4.0)


def summarised(long: float = 86.0, errors: tuple[str, ...] = ()):
    many = measured(900.0, runs=200, peak=200, errors=errors)
    return summarise(PLAN, {OURS: (measured(10.0, 1), measured(long), many), BARE: (measured(4.0, 1), measured(42.0), many)})


def test_a_nodes_cost_is_what_more_nodes_add_and_not_what_a_run_costs_anyhow():
    assert node_ms(measured(10.0, 1), measured(86.0)) == 4.0
    result = summarised()
    assert [verdict.met for verdict in result.verdicts[:2]] == [True, True]
    assert result.verdicts[0].measured == "4.00 ms (bare LangGraph 2.00 ms)"
    rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows[:6]]
    assert [(row["runs of"], row["nodes"], row["runs"]) for row in rows] == [
        (OURS, 1, 100),
        (OURS, 20, 100),
        (OURS, 20, 200),
        (BARE, 1, 100),
        (BARE, 20, 100),
        (BARE, 20, 200),
    ]
    assert [row["one more node, ms"] for row in rows] == [None, 4.0, None, None, 2.0, None]
    assert rows[1]["CPU ms a node"] == 2.0
    assert rows[1]["runs/s"] == 10.0
    assert rows[2]["at once"] == 200


def test_a_dear_node_and_a_failed_run_are_said():
    result = summarised(long=200.0, errors=("a run has failed: no",))
    assert [verdict.met for verdict in result.verdicts[:2]] == [False, False]
    assert result.verdicts[1].measured == "199 ended well, 1 failed; whole p50 905 ms, p95 905 ms"
    assert "error: a run has failed: no" in result.notes


def test_runs_that_were_lost_are_no_success():
    fewer = measured(900.0, runs=199, peak=199)
    result = summarise(PLAN, {OURS: (measured(10.0, 1), measured(86.0), fewer)})
    assert result.verdicts[1].met is False


def test_without_a_run_that_ended_well_there_is_no_figure():
    none = measured(1.0, runs=1, errors=("no",))
    result = summarise(PLAN, {OURS: (none, none, none)})
    assert [verdict.met for verdict in result.verdicts[:2]] == [None, False]


def test_rounds_are_put_together():
    both = joined([measured(10.0, peak=1), measured(20.0, peak=3, errors=("no",))])
    assert (len(both.seen.whole_ms), both.seen.peak, both.seen.errors, both.seen.seconds, both.cpu_s) == (199, 3, ("no",), 20.0, 8.0)


def test_the_most_at_once_are_those_that_overlap():
    assert most_at_once([]) == 0
    assert most_at_once([(0.0, 1.0), (1.0, 2.0)]) == 1
    assert most_at_once([(0.0, 3.0), (1.0, 2.0), (1.5, 4.0), (3.5, 5.0)]) == 3


def test_the_chain_is_a_graph_without_a_mistake():
    spec = GraphSpec.model_validate(chain(20))
    assert len(spec.nodes) == 20
    assert spec.nodes["n18"].edges[0].to == "n19"
    assert spec.nodes["n19"].edges[0].to == "end"
    one = GraphSpec.model_validate(chain(1))
    assert len(one.nodes) == 1
    assert check(spec) == check(one) == []
