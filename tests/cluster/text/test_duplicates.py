"""Documents that say the same are found, in tiers, whatever the order."""

from __future__ import annotations

import random

import numpy as np
import pytest

from cluster.text.duplicates import by_meaning, duplicates, fingerprint, tier_of

WORDS = [f"word{number}" for number in range(2000)]


def text(seed: int, length: int = 600) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def changed(original: str, every: int) -> str:
    """The text with one of ``every`` words replaced; that breaks three of its groups of three words."""
    return " ".join("other" if number % every == every - 1 else word for number, word in enumerate(original.split()))


@pytest.mark.parametrize(
    ("confidence", "tier"),
    [(1.0, "exact"), (0.96, "exact"), (0.95, "near_exact"), (0.91, "near_exact"), (0.9, "semantic"), (0.86, "semantic")],
)
def test_tiers_begin_above_95_90_and_85_percent(confidence, tier):
    assert tier_of(confidence) == tier


def test_what_is_less_alike_is_no_duplicate():
    assert tier_of(0.85) is None


def test_equal_words_are_exact_whatever_the_case_and_layout():
    (found,) = duplicates([fingerprint("b", "The LAMP,\nburns!"), fingerprint("a", "the lamp burns"), fingerprint("c", "the lamp is out")])
    assert (found.first, found.second, found.tier, found.confidence) == ("a", "b", "exact", 1.0)


def test_nearly_equal_texts_are_found_and_others_are_not():
    prints = [fingerprint(f"other-{seed}", text(seed)) for seed in range(1, 60)]
    prints += [fingerprint("original", text(0)), fingerprint("edited", changed(text(0), 100))]
    (found,) = duplicates(prints)
    assert (found.first, found.second) == ("edited", "original")
    assert found.tier in {"near_exact", "exact", "semantic"}
    assert 0.85 < found.confidence < 1.0


def test_the_order_of_documents_changes_nothing():
    prints = [fingerprint(f"{seed}-{copy}", changed(text(seed), 90 + copy)) for seed in range(8) for copy in range(4)]
    expected = duplicates(prints)
    assert expected
    for seed in range(3):
        random.Random(seed).shuffle(prints)
        assert duplicates(prints) == expected


def test_documents_without_words_are_nobodys_duplicates():
    assert duplicates([fingerprint("a", ""), fingerprint("b", "?!")]) == []


def test_a_thousand_copies_are_each_paired_with_the_first():
    same = fingerprint("", text(0))
    found = duplicates([type(same)(f"{number:04}", same.words_hash, same.signature) for number in range(1000)])
    assert len(found) == 999
    assert {one.first for one in found} == {"0000"}


def test_equal_meaning_is_found_by_the_angle_of_embeddings():
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(2500, 64)).astype(np.float32)
    for cosine, row in ((0.97, 2400), (0.92, 1500), (0.87, 1), (0.8, 700)):
        base = vectors[0] / np.linalg.norm(vectors[0])
        other = vectors[row] - (vectors[row] @ base) * base
        vectors[row] = cosine * base + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)
    vectors[3] = 0
    found = [one for one in by_meaning([f"{number:04}" for number in range(2500)], vectors) if one.first == "0000"]
    assert [(one.second, one.tier) for one in found] == [("0001", "semantic"), ("1500", "near_exact"), ("2400", "exact")]
    assert [round(one.confidence, 2) for one in found] == [0.87, 0.92, 0.97]
