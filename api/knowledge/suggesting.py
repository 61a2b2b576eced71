"""A category and tags for a text, from what a model and the text's neighbours say. Pure functions."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from api.knowledge.answers import Neighbour, Proposal, Suggested

MOST_TAGS = 8
# Less alike than this, an item says nothing about a text.
NEAR = 0.3
# A tag that the text itself says is surer than one that only neighbours have.
VOTE, WORD = 0.7, 0.3


def suggested(
    text: str,
    near: Sequence[Neighbour],
    tags: Mapping[uuid.UUID, Sequence[str]],
    by_model: Mapping[str, float],
    categories: Collection[str] | None = None,
) -> Proposal:
    """``tags``: of the neighbours. ``by_model``: how sure a model is of each category. ``categories``: the only ones to choose from."""
    votes = _shares([(one.category, one.score) for one in near if one.category is not None])
    allowed = {name: share for name, share in votes.items() if categories is None or name in categories}
    return Proposal(category=_best(by_model, allowed), tags=_tags(text, near, tags), neighbours=list(near))


def _tags(text: str, near: Sequence[Neighbour], tags: Mapping[uuid.UUID, Sequence[str]]) -> list[Suggested]:
    votes = _shares([(tag, one.score) for one in near for tag in tags.get(one.item_id, ())])
    low, most = text.casefold(), max(votes.values(), default=1.0)
    sure = {tag: VOTE * share / most + (WORD if tag.casefold() in low else 0.0) for tag, share in votes.items()}
    best = sorted(sure, key=lambda tag: (-sure[tag], tag))[:MOST_TAGS]
    return [Suggested(name=tag, confidence=round(sure[tag], 4), by=["neighbours"]) for tag in best]


def _best(by_model: Mapping[str, float], by_near: Mapping[str, float]) -> Suggested | None:
    """The name that both together are surest of."""
    sources = [(name, votes) for name, votes in (("model", by_model), ("neighbours", by_near)) if votes]
    if not sources:
        return None
    mixed = defaultdict[str, float](float)
    for _, votes in sources:
        for name, share in votes.items():
            mixed[name] += share / len(sources)
    best = min(mixed, key=lambda name: (-mixed[name], name))
    return Suggested(name=best, confidence=round(min(1.0, mixed[best]), 4), by=[source for source, votes in sources if votes.get(best)])


def _shares(votes: Sequence[tuple[str, float]]) -> dict[str, float]:
    """What part of all votes each name has."""
    sums = defaultdict[str, float](float)
    for name, weight in votes:
        sums[name] += weight
    total = sum(sums.values()) or 1.0
    return {name: weight / total for name, weight in sums.items()}
