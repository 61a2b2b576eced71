"""`hearth bench graphs`: the graphs that come with Hearth, each run over HTTP on labelled cases, beside something simpler."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from cluster.bench.embeddings import MODEL as EMBEDDER
from cluster.bench.graph_letters import FORMS, as_url
from cluster.bench.graph_marks import (
    chores_by_sentence,
    chores_f1,
    cites,
    first_sentence,
    mean,
    named,
    names_by_capitals,
    names_f1,
    words_read,
)
from cluster.bench.graph_sets import LABELS, Question, Sets, make
from cluster.bench.hearth import Hearth
from cluster.bench.knowledge import Knowledge
from cluster.bench.report import BenchResult, Cell, Verdict
from cluster.bench.serving import MODEL
from cluster.contracts.generation import Json
from cluster.errors import EngineError
from cluster.graphs.library import GraphLibrary
from cluster.home import GRAPHS
from cluster.specs.profile import ProfileSpec, ServedModel

OCR, PLACE, AT_ONCE, WAIT_S = "pp-ocrv6", "people", 4, 300.0
SPEC_BYTES = 2**20
# Of the tasks that voice notes made, those that are asked for.
LOOKED_AT = 50
Report = Callable[[str], None]
Case = TypeVar("Case")
Output = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """``graph`` None: there is nothing of the kind. Shares from 0 to 1; ``than``: what the simpler thing is."""

    graph: str
    what: str
    share: float | None
    simpler: float | None = None
    than: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Outputs of runs in the order of their cases; None where one failed, whose error is among ``errors``."""

    outputs: tuple[Output | None, ...]
    errors: tuple[str, ...] = ()


