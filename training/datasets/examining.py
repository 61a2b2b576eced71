"""Each example by itself: its format, its personal data, and what it is compared with others by. Runs on workers of Ray."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from cluster.contracts.generation import Json
from cluster.errors import BadInput
from cluster.guard.guarding import without_pii
from cluster.learning.datasets.lines import example_of
from cluster.learning.datasets.recipe import Recipe
from cluster.learning.example import Example, Source
from cluster.specs.guard import PiiGuard
from cluster.standing_back import stand_back
from cluster.text.duplicates import fingerprint
from training.datasets.tally import Reason

# Instructions are left out of comparing: one long one makes all questions look alike.
INSTRUCTIONS = ("system", "developer")
# ``reason``: why it is left out; then what follows is missing. ``text``: the example as JSON. ``asked``, ``chosen``, ``rejected``: hashes.
# ``words``, ``signature``: the fingerprint of the question. ``found``: personal data by kind, as JSON.
EXAMINED = pa.schema(
    [
        *((name, pa.string()) for name in ("kind", "source_id", "user_id", "place", "reason", "problem", "text", "found")),
        *((name, pa.string()) for name in ("asked", "chosen", "rejected", "task", "words")),
        ("question_chars", pa.int64()),
        ("answer_chars", pa.int64()),
        ("signature", pa.list_(pa.uint32())),
    ]
)


@dataclass(frozen=True, slots=True)
class How:
    """``depth``: how deeply nested arguments of tool calls are read (graphs.guard_depth)."""

    recipe: Recipe
    depth: int
    niceness: int


class Left(Exception):
    """Why an example is left out."""

    def __init__(self, reason: Reason, problem: str = "", found: Mapping[str, int] | None = None) -> None:
        super().__init__(problem)
        self.reason = reason
        self.problem = problem
        self.found = found or {}


def examined(files: pa.Table, how: How) -> pa.Table:
    """What comes of the rows of the blocks that ``files`` names."""
    stand_back(how.niceness)
    rows = [row for file in files["file"].to_pylist() for row in pq.read_table(Path(file)).to_pylist()]
    return pa.Table.from_pylist([_result(row, how) for row in rows], schema=EXAMINED)


def _result(row: Mapping[str, Any], how: How) -> dict[str, Any]:
    known = {name: row[name] for name in ("kind", "source_id", "user_id", "place")}
    try:
        return known | _examined(row, how)
    except Left as left:
        return known | {"reason": left.reason, "problem": left.problem, "found": json.dumps(left.found)}


def _examined(row: Mapping[str, Any], how: How) -> dict[str, Any]:
    example, found = _screened(_shaped(_parsed(row, how), how), how)
    question = "\n".join(_said(message) for message in example.messages if message.get("role") not in INSTRUCTIONS)
    asked = _hash(json.dumps(example.messages, ensure_ascii=False, sort_keys=True))
    print_of = fingerprint(asked, question)
    return {
        "text": json.dumps(example.model_dump(mode="json"), ensure_ascii=False, sort_keys=True),
        "found": json.dumps(found),
        "asked": asked,
        "chosen": _hash(" ".join(example.chosen.split())),
        "rejected": _hash(" ".join(example.rejected.split())) if example.rejected is not None else None,
        "task": example.task,
        "question_chars": sum(len(_said(message)) for message in example.messages),
        "answer_chars": len(example.chosen),
        "words": print_of.words_hash,
        "signature": list(print_of.signature),
    }


def _parsed(row: Mapping[str, Any], how: How) -> Example:
    if not row["line"]:
        return Example.model_validate_json(row["raw"])
    source = Source(kind=row["kind"], id=row["source_id"], user_id=row["user_id"])
    try:
        return example_of(row["raw"], source, how.recipe.task)
    except BadInput as error:
        raise Left("wrong_format", error.message) from None


def _shaped(example: Example, how: How) -> Example:
    """As the dataset's shape has it."""
    if how.recipe.shape == "sft":
        return example.model_copy(update={"rejected": None})
    if example.rejected is None:
        raise Left("no_pair")
    if example.rejected.split() == example.chosen.split():
        raise Left("same_answers")
    return example


def _screened(example: Example, how: How) -> tuple[Example, dict[str, int]]:
    """With what becomes of its personal data, and how much of which kind it had."""
    options = how.recipe.options
    guard = PiiGuard(do="note" if options.pii == "keep" else "mask", kinds=options.pii_kinds, region=options.region)
    words = {"messages": list(example.messages), "chosen": example.chosen, "rejected": example.rejected}
    try:
        changed, notes = without_pii(cast("Json", words), guard, how.depth)
    except BadInput as error:
        raise Left("wrong_format", error.message) from None
    found = Counter[str]()
    for note in notes:
        found[note.kind] += note.count
    if found and options.pii == "drop":
        raise Left("personal_data", found=found)
    return Example.model_validate(example.model_dump() | cast("dict[str, Any]", changed)), dict(found)


def _said(message: Mapping[str, Any]) -> str:
    """Calls of tools may stand where a text would."""
    return str(message.get("content") or "")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
