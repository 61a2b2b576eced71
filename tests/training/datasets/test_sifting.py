"""What stays of many examples does not depend on their order."""

from __future__ import annotations

import random

import pytest

from cluster.errors import Unprocessable
from cluster.learning.datasets.recipe import Options
from cluster.learning.example import Source
from cluster.text.duplicates import fingerprint
from training.datasets.sifting import Entry, sift
from training.datasets.splitting import split

WORDS = [f"word{number}" for number in range(80)]


def entry(asked: str, chosen: str, number: int, kind: str = "upload", rejected: str | None = None) -> Entry:
    source = Source.model_validate({"kind": kind, "id": str(number)})
    return Entry(source, asked, chosen, rejected, "chat", 1, 1, 0, 0)


def prints(*questions: tuple[str, str]):
    return {asked: fingerprint(asked, text) for asked, text in questions}


NEAR = prints(("a", " ".join(WORDS)), ("b", " ".join([*WORDS, "more"])), ("c", "quite something else that nobody said before"))


@pytest.mark.parametrize("seed", range(5))
def test_order_does_not_matter(seed):
    entries = [entry("a", "x", 1), entry("b", "x", 2), entry("a", "x", 3, "label"), entry("c", "y", 4), entry("c", "z", 5, "feedback")]
    random.Random(seed).shuffle(entries)
    sifted = sift(entries, NEAR, Options())
    assert [one.source.id for one in sifted.kept] == ["3"]
    assert sifted.dropped == {"duplicate": 1, "near_duplicate": 1, "contradictory": 2}
    assert {source.id for source in sifted.merged} == {"1", "2"}


def test_near_questions_with_other_answers_stay_and_stay_together():
    sifted = sift([entry("a", "x", 1), entry("b", "y", 2), entry("c", "z", 3)], NEAR, Options())
    assert [[one.asked for one in cluster] for cluster in sifted.clusters] == [["a", "b"], ["c"]]
    apart = sift([entry("a", "x", 1), entry("b", "x", 2)], NEAR, Options(near_duplicates="ignore"))
    assert [len(cluster) for cluster in apart.clusters] == [1, 1]
    kept = sift([entry("a", "x", 1), entry("b", "x", 2)], NEAR, Options(near_duplicates="keep"))
    assert [len(cluster) for cluster in kept.clusters] == [2]


def test_of_pairs_only_the_opposite_contradicts():
    pairs = [entry("c", "x", 1, rejected="y"), entry("c", "x", 2, rejected="z"), entry("c", "y", 3, rejected="z")]
    assert len(sift(pairs, NEAR, Options()).kept) == 3
    sifted = sift([*pairs, entry("c", "y", 4, rejected="x")], NEAR, Options())
    assert sorted(one.source.id for one in sifted.kept) == ["2", "3"]
    assert sifted.contradictions[0].kept is None


def test_an_example_stays_on_its_side_while_others_come():
    names = [f"{random.Random(number).getrandbits(256):064x}" for number in range(400)]
    some = split([[entry(name, "x", 1)] for name in names[:200]], 0.25)
    all_of_them = split([[entry(name, "x", 1)] for name in names], 0.25)
    for side in ("train", "held_out"):
        assert {one.asked for one in some[side]} <= {one.asked for one in all_of_them[side]}
    assert 70 <= len(all_of_them["held_out"]) <= 130


def test_at_least_one_cluster_is_on_each_side():
    names = [f"{random.Random(number).getrandbits(256):064x}" for number in range(3)]
    for share in (0.000001, 0.5):
        sides = split([[entry(name, "x", 1)] for name in names], share)
        assert sides["train"]
        assert sides["held_out"]
    with pytest.raises(Unprocessable, match="near_duplicates 'ignore'"):
        split([[entry(names[0], "x", 1)]], 0.1)
