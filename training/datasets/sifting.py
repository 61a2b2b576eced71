"""All examples together: those that contradict each other, that are the same, and that are nearly the same.

The result does not depend on the order in which they come: of equals that from the surest source stays (labels, then feedback, then
uploads), and of those the one with the smallest hash.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from cluster.learning.datasets.recipe import Options
from cluster.learning.example import Source
from cluster.text.duplicates import Duplicate, Fingerprint, duplicates
from training.datasets.tally import Reason

RANKS = {"label": 0, "feedback": 1, "upload": 2}


@dataclass(frozen=True, slots=True)
class Entry:
    """What must be known of an example while its text is on disk, at ``offset``. ``asked``, ``chosen``, ``rejected``: hashes of the
    question and the answers."""

    source: Source
    asked: str
    chosen: str
    rejected: str | None
    task: str
    question_chars: int
    answer_chars: int
    offset: int
    length: int

    @property
    def said(self) -> tuple[str, str, str | None]:
        return self.asked, self.chosen, self.rejected

    @property
    def place(self) -> tuple[str, str, str, int, str]:
        return self.asked, self.chosen, self.rejected or "", RANKS[self.source.kind], self.source.id


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One question, and an example with each of its answers, with how many gave it. ``kept``: the answer (its hash) that stays."""

    answers: Sequence[tuple[Entry, int]]
    kept: str | None


@dataclass(slots=True)
class Sifted:
    """``clusters``: of those that stay, sets whose questions are the same or nearly so. ``merged``: duplicates of those that stay."""

    clusters: list[list[Entry]] = field(default_factory=list)
    merged: list[Source] = field(default_factory=list)
    dropped: Counter[Reason] = field(default_factory=Counter)
    contradictions: list[Contradiction] = field(default_factory=list)

    @property
    def kept(self) -> list[Entry]:
        return [entry for cluster in self.clusters for entry in cluster]


def sift(entries: Iterable[Entry], prints: Mapping[str, Fingerprint], options: Options) -> Sifted:
    """``prints``: of each question, by its hash."""
    sifted = Sifted()
    agreed = _agreed(sorted(entries, key=attrgetter("place")), sifted, keep=options.contradictions == "keep")
    distinct = _distinct(agreed, sifted)
    asked = {entry.asked for entry in distinct}
    pairs = duplicates(prints[one] for one in asked) if options.near_duplicates != "ignore" else []
    left = _far_apart(distinct, pairs, sifted) if options.near_duplicates == "drop" else distinct
    sifted.clusters = _clusters(left, pairs)
    return sifted


def _agreed(entries: Sequence[Entry], sifted: Sifted, *, keep: bool) -> list[Entry]:
    """Without what is contradicted by as many or more. Of pairs, only the opposite one is a contradiction."""
    groups = defaultdict[tuple[str, ...], list[Entry]](list)
    for entry in entries:
        pair = () if entry.rejected is None else tuple(sorted((entry.chosen, entry.rejected)))
        groups[(entry.asked, *pair)].append(entry)
    agreed = list[Entry]()
    for group in groups.values():
        votes = Counter(entry.chosen for entry in group)
        if len(votes) == 1:
            agreed += group
            continue
        winner, most = votes.most_common(1)[0]
        kept = winner if most * 2 > len(group) else None
        first = {entry.chosen: entry for entry in reversed(group)}
        answers = [(first[chosen], count) for chosen, count in votes.most_common()]
        sifted.contradictions.append(Contradiction(answers, kept))
        stays = group if keep else [entry for entry in group if entry.chosen == kept]
        sifted.dropped.update({"contradictory": len(group) - len(stays)})
        agreed += stays
    return agreed


def _distinct(entries: Sequence[Entry], sifted: Sifted) -> list[Entry]:
    first = dict[tuple[str, str, str | None], Entry]()
    for entry in sorted(entries, key=attrgetter("place")):
        if first.setdefault(entry.said, entry) is not entry:
            sifted.merged.append(entry.source)
            sifted.dropped["duplicate"] += 1
    return list(first.values())


def _far_apart(entries: Sequence[Entry], pairs: Sequence[Duplicate], sifted: Sifted) -> list[Entry]:
    """Of those with nearly the same question and the same answer, one. Where answers differ, so do questions, however little."""
    near = defaultdict[str, set[str]](set)
    for pair in pairs:
        if pair.tier != "semantic":
            near[pair.first].add(pair.second)
            near[pair.second].add(pair.first)
    said, left = set[tuple[str, str, str | None]](), list[Entry]()
    for entry in entries:
        if any((other, entry.chosen, entry.rejected) in said for other in near[entry.asked]):
            sifted.merged.append(entry.source)
            sifted.dropped["near_duplicate"] += 1
            continue
        said.add(entry.said)
        left.append(entry)
    return left


def _clusters(entries: Sequence[Entry], pairs: Sequence[Duplicate]) -> list[list[Entry]]:
    """Sets of which no question is nearly that of another set. Sorted by their first. (SciPy finds connected components as well, and is
    here only because datasketch needs it.)"""
    root = {entry.asked: entry.asked for entry in entries}

    def top(one: str) -> str:
        while root[one] != one:
            root[one] = one = root[root[one]]
        return one

    for pair in pairs:
        if pair.first in root and pair.second in root:
            first, second = sorted((top(pair.first), top(pair.second)))
            root[second] = first
    found = defaultdict[str, list[Entry]](list)
    for entry in entries:
        found[top(entry.asked)].append(entry)
    return [found[one] for one in sorted(found)]
