"""`hearth bench ingest`: documents a second against a pipeline of LangChain's, memory that does not grow, and chat while they go in."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cluster.bench.contenders import Program, hear, say
from cluster.bench.embeddings import MODEL, weights
from cluster.bench.hearth import Hearth
from cluster.bench.knowledge import Knowledge, read
from cluster.bench.papers import write_notes, write_papers
from cluster.bench.piping import Piped, PipeSpec
from cluster.bench.report import BenchResult, Cell, Plot, Verdict
from cluster.bench.serving import MODEL as CHAT_MODEL
from cluster.bench.statistics import percentile, ratio
from cluster.bench.streams import Job, Outcome
from cluster.bench.watching import UNSEEN, MemoryWatch, Peak
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import EngineError
from cluster.settings import IngestSettings
from cluster.specs.profile import ProfileSpec, ServedModel

Report = Callable[[str], None]
FASTER, FLAT, SLOWER = 2.0, 1.25, 1.5
# People who chat: so many, each answer 16 tokens at 20 a second.
PEOPLE, PACE, TOKENS = 4, 20.0, 16
# Questions while documents go in, for each while nothing does.
BUSY = 3
OURS, LANGCHAIN, LANGCHAIN_ENGINE = "Hearth", "LangChain, sentence-transformers", "LangChain, Hearth's engine in process"


@dataclass(frozen=True, slots=True)
class Plan:
    """``papers``: compared with LangChain. ``sizes``: notes of ingestions whose memory is watched, the smallest first; people chat, asking
    ``questions`` times, during the largest."""

    papers: int = 300
    sizes: tuple[int, ...] = (1000, 4000, 20_000)
    questions: int = 400
    rounds: int = 1


QUICK = Plan(papers=20, sizes=(50, 200), questions=12)


@dataclass(frozen=True, slots=True)
class Ingested:
    """``seconds`` from the first byte sent to the end of the job; ``stages``: of all workers together."""

    documents: int
    chunks: int
    seconds: float
    stages: Mapping[str, float]
    cpu_s: float
    peak: Peak = UNSEEN


@dataclass(frozen=True, slots=True)
class Seen:
    """``chat_within``: whether all of the chat was while documents went in."""

    compared: Mapping[str, Sequence[Ingested]]
    sizes: Sequence[Ingested]
    idle: Outcome
    busy: Outcome
    chat_within: bool


def run(plan: Plan, report: Report) -> BenchResult:
    """Measures on a cluster of its own, and in processes of LangChain's while that is idle. Raises EngineError when one of them fails."""
    with tempfile.TemporaryDirectory(prefix="hearth-bench-papers-", ignore_cleanup_errors=True) as made:
        papers = Path(made, "papers")
        papers.mkdir()
        report(f"writing {plan.papers} documents")
        write_papers(papers, plan.papers)
        compared: dict[str, list[Ingested]] = {}
        report("starting a cluster of its own")
        with Hearth(profile()) as hearth, Knowledge(hearth) as knowledge:
            replica = hearth.replica(MODEL)
            for number in range(plan.rounds):
                report(f"{plan.papers} documents, round {number + 1} of {plan.rounds}: {OURS}")
                compared.setdefault(OURS, []).append(_ingested(hearth, knowledge, f"papers-{number}", papers))
                for name, spec in _peers(papers, replica).items():
                    report(f"{plan.papers} documents, round {number + 1} of {plan.rounds}: {name}")
                    compared.setdefault(name, []).append(_piped(spec))
            sizes, idle, busy, within = _grown(hearth, knowledge, plan, Path(made), report)
    return summarise(plan, Seen(compared, sizes, idle, busy, within))


def profile() -> ProfileSpec:
    """The embedder, and a language model as slow as a card makes a larger one."""
    models = (
        ServedModel(model=MODEL, pinned=True, engine="onnx_embedding"),
        ServedModel(model=CHAT_MODEL, pinned=True, context_tokens=512, parallel=PEOPLE, pace_tokens_per_s=PACE),
    )
    return ProfileSpec(name="bench", description="Documents, and people who chat.", devices="cpu", models=models)


def summarise(plan: Plan, seen: Seen) -> BenchResult:
    """The table, the verdicts, and where the time goes."""
    columns = ("ingestion", "documents", "chunks", "documents/s", "chunks/s", "CPU s / 1000 chunks", "its processes, MB", "cluster, MB")
    best = {name: _joined(runs) for name, runs in seen.compared.items()}
    rows = [_row(name, one) for name, one in best.items()]
    rows += [_row(f"{OURS}, short notes", one) for one in seen.sizes]
    return BenchResult("ingest", columns, tuple(rows), _notes(plan, seen, best), _verdicts(seen, best), _plots(seen, best))


