"""What a search tries."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cluster.learning.tuning.search import Between, Search
from cluster.learning.tuning.spec import SUPERVISED, Hyperparameters
from tests.training.finetune.conftest import NANO
from training.finetune.candidates import candidates, largest_rank
from training.finetune.memory import needed_bytes

SETTLED = Hyperparameters(rank=8, epochs=2).settled(100, 256, SUPERVISED)


def test_with_nothing_named_the_usual_parameters_come_first_and_others_around_them():
    tried = candidates(SETTLED, Search(trials=6))
    assert len(tried) == 6
    assert tried[0] == {"learning_rate": SETTLED.learning_rate, "rank": 8}
    usual = SETTLED.learning_rate or 0.0
    assert all(usual / 4 <= one["learning_rate"] <= usual * 4 for one in tried)
    assert {one["rank"] for one in tried} == {8, 16, 32}
    assert candidates(SETTLED, Search(trials=6)) == tried, "the same again"
    assert candidates(SETTLED.model_copy(update={"seed": 1}), Search(trials=6))[1:] != tried[1:]


def test_what_is_not_named_stays():
    tried = candidates(SETTLED, Search(trials=3, learning_rate=Between(low=1e-5, high=1e-4)))
    assert [set(one) for one in tried] == [{"learning_rate"}] * 3
    assert all(1e-5 <= one["learning_rate"] <= 1e-4 for one in tried), "the usual one is outside, and is not tried"


def test_combinations_are_tried_once_each():
    tried = candidates(SETTLED, Search(trials=20, rank=(4, 8), epochs=(1, 2, 3)))
    assert tried[0] == {"rank": 8, "epochs": 2}
    assert {(one["rank"], one["epochs"]) for one in tried} == {(rank, epochs) for rank in (4, 8) for epochs in (1, 2, 3)}
    assert len(tried) == 6
    assert len(candidates(SETTLED, Search(trials=4, rank=(4, 8), epochs=(1, 2, 3)))) == 4


def test_a_search_that_chooses_nothing_is_none():
    with pytest.raises(ValidationError, match="nothing to choose"):
        Search(rank=(8,), epochs=(1.0,))


def test_the_lease_is_for_the_largest_adapter_and_four_bits_need_less():
    small, large = (Hyperparameters(rank=8, search=search) for search in (None, Search(rank=(8, 256))))
    assert (largest_rank(small), largest_rank(large), largest_rank(Hyperparameters(search=Search()))) == (8, 256, 32)
    assert needed_bytes(NANO, large, 4) > needed_bytes(NANO, small, 4)
    assert needed_bytes(NANO, small, 4, SUPERVISED.model_copy(update={"quantization": "nf4"})) < needed_bytes(NANO, small, 4)
