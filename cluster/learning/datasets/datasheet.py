"""The datasheet of a version for people, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def as_markdown(sheet: Mapping[str, Any]) -> str:
    """``sheet``: as ``training/datasets/sheet.py`` makes it."""
    return "\n".join(_lines(sheet)) + "\n"


def _lines(sheet: Mapping[str, Any]) -> Iterator[str]:
    counts, recipe = sheet["counts"], sheet["recipe"]
    yield f"# {_plain(sheet['dataset'])}"
    yield ""
    yield (
        f"{counts['kept']} examples of {counts['read']} read, for {recipe['shape'].upper()}: {counts['train']} to train on, "
        f"{counts['held_out']} held out."
    )
    if sheet["warnings"]:
        yield from _section("Warnings", [f"- {_plain(warning)}" for warning in sheet["warnings"]])
    yield from _section("Sources", _table(("source", "read"), sheet["sources"].items()))
    tasks = [(task, found["train"], found["held_out"], found["answers"]) for task, found in sheet["tasks"].items()]
    yield from _section("Tasks", _table(("task", "train", "held out", "different answers"), tasks))
    yield from _section("Left out", _table(("reason", "examples"), sheet["dropped"].items()))
    if sheet["wrong"]:
        yield from _section("Wrong lines", _table(("where", "what"), [(one["place"], one["problem"]) for one in sheet["wrong"]]))
    personal = sheet["personal_data"]
    told = f"In {personal['examples']} examples; done with it: {personal['did']}."
    yield from _section("Personal data", [told, "", *_table(("kind", "places"), personal["found"].items())])
    yield from _section("Nearly the same questions", _table(("what", "how many"), sheet["near_duplicates"].items()))
    yield from _section("Contradictions", list(_contradictions(sheet["contradictions"])))
    lengths = [(name, *(spread[part] for part in ("least", "median", "p95", "most"))) for name, spread in sheet["lengths"].items()]
    yield from _section("Lengths", _table(("what", "least", "median", "95 %", "most"), lengths))


def _contradictions(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['questions']} questions; done with them: {found['did']}."
    for one in found["listed"]:
        yield f"- {_plain(one['question'])}"
        for answer in one["answers"]:
            yield f"    - {_plain(answer['answer'])}: {answer['votes']}" + (" (majority)" if answer["majority"] else "")


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "", *lines)


def _table(heads: Sequence[str], rows: Any) -> list[str]:
    told = [f"| {' | '.join(_plain(str(cell)) for cell in row)} |" for row in rows]
    return [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *told] if told else ["Nothing."]


def _plain(text: str) -> str:
    """On one line, and without what would end a cell, or begin HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