class LangChain(Program):
    name = "LangChain"
    module = "deployments.bench.langchain_pipeline"

    def run(self) -> Piped:
        say(self._child, "{}")
        line = hear(self._child)
        if not line:
            raise EngineError(f"LangChain's pipeline ended before its documents did. {self.last_words()}")
        return Piped.model_validate_json(line)


def _peers(papers: Path, replica: ReplicaSpec) -> dict[str, PipeSpec]:
    cores, limits = len(os.sched_getaffinity(0)), IngestSettings()
    given = {"folder": str(papers), "chunk_chars": limits.chunk_chars, "overlap_chars": limits.chunk_overlap_chars, "threads": cores}
    return {
        LANGCHAIN: PipeSpec.model_validate(given | {"model": str(weights())}),
        LANGCHAIN_ENGINE: PipeSpec.model_validate(given | {"replica": replica.model_copy(update={"threads": cores})}),
    }


def _piped(spec: PipeSpec) -> Ingested:
    with LangChain(spec) as peer:
        began = time.perf_counter()
        done, cpu_s = peer.timed(peer.run)
    return Ingested(done.documents, done.chunks, time.perf_counter() - began, done.seconds, cpu_s)


def _ingested(hearth: Hearth, knowledge: Knowledge, name: str, folder: Path) -> Ingested:
    place = knowledge.collection(name)
    paths = sorted(folder.iterdir())
    began = time.perf_counter()
    with MemoryWatch(hearth.processes) as watch:
        results, cpu_s = hearth.timed(lambda: knowledge.finished(knowledge.upload(place, read(paths, folder))))
    seconds = time.perf_counter() - began
    stages: dict[str, float] = {}
    for result in results:
        for stage, spent in result["result"]["seconds"].items():
            stages[stage] = stages.get(stage, 0.0) + spent
    return Ingested(len(paths), sum(one["result"]["chunks"] for one in results), seconds, stages, cpu_s, watch.peak)


def _grown(hearth: Hearth, knowledge: Knowledge, plan: Plan, folder: Path, report: Report) -> tuple[list[Ingested], Outcome, Outcome, bool]:
    """Ingestions of each size, and what those who chat saw before all of them and during the last."""
    report("chat while nothing else happens")
    hearth.run(_chat(8))  # warm-up, not counted
    idle = hearth.run(_chat(plan.questions))
    sizes, first = list[Ingested](), 0
    for size in plan.sizes[:-1]:
        report(f"{size} short notes")
        sizes.append(_ingested(hearth, knowledge, f"notes-{size}", _folder_of_notes(folder, size, first)))
        first += size
    size = plan.sizes[-1]
    report(f"{size} short notes, and chat meanwhile")
    notes = _folder_of_notes(folder, size, first)
    with ThreadPoolExecutor(1) as aside:
        chat = aside.submit(hearth.run, _chat(BUSY * plan.questions))
        sizes.append(_ingested(hearth, knowledge, f"notes-{size}", notes))
        within = chat.done()
        busy = chat.result()
    return sizes, idle, busy, within


def _folder_of_notes(parent: Path, count: int, first: int) -> Path:
    folder = parent / f"notes-{count}"
    folder.mkdir()
    write_notes(folder, count, first)
    return folder


def _chat(questions: int) -> Job:
    return Job(model=CHAT_MODEL, streams=PEOPLE, requests=questions, max_tokens=TOKENS, stagger_s=TOKENS / PACE)


def _joined(runs: Sequence[Ingested]) -> Ingested:
    """All rounds as one: their documents and their time added up."""
    stages: dict[str, float] = {}
    for one in runs:
        for stage, seconds in one.stages.items():
            stages[stage] = stages.get(stage, 0.0) + seconds
    return Ingested(
        sum(one.documents for one in runs),
        sum(one.chunks for one in runs),
        sum(one.seconds for one in runs),
        stages,
        sum(one.cpu_s for one in runs),
        Peak(max(one.peak.job for one in runs), max(one.peak.everything for one in runs)),
    )


def _rate(one: Ingested | None) -> float | None:
    return ratio(float(one.documents), one.seconds) if one is not None else None


def _row(name: str, one: Ingested) -> tuple[Cell, ...]:
    memory: tuple[Cell, ...] = (one.peak.job / 2**20, one.peak.everything / 2**20) if one.peak.everything else (None, None)
    spent = ratio(one.cpu_s, one.chunks / 1000)
    return (name, one.documents, one.chunks, _rate(one), ratio(float(one.chunks), one.seconds), spent, *memory)