class Graphs:
    """Runs graphs of a cluster over HTTP, a few at once."""

    def __init__(self, hearth: Hearth) -> None:
        self._hearth = hearth

    def run(self, graph: str | Mapping[str, Json], inputs: Sequence[Mapping[str, Json]]) -> Asked:
        """``graph``: the name of a served one, or one that is sent along. Raises EngineError where the API refuses it."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            runs = list(pool.map(lambda given: self._one(graph, given), inputs))
        errors = tuple(f"{run['graph']}: {run['error']}" for run in runs if run["state"] != "succeeded")
        return Asked(tuple(run["output"] if run["state"] == "succeeded" else None for run in runs), errors)

    def task(self, task_id: str) -> dict[str, Any]:
        return self._asked("GET", f"tasks/{task_id}")

    def _one(self, graph: str | Mapping[str, Json], given: Mapping[str, Json]) -> dict[str, Any]:
        which = {"workflow": graph} if isinstance(graph, str) else {"spec": graph}
        return self._asked("POST", "workflows/execute", json={**which, "input": given, "wait_s": WAIT_S})

    def _asked(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        with self._hearth.client() as http:
            answer = http.request(method, f"/api/v1/{path}", timeout=WAIT_S + 30, **given)
        if not answer.is_success:
            raise EngineError(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        data: dict[str, Any] = answer.json()["data"]
        return data


def run(report: Report, *, count: int = 24, seed: int = 1) -> BenchResult:
    """Measures on a cluster of its own with the nano models. Raises EngineError when it fails, or refuses a graph."""
    sets = make(seed, count)
    report("starting a cluster of its own")
    figures, errors = list[Figure](), list[str]()
    with Hearth(profile()) as hearth:
        with Knowledge(hearth) as knowledge:
            report(f"ingesting {len(sets.people)} documents")
            files = ((f"{person.name}.txt", person.document.encode()) for person in sets.people)
            knowledge.finished(knowledge.upload(knowledge.collection(PLACE), files))
        graphs = Graphs(hearth)
        for name, evaluate in EVALUATIONS.items():
            report(f"{count} cases: {name}")
            found, failed = evaluate(graphs, sets)
            figures += found
            errors += failed
    return summarise(figures, errors, count=count, seed=seed)


def profile() -> ProfileSpec:
    models = (
        ServedModel(model=MODEL, pinned=True, context_tokens=2048, parallel=AT_ONCE),
        ServedModel(model=EMBEDDER, pinned=True, engine="onnx_embedding"),
        ServedModel(model=OCR, pinned=True),
    )
    settings = {"graphs": {"concurrent_per_organisation": AT_ONCE}}
    return ProfileSpec(name="bench", description="Graphs, and the nano models.", devices="cpu", models=models, settings=settings)


def answer(graphs: Graphs, sets: Sets) -> tuple[list[Figure], Sequence[str]]:
    """questions with one side: how often the answer names what is asked for, and whether it cites the right document."""
    inputs: list[dict[str, Json]] = [{"question": one.text, "collections": [PLACE]} for one in sets.plain]
    asked = graphs.run("answer", inputs)
    return [
        Figure("answer", "names what is asked for", mean(_named(sets.plain, asked.outputs))),
        Figure("answer", "cites the right document and no other", mean(_cited(sets.plain, asked.outputs))),
    ], asked.errors


def research(graphs: Graphs, sets: Sets) -> tuple[list[Figure], Sequence[str]]:
    """questions with two sides: how many of them the answer names and what it cites, against `answer`, which looks once."""
    inputs: list[dict[str, Json]] = [{"question": one.text, "collections": [PLACE]} for one in sets.questions]
    asked, simple = graphs.run("research", inputs), graphs.run("answer", inputs)
    cases = sets.questions
    told, plain = (mean(_named(cases, one.outputs)) for one in (asked, simple))
    sources, plain_sources = (mean(_cited(cases, one.outputs)) for one in (asked, simple))
    found = [
        Figure("research", "sides of the question that the answer names", told, plain, "the graph `answer`"),
        Figure("research", "cites the right document and no other", sources, plain_sources, "the graph `answer`"),
    ]
    return found, [*asked.errors, *simple.errors]


def compare(graphs: Graphs, sets: Sets) -> tuple[list[Figure], Sequence[str]]:
    """pairs of answers of which one is right: how often it wins, and whether both orders agree, against the first vote alone."""
    inputs: list[dict[str, Json]] = [{"question": one.question, "first": one.first, "second": one.second} for one in sets.pairs]
    asked = graphs.run("compare", inputs)
    outputs = [(case, out) for case, out in zip(sets.pairs, asked.outputs, strict=True) if out is not None]
    once = [(case, _vote(out["votes"][0])) for case, out in outputs]
    wrong = mean(float(out["winner"] not in {case.better, "tie"}) for case, out in outputs)
    wrong_once = mean(float(vote not in {case.better, "tie"}) for case, vote in once)
    found = [
        Figure("compare", "the right winner", mean(float(out["winner"] == case.better) for case, out in outputs),
               mean(float(vote == case.better) for case, vote in once), "one order alone"),
        Figure("compare", "the wrong winner (less is better)", wrong, wrong_once, "one order alone"),
        Figure("compare", "the same vote in both orders", mean(float(_consistent(out["votes"])) for _, out in outputs)),
    ]  # fmt: skip
    return found, asked.errors


def triage(graphs: Graphs, sets: Sets) -> tuple[list[Figure], Sequence[str]]:
    """letters as PNG, PDF and scanned PDF: words read, labels against always the same one, and F1 of names against words with capitals."""
    found, errors = list[Figure](), list[str]()
    for form in FORMS:
        inputs: list[dict[str, Json]] = [{"file": as_url(form, one.text)} for one in sets.letters]
        asked = graphs.run("triage", inputs)
        errors += asked.errors
        outputs = [(case, out) for case, out in zip(sets.letters, asked.outputs, strict=True) if out is not None]
        capitals = mean(names_f1(case, names_by_capitals(out["text"])) for case, out in outputs)
        names = mean(names_f1(case, [entity["name"] for entity in out["fields"]["entities"]]) for case, out in outputs)
        right = mean(float(out["label"] == case.label) for case, out in outputs)
        found += [
            Figure("triage", f"{form}: words read", mean(words_read(case, out["text"]) for case, out in outputs)),
            Figure("triage", f"{form}: right label", right, 1 / len(LABELS), "always the same label"),
            Figure("triage", f"{form}: F1 of names", names, capitals, "pairs of words with capitals"),
        ]
    return found, errors


def voice_note(graphs: Graphs, sets: Sets) -> tuple[list[Figure], Sequence[str]]:
    """F1 of tasks against a task for every sentence, from the transcript on: how well speech is read is what `bench nano` says."""
    asked = graphs.run(from_transcript(), [{"audio": one.transcript} for one in sets.notes])
    outputs = [(case, out) for case, out in zip(sets.notes, asked.outputs, strict=True) if out is not None]
    right = mean(chores_f1(case, [(one["owner"], one["task"]) for one in out["tasks"]]) for case, out in outputs)
    simple = mean(chores_f1(case, chores_by_sentence(case.transcript)) for case, _ in outputs)
    made = [task for _, out in outputs for task in out["task_ids"]][:LOOKED_AT]
    return [
        Figure("voice_note", "F1 of tasks, from the transcript on", right, simple, "every sentence a task"),
        Figure("voice_note", "tasks made that wait for a person", mean(float(graphs.task(task)["status"] == "waiting") for task in made)),
    ], asked.errors


def digest(graphs: Graphs, sets: Sets) -> tuple[list[Figure], Sequence[str]]:
    """facts that the summaries name, against the first sentence of each text."""
    asked = graphs.run("digest", [{"texts": [piece.text for piece in sets.pieces], "folder": "bench"}])
    (out,) = asked.outputs
    lines = [line[2:] for line in out["digest"].splitlines() if line.startswith("- ")] if out else []
    whole = len(lines) == len(sets.pieces)
    told = mean(named(piece.facts, line) for piece, line in zip(sets.pieces, lines, strict=True)) if whole else None
    simple = mean(named(piece.facts, first_sentence(piece)) for piece in sets.pieces)
    return [
        Figure("digest", "facts that the summaries name", told, simple, "the first sentence"),
        Figure("digest", "texts with a summary", min(1.0, len(lines) / len(sets.pieces))),
    ], asked.errors


EVALUATIONS: Mapping[str, Callable[[Graphs, Sets], tuple[list[Figure], Sequence[str]]]] = {
    "answer": answer,
    "research": research,
    "compare": compare,
    "triage": triage,
    "voice_note": voice_note,
    "digest": digest,
}


def from_transcript() -> dict[str, Json]:
    """`voice_note` with what was said as its input, in place of a recording."""
    spec = GraphLibrary.load(GRAPHS, most_bytes=SPEC_BYTES).get("voice_note").model_dump(mode="json", exclude_defaults=True)
    spec["nodes"]["transcript"] = {"kind": "transform", "value": '{"text": input.audio}', "then": "actions"}
    return {**spec, "name": "voice_note_told"}


def summarise(figures: Sequence[Figure], errors: Sequence[str], *, count: int, seed: int) -> BenchResult:
    """The table, and a verdict wherever there is something simpler."""
    columns = ("graph", "what", "graph, %", "simpler, %", "simpler is")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one.graph, one.what, _percent(one.share), _percent(one.simpler), one.than or None) for one in figures
    )
    notes = (
        f"{count} cases for each graph (seed {seed}), made by cluster/bench/graph_sets.py; over HTTP with {MODEL}, {EMBEDDER} and {OCR}.",
        f"{MODEL} is a small demonstration model: the figures say what the graphs make of it, and where a larger one is needed.",
        "voice_note: its transcript is given; `bench nano` says how well speech is read. `todo` asks no model and is left to the tests.",
        *(f"failed: {error}" for error in list(dict.fromkeys(errors))[:20]),
    )
    verdicts = (*(_verdict(one) for one in figures if one.simpler is not None), _whole(figures, errors))
    return BenchResult("graphs", columns, rows, notes, verdicts)


def _verdict(one: Figure) -> Verdict:
    assert one.simpler is not None
    less = "less is better" in one.what
    target = f"{'<=' if less else '>='} {one.simpler:.0%} ({one.than})"
    if one.share is None:
        return Verdict(f"{one.graph}: {one.what}", target, "no run ended well", None)
    # Nothing right is no reason for a graph, even where the simpler thing has nothing right either.
    met = one.share <= one.simpler if less else one.share >= one.simpler and one.share > 0
    return Verdict(f"{one.graph}: {one.what}", target, f"{one.share:.0%}", met)


def _whole(figures: Sequence[Figure], errors: Sequence[str]) -> Verdict:
    graphs = len({one.graph for one in figures})
    return Verdict(f"runs of {graphs} graphs", "no failure", f"{len(errors)} failed", not errors)


def _named(cases: Iterable[Question], outputs: Iterable[Output | None]) -> list[float]:
    return [named(case.answers, out["answer"]) if out is not None else 0.0 for case, out in zip(cases, outputs, strict=True)]


def _cited(cases: Iterable[Question], outputs: Iterable[Output | None]) -> list[float]:
    pairs = zip(cases, outputs, strict=True)
    return [cites(case, [one["path"] for one in out["citations"]]) if out is not None else 0.0 for case, out in pairs]


def _vote(said: str) -> str:
    """Of the order in which the answers were given."""
    found = re.match(r"\s*([AB])\b", said)
    return {"A": "first", "B": "second"}[found[1]] if found else "tie"


def _consistent(votes: Sequence[str]) -> bool:
    """In the other order the other letter, or no letter in either."""
    swapped = {"first": "second", "second": "first", "tie": "tie"}
    return swapped[_vote(votes[0])] == _vote(votes[1])


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
