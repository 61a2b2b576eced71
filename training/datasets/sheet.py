"""The datasheet of a version: what it was made of, what was left out, and what to know before learning from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster.learning.datasets.recipe import Recipe, Split
from cluster.settings import DatasetSettings
from training.datasets.sifting import Contradiction, Entry, Sifted
from training.datasets.tally import Tally, shown
from training.datasets.writing import Texts

Splits = Mapping[Split, Sequence[Entry]]


def datasheet(name: str, recipe: Recipe, tally: Tally, sifted: Sifted, splits: Splits, texts: Texts) -> dict[str, Any]:
    """JSON. Nothing in it depends on when or by whom it was built."""
    kept, limits = sifted.kept, tally.limits
    return {
        "dataset": name,
        "recipe": recipe.model_dump(mode="json"),
        "counts": {"read": tally.total, "kept": len(kept)} | {split: len(entries) for split, entries in splits.items()},
        "sources": dict(tally.read),
        "kept_by_kind": dict(Counter(entry.source.kind for entry in kept)),
        "tasks": _tasks(splits),
        "dropped": dict(sorted((+tally.dropped).items())),
        "wrong": tally.wrong,
        "personal_data": {
            "did": recipe.options.pii,
            "examples": tally.with_personal_data,
            "found": dict(sorted(tally.personal_data.items())),
        },
        "near_duplicates": _near(sifted, splits),
        "contradictions": _contradictions(sifted.contradictions, recipe, texts, limits),
        "lengths": {
            "question_chars": _spread([entry.question_chars for entry in kept]),
            "answer_chars": _spread([entry.answer_chars for entry in kept]),
        },
        "warnings": list(_warnings(recipe, tally, sifted, splits)),
    }


def _tasks(splits: Splits) -> dict[str, dict[str, int]]:
    """How many by task and split, and how many different answers."""
    tasks, answers = defaultdict[str, Counter[str]](Counter), defaultdict[str, set[str]](set)
    for split, entries in splits.items():
        for entry in entries:
            tasks[entry.task][split] += 1
            answers[entry.task].add(entry.chosen)
    return {
        task: {"train": found["train"], "held_out": found["held_out"], "answers": len(answers[task])}
        for task, found in sorted(tasks.items())
    }


def _near(sifted: Sifted, splits: Splits) -> dict[str, int]:
    """Sets of two or more that stay; each is on one side of the split."""
    groups = [len(cluster) for cluster in sifted.clusters if len(cluster) > 1]
    held = {entry.asked for entry in splits["held_out"]}
    held_out = sum(len(cluster) > 1 and cluster[0].asked in held for cluster in sifted.clusters)
    return {"clusters": len(groups), "examples": sum(groups), "largest": max(groups, default=0), "held_out_clusters": held_out}


def _contradictions(found: Sequence[Contradiction], recipe: Recipe, texts: Texts, limits: DatasetSettings) -> dict[str, Any]:
    return {
        "questions": len(found),
        "did": recipe.options.contradictions,
        "listed": [_listed(one, texts, limits) for one in found[: limits.listed]],
    }


def _listed(contradiction: Contradiction, texts: Texts, limits: DatasetSettings) -> dict[str, Any]:
    most = limits.excerpt_chars
    first = contradiction.answers[0][0]
    answers = [
        {"answer": shown(texts.example(entry).chosen, most), "votes": votes, "majority": entry.chosen == contradiction.kept}
        for entry, votes in contradiction.answers
    ]
    return {"question": shown(str(texts.example(first).messages[-1].get("content") or ""), most), "answers": answers}


def _spread(values: Sequence[int]) -> dict[str, int]:
    ordered = sorted(values)
    at = {"least": 0.0, "median": 0.5, "p95": 0.95, "most": 1.0}
    return {name: ordered[round(share * (len(ordered) - 1))] for name, share in at.items()}


def _warnings(recipe: Recipe, tally: Tally, sifted: Sifted, splits: Splits) -> Iterator[str]:
    if recipe.shape == "sft":
        for task, found in _tasks(splits).items():
            if found["answers"] == 1 and found["train"] + found["held_out"] > 1:
                yield f"All examples of the task '{task}' have the same answer."
    missing = sorted({entry.task for entry in splits["train"]} - {entry.task for entry in splits["held_out"]})
    if missing:
        yield f"Nothing is held out of these tasks, so that nobody can measure them: {', '.join(missing)}."
    if sifted.contradictions:
        yield f"{len(sifted.contradictions)} questions have answers that contradict each other."
    if recipe.options.pii == "keep" and tally.with_personal_data:
        yield f"{tally.with_personal_data} examples hold personal data, which was kept."
    left = len(splits["held_out"]) / max(1, len(sifted.kept))
    share = recipe.options.held_out_share or tally.limits.held_out_share
    if abs(left - share) > share:
        yield f"{left:.0%} of the examples are held out in place of {share:.0%}, because nearly the same questions stay together."
