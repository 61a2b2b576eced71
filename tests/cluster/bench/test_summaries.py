"""What the benches conclude from what they saw."""

from __future__ import annotations

import dataclasses

import pytest

from cluster.bench import connections, embeddings, idle, serving
from cluster.bench.calls import CallOutcome
from cluster.bench.streams import Outcome
from cluster.bench.usage import ProcessUse, cpu_between

PLAN = serving.Plan()


def seen(seconds: float = 1.0, ttft: float = 10.0, tokens: int = 1000, errors: tuple[str, ...] = ()) -> Outcome:
    return Outcome(
        seconds=seconds, tokens=tokens, ttft_ms=(ttft,) * 4, gaps_ms=(1.0, 2.0), errors=errors, client_cpu_s=0.1, server_cpu_s=0.5
    )


def test_serving_compares_each_stack_with_the_engine_directly():
    result = serving.summarise(PLAN, {("engine directly", True, 16): seen(), ("Hearth", True, 16): seen(seconds=1.01, ttft=13.0)})
    rows = {row[0]: dict(zip(result.columns, row, strict=True)) for row in result.rows}
    assert rows["Hearth"]["vs direct"] == 1000 / 1.01 / 1000
    assert rows["Hearth"]["CPU s / 1000 tokens"] == 0.5
    assert rows["engine directly"]["client CPU s / 1000 tokens"] is None
    assert [(verdict.measured, verdict.met) for verdict in result.verdicts] == [("99.0%", True), ("3.0 ms", True), ("3.0 ms", True)]
    assert {plot.title for plot in result.plots} >= {"Throughput at real speed", "TTFT p50, paced"}


def test_serving_says_when_a_figure_is_not_reached_or_not_measured():
    slow = serving.summarise(PLAN, {("engine directly", True, 16): seen(), ("Hearth", True, 16): seen(seconds=2.0, ttft=60.0)})
    assert [verdict.met for verdict in slow.verdicts] == [False, False, False]
    nothing = serving.summarise(PLAN, {("Hearth", False, 1): seen()})
    assert [verdict.met for verdict in nothing.verdicts] == [None, None, None]


def test_rounds_of_serving_give_every_stream_a_slot():
    assert serving.profile_of(PLAN, paced=True).models[0].parallel == 64
    assert serving.profile_of(PLAN, paced=True).models[0].pace_tokens_per_s == 50.0
    assert serving.profile_of(PLAN, paced=False).models[0].pace_tokens_per_s is None
    job = PLAN.job(16, paced=True, quiet=(1,))
    assert (job.requests, job.stagger_s) == (80, 128 / 50)


def answered(count: int, seconds: float) -> tuple[CallOutcome, float]:
    return CallOutcome(seconds=seconds, latency_ms=(5.0,) * count), 2.0


def test_embeddings_compares_with_the_naive_server_and_the_best_peer():
    naive = embeddings.Naive.name
    result = embeddings.summarise({naive: answered(100, 2.0), "infinity-emb": answered(100, 1.0), "Hearth": answered(100, 0.8)}, 0.97, True)
    assert [(verdict.measured, verdict.met) for verdict in result.verdicts] == [("2.50 times", True), ("1.25 times", True)]
    assert any("0.970" in note for note in result.notes)
    alone = embeddings.summarise({naive: answered(100, 1.0), "Hearth": answered(100, 1.0)}, None, False)
    assert [verdict.met for verdict in alone.verdicts] == [False, None]
    assert any("--peer-python" in note for note in alone.notes)


def test_idle_adds_up_processes_of_a_kind_and_leaves_out_those_that_came_or_went():
    before = [
        ProcessUse(1, "raylet", 10.0, 0),
        ProcessUse(2, "worker", 1.0, 0),
        ProcessUse(3, "worker", 1.0, 0),
        ProcessUse(9, "gone", 1.0, 0),
    ]
    after = [dataclasses.replace(use, cpu_s=use.cpu_s + 1.0, pss_bytes=2**20) for use in before[:3]] + [ProcessUse(4, "new", 5.0, 2**20)]
    result = idle.summarise("laptop", before, after, watch_s=10.0)
    assert [row[:3] for row in result.rows] == [("worker", 2, 2.0), ("raylet", 1, 1.0), ("all", 3, 3.0)]
    assert [row[3] for row in result.rows] == pytest.approx([20.0, 10.0, 30.0])


def test_a_single_failed_stream_fails_the_connections_bench():
    good = Outcome(seconds=1.0, tokens=10, ttft_ms=(1.0,) * 5, gaps_ms=(), peak_open=5)
    assert connections.summarise(good, 5).verdicts[0].met is True
    bad = good.model_copy(update={"errors": ("status 429",), "ttft_ms": (1.0,) * 4})
    result = connections.summarise(bad, 5)
    assert result.verdicts[0].met is False
    assert "error: status 429" in result.notes


def test_cpu_of_processes_that_came_or_went_is_counted_once():
    assert cpu_between({1: 5.0, 2: 3.0}, {1: 6.0, 3: 0.5}) == 1.5
