"""The report of `bench nano`: a row for each figure, a verdict for each bar."""

from __future__ import annotations

from cluster.bench.nano import Marks, summarise

MARKS = Marks(
    seed=7,
    items=50,
    bars={"extraction F1": 0.8},
    free={"extraction F1": 0.4, "summary": 0.7},
    constrained={"extraction F1": 0.85, "summary": 0.7},
)


def test_what_follows_a_schema_is_judged_with_constrained_decoding():
    (verdict,) = summarise(MARKS).verdicts
    assert verdict.met is True
    assert verdict.measured == "85.0%"


def test_every_skill_has_a_row_and_the_seed_is_printed():
    result = summarise(MARKS)
    assert result.rows == (("extraction F1", 40.0, 85.0, 80.0), ("summary", 70.0, 70.0, None))
    assert "Seed 7" in result.notes[0]
