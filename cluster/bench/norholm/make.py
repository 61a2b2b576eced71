"""Makes the evaluation set ``norholm`` of material.yaml: ``python -m cluster.bench.norholm.make``. The same files each time.

Each subject has articles, asked for in other words than they use, and records that differ in one or two things only: the code, the thing
they are about, what happened. So there are questions of three kinds: by ``meaning`` (an article), ``exact`` (a code, a figure, a name), and
``both`` (the name of a thing, and what happened to it in other words). The texts that a question is not about are the distractors.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
SEED = 1
# Of each subject: records, and questions of the kinds ``exact`` and ``both``.
RECORDS, EXACT, BOTH = 24, 8, 10
# Every third question of a kind is for choosing settings, the others are for judging them.
DEV_EVERY = 3
FIRST_DAY, DAYS = date(2019, 3, 1), 1500


@dataclass(frozen=True, slots=True)
class Text:
    """A document. ``facts`` are what a record is made of, none of an article."""

    id: str
    title: str
    text: str
    facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """``relevant``: ids of all documents that answer it."""

    id: str
    kind: str
    text: str
    relevant: tuple[str, ...]


def made(material: dict[str, Any], seed: int = SEED) -> tuple[list[Text], list[Question]]:
    """All documents and questions, in an order that says nothing."""
    rng = random.Random(seed)  # noqa: S311 - repeatable texts, no secret
    texts, questions = list[Text](), list[Question]()
    for subject in material["subjects"]:
        articles = [
            Text(f"{subject['name']}-a{number}", title, text, {}) for number, (title, text, _) in enumerate(subject["articles"], start=1)
        ]
        records = list(_records(subject, material, rng))
        texts += [*articles, *records]
        questions += [Question("", "meaning", asked[2], (text.id,)) for text, asked in zip(articles, subject["articles"], strict=True)]
        questions += _exact(records, material["exact"], rng)
        questions += _both(subject, records, rng)
    rng.shuffle(texts)
    rng.shuffle(questions)
    return texts, [Question(f"q{number:03}", one.kind, one.text, one.relevant) for number, one in enumerate(questions, start=1)]


def parts(questions: Sequence[Question]) -> dict[str, list[Question]]:
    """``dev`` and ``test``, with the same share of each kind."""
    found: dict[str, list[Question]] = {"dev": [], "test": []}
    seen = dict.fromkeys(("meaning", "exact", "both"), 0)
    for question in questions:
        seen[question.kind] += 1
        found["dev" if seen[question.kind] % DEV_EVERY == 0 else "test"].append(question)
    return found


def files(material: dict[str, Any]) -> dict[str, str]:
    """Everything in the layout of BEIR, by name of the file."""
    texts, questions = made(material)
    split = {name: _rows((one.id, document, "1") for one in some for document in one.relevant) for name, some in parts(questions).items()}
    return {
        "corpus.jsonl": _lines({"_id": one.id, "title": one.title, "text": one.text} for one in texts),
        "queries.jsonl": _lines({"_id": one.id, "text": one.text, "metadata": {"kind": one.kind}} for one in questions),
        **{f"qrels/{name}.tsv": "query-id\tcorpus-id\tscore\n" + rows for name, rows in split.items()},
    }


def material() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((FOLDER / "material.yaml").read_text(encoding="utf-8"))
    return read


def _records(subject: dict[str, Any], shared: dict[str, Any], rng: random.Random) -> Iterator[Text]:
    pairs = rng.sample(list(product(subject["entities"], subject["matters"])), RECORDS)
    numbers = rng.sample(range(1000, 2000), RECORDS)
    least, most = (int(10 * subject["measure"][end]) for end in ("least", "most"))
    values = rng.sample(range(least, most + 1), RECORDS)
    for (entity, (happened, done, clause)), number, value in zip(pairs, numbers, values, strict=True):
        facts = {
            "record": subject["record"],
            "record_lower": subject["record"].lower(),
            "code": f"{subject['code']}-{number}",
            "entity": entity,
            "happened": happened,
            "happened_upper": happened[0].upper() + happened[1:],
            "done": done,
            "clause": clause,
            "date": f"{FIRST_DAY + timedelta(days=rng.randrange(DAYS)):%d %B %Y}".lstrip("0"),
            "measure": subject["measure"]["name"],
            "unit": subject["measure"]["unit"],
            "value": f"{value / 10:g}",
            "person": rng.choice(shared["people"]),
        }
        text = " ".join(rng.choice(shared[part]).format(**facts) for part in ("openings", "middles", "closings"))
        yield Text(f"{subject['name']}-r{number}", subject["record"], text, facts)


def _exact(records: Sequence[Text], patterns: Sequence[str], rng: random.Random) -> Iterator[Question]:
    """What a question names is in all the records that answer it, and in no other."""
    for number, record in enumerate(rng.sample(records, EXACT)):
        pattern = patterns[number % len(patterns)]
        named = [name for name in ("code", "value", "person", "entity") if f"{{{name}}}" in pattern]
        answers = tuple(one.id for one in records if all(one.facts[name] == record.facts[name] for name in named))
        yield Question("", "exact", pattern.format(**record.facts), answers)


def _both(subject: dict[str, Any], records: Sequence[Text], rng: random.Random) -> Iterator[Question]:
    for record in rng.sample(records, BOTH):
        yield Question("", "both", subject["asked"].format(**record.facts), (record.id,))


def _lines(objects: Iterator[dict[str, object]]) -> str:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


def _rows(rows: Iterator[tuple[str, ...]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


if __name__ == "__main__":
    for name, content in files(material()).items():
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_text(content, encoding="utf-8")
