from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from cluster.learning.selection.choice import Candidates, Chooser, reason_of, uncertainty_of
from cluster.learning.selection.space import clusters, distances, shares
from cluster.learning.selection.weights import Weights, weights_of

NAN = float("nan")


def unit(rows: Any) -> Any:
    made = np.asarray(rows, np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def blobs(sizes: Any, seed: Any = 0, dim: Any = 16) -> Any:
    """Tight groups around random directions."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(len(sizes), dim))
    return unit(np.concatenate([centre + 0.02 * random.normal(size=(size, dim)) for centre, size in zip(centres, sizes, strict=True)]))


def test_diversity_alone_takes_one_of_each_group_before_a_second_of_any():
    vectors = blobs([40, 5, 5, 1])
    groups = np.repeat([0, 1, 2, 3], [40, 5, 5, 1])
    chosen = Chooser(Candidates(vectors), weights_of("diversity")).choose(4)
    assert {int(groups[one.index]) for one in chosen} == {0, 1, 2, 3}


def test_the_greedy_choice_reaches_at_most_twice_the_best_radius():
    vectors = blobs([4, 4, 4], seed=3, dim=4)
    chooser = Chooser(Candidates(vectors), weights_of("diversity"))
    reached = chooser.summary(chooser.choose(3)).radius
    best = min(distances(vectors, vectors[[a, b, c]]).max() for a in range(12) for b in range(a + 1, 12) for c in range(b + 1, 12))
    # Distances of vectors of length 1 are halves of squares, so a factor of two in them is one of four here.
    assert reached <= 4 * best + 1e-6


def test_uncertainty_alone_takes_the_least_sure_first():
    values = np.array([0.1, 0.9, 0.5, NAN])
    chosen = Chooser(Candidates(blobs([4]), {"entropy": values}), weights_of("uncertainty")).choose(2)
    assert [one.index for one in chosen] == [1, 2] or [one.index for one in chosen] == [1, 3]
    assert chosen[0].score == chosen[0].parts["uncertainty"] == 1


def test_ranks_are_means_over_the_measures_and_the_middle_where_nothing_is_known():
    ranks = uncertainty_of({"a": np.array([1.0, 2.0, 3.0, NAN]), "b": np.array([5.0, 5.0, 5.0, NAN])}, 4)
    assert ranks is not None
    assert ranks.tolist() == pytest.approx([0.25, 0.5, 0.75, 0.5])
    assert uncertainty_of({"a": np.full(3, NAN)}, 3) is None


def test_what_was_trained_is_not_novel_and_what_is_in_the_queue_not_diverse():
    vectors = unit(np.eye(3))
    novel = Weights(uncertainty=0.0, diversity=0.0, novelty=1.0, value=0.0)
    assert Chooser(Candidates(vectors, trained=vectors[:2]), novel).choose(1)[0].index == 2
    assert Chooser(Candidates(vectors, waiting=vectors[1:]), weights_of("diversity")).choose(1)[0].index == 0


def test_value_is_the_share_of_the_traffic_that_is_alike():
    vectors = blobs([30, 3, 3], seed=1)
    valuable = Weights(uncertainty=0.0, diversity=0.0, novelty=0.0, value=1.0)
    chosen = Chooser(Candidates(vectors), valuable).choose(1)[0]
    members = clusters(vectors, 0)
    assert chosen.share == shares(members).max()
    assert chosen.parts["value"] == 1


def test_random_is_the_same_for_a_seed_and_another_for_another():
    given = Candidates(blobs([50]))
    first, again, other = ([one.index for one in Chooser(given, Weights(), seed).choose(10, "random")] for seed in (7, 7, 8))
    assert first == again != other
    assert len(set(first)) == 10


def test_active_covers_more_and_is_less_sure_than_random_of_the_same_size():
    vectors = blobs([80, 8, 8, 8, 8, 8])
    unsure = np.random.default_rng(5).random(len(vectors))
    chooser = Chooser(Candidates(vectors, {"entropy": unsure}), Weights())
    active, random = chooser.summary(chooser.choose(12)), chooser.summary(chooser.choose(12, "random"))
    assert active.clusters >= random.clusters
    assert active.radius < random.radius
    assert (active.uncertainty or 0) > (random.uncertainty or 1)


def test_the_score_is_the_mean_of_its_parts_by_their_weights():
    weights = Weights(uncertainty=2.0, diversity=1.0, novelty=1.0, value=0.0)
    one = Chooser(Candidates(blobs([3, 3]), {"doubt": np.arange(6, dtype=np.float64)}), weights).choose(3)[2]
    parts = one.parts
    assert one.score == pytest.approx((2 * parts["uncertainty"] + parts["diversity"] + parts["novelty"]) / 4, abs=2e-4)
    assert all(0 <= part <= 1 for part in parts.values())


def test_without_anything_measured_uncertainty_does_not_count():
    chooser = Chooser(Candidates(blobs([4])), Weights())
    chosen = chooser.choose(9)
    assert len(chosen) == 4
    assert "uncertainty" not in chosen[0].parts
    assert chooser.weights.uncertainty == 0


def test_the_reason_names_what_counts_most():
    vectors = blobs([9, 1])
    chooser = Chooser(Candidates(vectors, {"entropy": np.arange(10, dtype=np.float64)}), Weights())
    first = chooser.choose(1)[0]
    assert "less sure" in reason_of(first, chooser.weights, "active")
    assert reason_of(first, chooser.weights, "random") == "Picked at random."


def test_weights_are_checked():
    for wrong in ({"uncertainty": -1.0}, {"newness": 1.0}, {"value": float("inf")}, dict.fromkeys(Weights.model_fields, 0.0)):
        with pytest.raises(ValidationError):
            Weights(**wrong)


def test_one_candidate_and_equal_candidates_are_chosen_too():
    same = unit(np.ones((5, 3)))
    assert len(Chooser(Candidates(same), Weights()).choose(5)) == 5
    assert len(Chooser(Candidates(same[:1]), Weights()).choose(5)) == 1
