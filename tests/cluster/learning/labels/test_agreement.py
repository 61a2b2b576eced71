from __future__ import annotations

import pytest

from cluster.learning.labels.agreement import agreement, alpha, kappa

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: four people, twelve items, some of them not labelled.
PEOPLE = {
    "a": "1 2 3 3 2 1 4 1 2 * * *",
    "b": "1 2 3 3 2 2 4 1 2 5 * 3",
    "c": "* 3 3 3 2 3 4 2 2 5 1 *",
    "d": "1 2 3 3 2 4 4 1 2 5 1 *",
}


def items() -> dict[str, dict[str, str]]:
    rows = {person: said.split() for person, said in PEOPLE.items()}
    return {str(at): {person: said[at] for person, said in rows.items() if said[at] != "*"} for at in range(12)}


def test_alpha_is_what_krippendorff_published():
    assert alpha(items()) == pytest.approx(0.743, abs=5e-4)


def test_kappa_is_that_of_a_known_table():
    # 45 both yes, 15 and 25 apart, 15 both no: agreement 0.6, chance 0.54.
    one = ["yes"] * 60 + ["no"] * 40
    other = ["yes"] * 45 + ["no"] * 15 + ["yes"] * 25 + ["no"] * 15
    assert kappa(one, other) == pytest.approx(0.1304, abs=1e-4)


def test_all_in_agreement_is_1_and_opposites_are_below_chance():
    same = agreement({str(at): {"a": str(at % 2), "b": str(at % 2)} for at in range(10)})
    assert (same.alpha, same.agreed, same.pairs[0].kappa) == (1, 1, 1)
    apart = agreement({str(at): {"a": str(at % 2), "b": str(1 - at % 2)} for at in range(10)})
    assert apart.alpha is not None
    assert apart.alpha < 0
    assert apart.pairs[0].kappa == -1


def test_one_label_alone_or_one_person_alone_says_nothing():
    assert agreement({"1": {"a": "x", "b": "x"}}).alpha is None
    alone = agreement({"1": {"a": "x"}, "2": {"b": "y"}})
    assert (alone.items, alone.labels, alone.alpha, alone.agreed, alone.pairs) == (0, 0, None, None, ())
