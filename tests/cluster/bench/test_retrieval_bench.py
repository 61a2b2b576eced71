"""What the retrieval bench makes of rankings and times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cluster.bench import retrieval
from cluster.bench.evaluation import Collection, Question, bm25_rankings, judged
from cluster.bench.report import Plot
from cluster.bench.retrieval import DENSE, HYBRID, LIBRARY, RERANKED, SPARSE, Plan
from cluster.bench.searching import SearchOutcome
from cluster.specs.catalog import ModelSpec
from cluster.specs.loader import parse_spec

DOCUMENTS = {"seal": "Pumps\n\nThe seal drips.", "moose": "Trains\n\nA moose stands on the track.", "code": "Codes\n\nWF-1042 and WF-1043."}
QUESTIONS = (
    Question("q1", "What leaks?", "meaning", {"seal": 1}),
    Question("q2", "WF-1042", "exact", {"code": 1}),
)
COLLECTION = Collection(DOCUMENTS, QUESTIONS)


def ranked(first: list[str], second: list[str]) -> dict[str, list[str]]:
    return {"q1": first, "q2": second}


def searched(p95: float = 20.0, recall: float = 0.99) -> SearchOutcome:
    times = {"dense": (p95 / 2,) * 4, "sparse": (p95 / 4,) * 4, "hybrid": (p95,) * 4}
    return SearchOutcome(
        indexed=1000,
        write_s=1.0,
        build_s=2.0,
        ms=times,
        seconds=dict.fromkeys(times, 0.5),
        building_ms=(1.0, 3.0),
        recall=recall,
        pss_bytes=2**20,
        disk_bytes=2**20,
    )


def summarised(hybrid: dict[str, list[str]], outcome: SearchOutcome):
    rankings = {
        DENSE: ranked(["seal"], ["moose", "code"]),
        SPARSE: ranked([], ["code"]),
        HYBRID: hybrid,
        LIBRARY: ranked([], ["code"]),
    }
    return retrieval.summarise(Plan(points=1000), COLLECTION, rankings, outcome)


def test_a_ranking_is_judged_by_where_the_answer_stands():
    assert judged(QUESTIONS, ranked(["seal"], ["code"])) == (1.0, 1.0, 1.0)
    ndcg, recall, mrr = judged(QUESTIONS, ranked(["moose", "seal"], []))
    assert (recall, mrr) == (0.5, 0.25)
    assert ndcg == pytest.approx(0.6309 / 2, abs=1e-4)


def test_the_library_finds_words_and_leaves_out_what_has_none_of_them():
    found = bm25_rankings(COLLECTION)
    assert found["q2"] == ["code"]
    assert found["q1"] == []


def test_fusing_is_compared_with_the_better_of_its_parts():
    good = summarised(ranked(["seal"], ["code"]), searched())
    assert [verdict.met for verdict in good.verdicts] == [True, True, True]
    assert good.verdicts[0].measured == "1.000"
    assert "dense" in good.verdicts[0].target
    rows = {row[0]: dict(zip(good.columns, row, strict=True)) for row in good.rows}
    assert rows[HYBRID]["nDCG@10, exact"] == 1.0
    assert rows[SPARSE]["nDCG@10, meaning"] == 0.0
    assert rows["hybrid, 1000 chunks, 16 clients"]["p95, ms"] == 20.0
    assert good.plots[0].names == ("exact", "meaning")


def test_what_is_not_reached_is_said():
    bad = summarised(ranked(["moose"], ["code"]), searched(p95=90.0, recall=0.9))
    assert [verdict.met for verdict in bad.verdicts] == [False, False, False]


def test_a_reranker_is_an_entry_of_the_catalog_and_a_model_of_the_profile():
    plan = Plan(reranker=Path("folder"))
    (entry,) = retrieval.catalog(plan).values()
    assert parse_spec(yaml.safe_load(entry), ModelSpec, "entry").id == retrieval.RERANKER
    assert [served.model for served in retrieval.profile(plan).models] == ["all-minilm-l6-v2", retrieval.RERANKER]
    assert retrieval.catalog(Plan()) == {}
    assert RERANKED not in json.dumps(summarised(ranked([], []), searched()).rows)


def test_bars_are_drawn_under_the_names_of_things(tmp_path: Path):
    from cluster.bench.plots import draw

    plot = Plot("Where", "kind", "nDCG", {"a": ((0.0, 0.5), (1.0, 0.7)), "b": ((0.0, 0.4), (1.0, 0.9))}, names=("exact", "meaning"))
    assert (tmp_path / draw(plot, tmp_path)).stat().st_size > 0
