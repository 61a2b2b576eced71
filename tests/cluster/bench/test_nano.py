"""The report of `bench nano`: a row for each figure, a verdict for each bar."""

from __future__ import annotations

from cluster.bench.nano import ClipMarks, Marks, summarise

MARKS = Marks(
    seed=7,
    items=50,
    bars={"extraction F1": 0.8},
    free={"extraction F1": 0.4, "summary": 0.7},
    constrained={"extraction F1": 0.85, "summary": 0.7},
)
CLIP = ClipMarks(seed=8, rounds=5, among=100, recall=0.75, bar=0.8)


def test_what_follows_a_schema_is_judged_with_constrained_decoding():
    verdict = summarise(MARKS, CLIP).verdicts[0]
    assert verdict.met is True
    assert verdict.measured == "85.0%"


def test_every_skill_has_a_row_and_the_seed_is_printed():
    result = summarise(MARKS, CLIP)
    pictures = ("hearth-nano-clip: recall@1", 75.0, None, 80.0)
    assert result.rows == (("extraction F1", 40.0, 85.0, 80.0), ("summary", 70.0, 70.0, None), pictures)
    assert "Seed 7" in result.notes[0]
    assert "seed 8" in result.notes[-1]


def test_pictures_that_are_not_found_are_a_bar_that_is_not_met():
    verdict = summarise(MARKS, CLIP).verdicts[-1]
    assert (verdict.measured, verdict.met) == ("75.0%", False)
