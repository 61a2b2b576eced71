"""The race of our training and a plain loop: both learn the same, and both are timed."""

from __future__ import annotations

from cluster.home import REPOSITORY
from tests.fine_tuning import herd_file
from training.finetune.race import race

NANO = REPOSITORY / "training/nano/weights/hearth-nano"


def test_both_are_timed_in_every_round(tmp_path):
    examples = tmp_path / "herd.jsonl"
    examples.write_bytes(herd_file(40))
    found = race(NANO, examples, tmp_path, rounds=2, steps=1)
    assert set(found) == {"ours", "plain"}
    assert all(len(speeds) == 2 and min(speeds) > 0 for speeds in found.values())
