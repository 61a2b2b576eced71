"""Marks for an answer, from 0 to 1.

Libraries that have them (torchmetrics, Hugging Face's evaluate) were rejected: each is a large dependency that fetches or computes over
tensors what is a count of words here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from cluster.specs.gate import MarkingSpec, Metric

WORD = re.compile(r"\w+")
BLANKS = re.compile(r"\s+")


def mark(how: MarkingSpec, task: str, expected: str, said: str) -> float:
    """Of an item of ``task``."""
    metric: Metric = how.by_task.get(task, how.metric)
    match metric:
        case "exact":
            return float(expected.strip() == said.strip())
        case "token_f1":
            return f1(Counter(WORD.findall(expected.casefold())), Counter(WORD.findall(said.casefold())))
        case "json_f1":
            return json_f1(expected, said)
        case "contains":
            return float(_plain(expected) in _plain(said))
        case "refuses":
            return float(refuses(expected, how.refusals) == refuses(said, how.refusals))


def f1(expected: Counter[str], said: Counter[str]) -> float:
    """Harmonic mean of precision and recall; two that say nothing agree."""
    if not expected and not said:
        return 1.0
    return 2 * (expected & said).total() / (expected.total() + said.total())


def json_f1(expected: str, said: str) -> float:
    """Over the fields of JSON objects; what is no JSON object is right only where it is the expected text."""
    wanted, found = _object(expected), _object(said)
    if wanted is None or found is None:
        return float(expected.strip() == said.strip())
    return f1(items(expected), items(said))


def items(answer: str) -> Counter[str]:
    """What a JSON object says, as comparable pieces; nothing where it is none. An item of a list is a piece with all its fields, null
    says nothing."""
    found: Counter[str] = Counter()
    for key, field in (_object(answer) or {}).items():
        if isinstance(field, list):
            found.update(json.dumps([key, item], sort_keys=True) for item in field)
        elif field is not None:
            found[json.dumps([key, field], sort_keys=True)] += 1
    return found


def refuses(said: str, refusals: Sequence[str]) -> bool:
    plain = _plain(said).replace("\u2019", "'")
    return any(_plain(one) in plain for one in refusals)


def _object(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _plain(text: str) -> str:
    return BLANKS.sub(" ", text.strip()).casefold()
