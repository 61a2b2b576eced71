"""The report of `bench nano`: a row for each figure, a verdict for each bar."""

from __future__ import annotations

from cluster.bench.nano import ClipMarks, Marks, WhisperMarks, summarise

MARKS = Marks(
    seed=7,
    items=50,
    bars={"extraction F1": 0.8},
    free={"extraction F1": 0.4, "summary": 0.7},
    constrained={"extraction F1": 0.85, "summary": 0.7},
)
CLIP = ClipMarks(seed=8, rounds=5, among=100, recall=0.75, bar=0.8)
WHISPER = WhisperMarks(seed=9, recordings=10, words=100, wer=0.1, bar=0.2)


def test_what_follows_a_schema_is_judged_with_constrained_decoding():
    verdict = summarise(MARKS, CLIP, WHISPER).verdicts[0]
    assert verdict.met is True
    assert verdict.measured == "85.0%"


def test_every_skill_has_a_row_and_the_seed_is_printed():
    result = summarise(MARKS, CLIP, WHISPER)
    pictures = ("hearth-nano-clip: recall@1", 75.0, None, 80.0)
    speech = ("hearth-nano-whisper: words", 90.0, None, 80.0)
    assert result.rows == (("extraction F1", 40.0, 85.0, 80.0), ("summary", 70.0, 70.0, None), pictures, speech)
    assert "Seed 7" in result.notes[0]
    assert "seed 8" in result.notes[-2]
    assert "seed 9" in result.notes[-1]


def test_pictures_that_are_not_found_are_a_bar_that_is_not_met():
    verdict = summarise(MARKS, CLIP, WHISPER).verdicts[-2]
    assert (verdict.measured, verdict.met) == ("75.0%", False)


def test_fewer_words_heard_wrong_are_better():
    verdict = summarise(MARKS, CLIP, WHISPER).verdicts[-1]
    assert (verdict.target, verdict.measured, verdict.met) == ("<= 20%", "10.0%", True)
    worse = summarise(MARKS, CLIP, WHISPER.model_copy(update={"wer": 1.4}))
    assert worse.verdicts[-1].met is False
    assert worse.rows[-1][1] == 0.0
