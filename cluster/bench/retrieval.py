"""`hearth bench retrieval`: does fusing beat its parts, on questions with known answers; and how fast is a search of a large index.

The first half goes through everything a person's search goes through: upload, ingestion, embedder, index, HTTP. The second is the index
alone, in its own process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.bench.contenders import Program, hear
from cluster.bench.embeddings import MODEL
from cluster.bench.evaluation import METRICS, NORHOLM, Collection, bm25_rankings, judged, load
from cluster.bench.hearth import Hearth
from cluster.bench.knowledge import Knowledge
from cluster.bench.report import BenchResult, Cell, Plot, Verdict
from cluster.bench.searching import SearchJob, SearchOutcome
from cluster.bench.statistics import percentile, ratio
from cluster.errors import EngineError
from cluster.specs.profile import ProfileSpec, ServedModel
from cluster.specs.retrieval import DEFAULT, RETRIEVAL, RetrievalSettings

DEPTH = 100
DENSE, SPARSE, HYBRID, RERANKED, LIBRARY = "dense", "sparse", "hybrid", "hybrid, read again", "bm25s, a BM25 library"
RERANKER = "bench-reranker"
READ_AGAIN = 30
P95_MS, RECALL, CLIENTS = 50.0, 0.98, 16
Rankings = dict[str, dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """``part``: of the evaluation set. ``questions``: None is all of them. ``points`` are in the large index, beyond whose half an
    approximate index is built. ``reranker``: the folder of a cross-encoder."""

    part: str = "test"
    questions: int | None = None
    points: int = 100_000
    searches: int = 3200
    reranker: Path | None = None


QUICK = Plan(questions=45, points=4000, searches=160)


def run(plan: Plan, report: Callable[[str], None]) -> BenchResult:
    """Measures on a cluster of its own, then on an index of its own. Raises EngineError when one of them fails."""
    collection = load(NORHOLM, plan.part)
    collection = Collection(collection.documents, collection.questions[: plan.questions])
    report("starting a cluster of its own")
    with Hearth(profile(plan), catalog(plan)) as hearth:
        with Knowledge(hearth) as knowledge:
            report(f"ingesting {len(collection.documents)} documents")
            rankings = _rankings(knowledge, collection, plan, report)
        rankings[LIBRARY] = bm25_rankings(collection, DEPTH)
        report(f"searching among {plan.points} chunks")
        searched = _searched(plan, hearth)
    return summarise(plan, collection, rankings, searched)


def profile(plan: Plan) -> ProfileSpec:
    read_again = (ServedModel(model=RERANKER, pinned=True),) if plan.reranker else ()
    embedder = ServedModel(model=MODEL, pinned=True, engine="onnx_embedding")
    return ProfileSpec(name="bench", description="Finding.", devices="cpu", models=(embedder, *read_again))


def catalog(plan: Plan) -> dict[str, str]:
    """Of the reranker, an entry that leads to its folder."""
    if plan.reranker is None:
        return {}
    entry = {
        "id": RERANKER,
        "kind": "reranker",
        "description": "The cross-encoder of a bench.",
        "license": "see its folder",
        "variants": [{"engine": "cross_encoder", "source": {"kind": "path", "path": str(plan.reranker.resolve())}}],
    }
    return {RERANKER: yaml.safe_dump(entry)}


def summarise(plan: Plan, collection: Collection, rankings: Rankings, searched: SearchOutcome) -> BenchResult:
    """One table for both halves, the verdicts and a plot."""
    kinds = collection.kinds
    columns = ("search", *METRICS, *(f"nDCG@10, {kind}" for kind in kinds), "p50, ms", "p95, ms", "p99, ms", "searches/s")
    marks = {name: judged(collection.questions, found) for name, found in rankings.items()}
    by_kind = {
        kind: {name: judged([one for one in collection.questions if one.kind == kind], found)[0] for name, found in rankings.items()}
        for kind in kinds
    }
    nothing: tuple[Cell, ...] = (None,) * 4
    judgements = [(name, *marks[name], *(by_kind[kind][name] for kind in kinds), *nothing) for name in rankings]
    speeds = [
        (f"{mode}, {plan.points} chunks, {CLIENTS} clients", *(None,) * (len(METRICS) + len(kinds)), *_times(ms, searched.seconds[mode]))
        for mode, ms in searched.ms.items()
    ]
    while_built = (
        f"hybrid, one client, while the index was built ({searched.build_s:.0f} s)",
        *(None,) * (len(METRICS) + len(kinds)),
        *_times(searched.building_ms, None),
    )
    return BenchResult(
        "retrieval",
        columns,
        (*judgements, *speeds, while_built),
        _notes(plan, collection, rankings, searched),
        _verdicts(plan, {name: values[0] for name, values in marks.items()}, searched),
        (Plot("Where each way is strong", "kind of question", "nDCG@10", _bars(by_kind, rankings), names=kinds),),
    )


class Index(Program):
    """The index alone."""

    name = "the index in its own process"
    module = "deployments.bench.vector_search"

    def measured(self) -> SearchOutcome:
        line = hear(self._child)
        if not line:
            raise EngineError(f"{self.module} ended before it had measured anything. {self.last_words()}")
        return SearchOutcome.model_validate_json(line)


def _searched(plan: Plan, hearth: Hearth) -> SearchOutcome:
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as folder:
        job = SearchJob(
            replica=hearth.replica(MODEL),
            folder=f"{folder}/vectors",
            points=plan.points,
            exact_points=plan.points // 2,
            clients=CLIENTS,
            searches=plan.searches,
        )
        with Index(job) as index:
            return index.measured()


def _rankings(knowledge: Knowledge, collection: Collection, plan: Plan, report: Callable[[str], None]) -> Rankings:
    place = knowledge.collection("norholm")
    files = ((f"{one}.txt", text.encode()) for one, text in collection.documents.items())
    knowledge.finished(knowledge.upload(place, files))
    found: Rankings = {}
    for name, overrides in _ways(plan).items():
        report(f"{len(collection.questions)} questions: {name}")
        found[name] = {question.id: _ranking(knowledge, place, question.text, overrides) for question in collection.questions}
    return found


def _ways(plan: Plan) -> dict[str, dict[str, Any]]:
    """What each is, beside the default settings. Nothing is folded: what is judged is the order of documents."""
    again = {"model": RERANKER, "candidates": READ_AGAIN}
    ways: dict[str, dict[str, Any]] = {mode: {"mode": mode, "fold": None} for mode in (DENSE, SPARSE, HYBRID)}
    return ways | ({RERANKED: {"mode": HYBRID, "fold": None, "rerank": again}} if plan.reranker else {})


def _ranking(knowledge: Knowledge, place: str, question: str, overrides: dict[str, Any]) -> list[str]:
    """Documents in the order of their best chunk. Raises EngineError for a search that was not what was asked for."""
    limit = READ_AGAIN if "rerank" in overrides else DEPTH
    hits, notes = knowledge.search(place, question, limit, overrides)
    if notes:
        raise EngineError(f"A search of the bench was not done as asked: {' '.join(notes)}")
    return list(dict.fromkeys(hit["path"].removesuffix(".txt") for hit in hits))


def _times(ms: tuple[float, ...], seconds: float | None) -> tuple[Cell, ...]:
    return (*(percentile(ms, q) for q in (50, 95, 99)), ratio(float(len(ms)), seconds))


def _notes(plan: Plan, collection: Collection, rankings: Rankings, searched: SearchOutcome) -> tuple[str, ...]:
    settings = RetrievalSettings.load(RETRIEVAL).get(DEFAULT)
    again = (
        f"Read again: the best {READ_AGAIN} by the cross-encoder {plan.reranker}; what it is not given is not in its ranking."
        if RERANKED in rankings
        else "Read again by a cross-encoder: n/a, give the folder of one with --reranker."
    )
    return (
        f"Evaluation set norholm (cluster/bench/norholm), {len(collection.documents)} documents, {len(collection.questions)} questions of "
        f"its part '{plan.part}', over HTTP with {settings.title} (rrf_k {settings.rrf_k}) and {MODEL}, {DEPTH} hits.",
        again,
        f"{plan.points} chunks in process: written in {searched.write_s:.0f} s, {searched.indexed} of them in the approximate index, "
        f"{searched.pss_bytes / 2**20:.0f} MB of memory (the vectors that they are compared with included), "
        f"{searched.disk_bytes / 2**20:.0f} MB on disk. Their vectors are mixes of two embeddings of the set's texts, and noise.",
        f"{CLIENTS} clients, each with one search after another; a search waits behind the others, since the index has one thread.",
    )


def _verdicts(plan: Plan, ndcg: Mapping[str, float], searched: SearchOutcome) -> tuple[Verdict, ...]:
    best = max((DENSE, SPARSE), key=lambda name: ndcg[name])
    slowest = {mode: percentile(ms, 95) or 0.0 for mode, ms in searched.ms.items()}
    worst = max(slowest, key=lambda mode: slowest[mode])
    size = f"{plan.points} chunks"
    return (
        Verdict(
            "hybrid against the better of its parts, nDCG@10",
            f"> {ndcg[best]:.3f} ({best})",
            f"{ndcg[HYBRID]:.3f}",
            ndcg[HYBRID] > ndcg[best],
        ),
        Verdict(
            f"search of {size}, {CLIENTS} clients in process, p95",
            f"< {P95_MS:.0f} ms",
            f"{slowest[worst]:.0f} ms ({worst}, the slowest)",
            slowest[worst] < P95_MS,
        ),
        Verdict(f"recall@10 against exact search, {size}", f">= {RECALL}", f"{searched.recall:.3f}", searched.recall >= RECALL),
    )


def _bars(by_kind: dict[str, dict[str, float]], rankings: Rankings) -> dict[str, tuple[tuple[float, float], ...]]:
    return {name: tuple((float(at), by_kind[kind][name]) for at, kind in enumerate(by_kind)) for name in rankings}
