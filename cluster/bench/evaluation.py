"""Judging rankings against relevance judgements, in the layout of BEIR. Metrics by ir-measures, plain BM25 by bm25s (dev extra)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A question's id to ids of documents, the best first.
Rankings = Mapping[str, Sequence[str]]
NORHOLM = Path(__file__).parent / "norholm"
METRICS = ("nDCG@10", "Recall@100", "MRR")


@dataclass(frozen=True, slots=True)
class Question:
    """``relevant``: the grade of each document that answers it."""

    id: str
    text: str
    kind: str
    relevant: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Collection:
    """``documents``: title and text by id. ``questions``: those that the chosen part has judgements for."""

    documents: Mapping[str, str]
    questions: tuple[Question, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(sorted({question.kind for question in self.questions}))


def load(folder: Path, part: str) -> Collection:
    """``corpus.jsonl``, ``queries.jsonl`` and ``qrels/PART.tsv`` of ``folder``."""
    grades: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels" / f"{part}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        question, document, grade = line.split("\t")
        grades.setdefault(question, {})[document] = int(grade)
    documents = {row["_id"]: f"{row['title']}\n\n{row['text']}" for row in _rows(folder / "corpus.jsonl")}
    asked = {row["_id"]: row for row in _rows(folder / "queries.jsonl")}
    questions = (Question(one, asked[one]["text"], asked[one]["metadata"]["kind"], found) for one, found in grades.items())
    return Collection(documents, tuple(questions))


def judged(questions: Iterable[Question], rankings: Rankings) -> tuple[float, ...]:
    """The mean of each of METRICS over ``questions``; one without a ranking counts 0."""
    import ir_measures

    measures = (ir_measures.nDCG @ 10, ir_measures.R @ 100, ir_measures.RR)
    chosen = list(questions)
    qrels = {question.id: dict(question.relevant) for question in chosen}
    # Ranks become scores: what is judged is the order.
    run = {question.id: {one: -float(rank) for rank, one in enumerate(rankings.get(question.id, ()))} for question in chosen}
    found = ir_measures.calc_aggregate(measures, qrels, run)
    return tuple(float(found[measure]) for measure in measures)


def bm25_rankings(collection: Collection, depth: int = 100) -> dict[str, list[str]]:
    """What a BM25 library finds, set up as its documentation shows: English stop words, Snowball stems."""
    import bm25s  # type: ignore[import-untyped]
    import Stemmer  # type: ignore[import-not-found]

    stemmer = Stemmer.Stemmer("english")

    def words(texts: Sequence[str]) -> object:
        return bm25s.tokenize(list(texts), stopwords="en", stemmer=stemmer, show_progress=False)

    ids = list(collection.documents)
    index = bm25s.BM25()
    index.index(words(list(collection.documents.values())), show_progress=False)
    asked = words([question.text for question in collection.questions])
    found, scores = index.retrieve(asked, k=min(depth, len(ids)), show_progress=False)
    return {
        question.id: [ids[at] for at, score in zip(row, line, strict=True) if score > 0]
        for question, row, line in zip(collection.questions, found, scores, strict=True)
    }


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    return (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