def _shares(stages: Mapping[str, float]) -> str:
    whole = sum(stages.values()) or 1.0
    return ", ".join(f"{stage} {spent / whole:.0%}" for stage, spent in sorted(stages.items(), key=lambda pair: -pair[1]))


def _notes(plan: Plan, seen: Seen, best: Mapping[str, Ingested]) -> tuple[str, ...]:
    shares = [f"{name}: {_shares(one.stages)}." for name, one in best.items()]
    errors = dict.fromkeys((*seen.idle.errors, *seen.busy.errors))
    within = "." if seen.chat_within else "; some of them after it had ended."
    return (
        f"Compared: {plan.papers} documents of about 2700 characters, in turn text, Markdown, HTML, Word and PDF, cut to 1000 characters "
        f"with 200 shared and embedded by {MODEL}. Hearth's time is from the first byte of the upload over HTTP to the end of the job, the "
        "start of its processes included, and what it wrote is on disk; LangChain's is from the first file read, the model being loaded, "
        "to the last vector in a list in memory. While LangChain works, Hearth's cluster is idle.",
        "Time by stage, of all workers together, waiting for each other included: " + " ".join(shares),
        f"Short notes: {', '.join(str(size) for size in plan.sizes)} text files of a paragraph each, each size a collection of its own. "
        "Memory is PSS, the most that was seen; its processes are the job, the workers of its stages and their parsers. The cluster grows "
        "with the index it holds.",
        f"Chat: {PEOPLE} people without a pause, answers of {TOKENS} tokens at {PACE:g} a second; {len(seen.idle.ttft_ms)} answers while "
        f"nothing else happened, {len(seen.busy.ttft_ms)} while {plan.sizes[-1]} notes were uploaded and ingested{within}",
        *(f"error: {error}" for error in list(errors)[:20]),
    )


def _verdicts(seen: Seen, best: Mapping[str, Ingested]) -> tuple[Verdict, ...]:
    return (
        *(_faster(name, ratio(_rate(best.get(OURS)), _rate(best.get(name)))) for name in (LANGCHAIN, LANGCHAIN_ENGINE)),
        _flat(seen.sizes),
        _chats_on(seen),
    )


def _faster(peer: str, gain: float | None) -> Verdict:
    claim = f"documents/s against {peer}"
    if gain is None:
        return Verdict(claim, f">= {FASTER:g} times", "not part of this run", None)
    return Verdict(claim, f">= {FASTER:g} times", f"{gain:.2f} times", gain >= FASTER)


def _flat(sizes: Sequence[Ingested]) -> Verdict:
    small, large = sizes[0], sizes[-1]
    growth = ratio(float(large.peak.job), float(small.peak.job))
    claim = f"memory of an ingestion's processes, {large.documents} documents against {small.documents}"
    if growth is None:
        return Verdict(claim, f"<= {FLAT:g} times", "it ended before it was looked at", None)
    return Verdict(claim, f"<= {FLAT:g} times", f"{growth:.2f} times ({large.peak.job / 2**20:.0f} MB)", growth <= FLAT)


def _chats_on(seen: Seen) -> Verdict:
    claim, target = f"chat TTFT p95 while {seen.sizes[-1].documents} documents go in, against idle", f"<= {SLOWER:g} times"
    before, during = percentile(seen.idle.ttft_ms, 95), percentile(seen.busy.ttft_ms, 95)
    slower = ratio(during, before)
    if before is None or during is None or slower is None:
        return Verdict(claim, target, "nothing was answered", None)
    if not seen.chat_within:
        return Verdict(claim, target, "the ingestion ended before the chat did", None)
    return Verdict(claim, target, f"{slower:.2f} times ({before:.0f} ms, then {during:.0f} ms)", slower <= SLOWER)


def _plots(seen: Seen, best: Mapping[str, Ingested]) -> tuple[Plot, ...]:
    ours = best.get(OURS)
    stages = sorted(ours.stages.items(), key=lambda pair: -pair[1]) if ours else []
    whole = sum(spent for _, spent in stages) or 1.0
    shares = {OURS: tuple((float(at), 100 * spent / whole) for at, (_, spent) in enumerate(stages))}
    memory = {
        "its processes": tuple((float(one.documents), one.peak.job / 2**20) for one in seen.sizes),
        "the whole cluster": tuple((float(one.documents), one.peak.everything / 2**20) for one in seen.sizes),
    }
    drawn = (Plot("Share of time by stage", "stage", "%", shares, names=tuple(stage for stage, _ in stages)),) if stages else ()
    return (*drawn, Plot("Memory by number of documents", "documents", "MB", memory))
