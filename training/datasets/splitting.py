"""What is held out: whole clusters of nearly the same questions, chosen by the smallest hash in them: an example stays on its side while a
dataset grows, unless a question that is nearly the same and has a smaller hash joins it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.errors import Unprocessable
from cluster.learning.datasets.recipe import Split
from training.datasets.sifting import Entry

DIGITS = 13  # of a hash, as many as a float holds


def split(clusters: Sequence[Sequence[Entry]], share: float) -> Mapping[Split, list[Entry]]:
    """About ``share`` of the clusters, at least one, is held out. Raises Unprocessable where there is one cluster only."""
    if len(clusters) < 2:
        raise Unprocessable(
            "All examples ask nearly the same, so that none can be held out that was not trained on; add other questions, or, where they "
            "share a long template, build with options.near_duplicates 'ignore'."
        )
    by_hash = sorted(clusters, key=_share_of)
    held = sum(_share_of(cluster) < share for cluster in by_hash)
    held = min(max(held, 1), len(by_hash) - 1)
    return {"held_out": _entries(by_hash[:held]), "train": _entries(by_hash[held:])}


def _share_of(cluster: Sequence[Entry]) -> float:
    """From 0 to 1, by the smallest hash of its questions."""
    return int(min(entry.asked for entry in cluster)[-DIGITS:], 16) / 16**DIGITS


def _entries(clusters: Sequence[Sequence[Entry]]) -> list[Entry]:
    return sorted((entry for cluster in clusters for entry in cluster), key=lambda entry: entry.place)
