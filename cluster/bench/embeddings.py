"""`hearth bench embeddings`: 64 callers with one sentence each, against a naive server and, where there is one, infinity-emb."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from cluster.bench.calls import CallJob, CallOutcome
from cluster.bench.contenders import Listening, client
from cluster.bench.hearth import Hearth
from cluster.bench.report import BenchResult, Cell, Verdict
from cluster.bench.statistics import percentile, ratio
from cluster.errors import EngineError
from cluster.home import CATALOG, REPOSITORY, Home
from cluster.settings import load_settings
from cluster.specs.catalog import Catalog
from cluster.specs.profile import ProfileSpec, ServedModel
from cluster.weights import inspect

MODEL = "all-minilm-l6-v2"
CALLERS = 64
TARGET = 1.3
PROBES = 16
Report = Callable[[str], None]
Measured = dict[str, tuple[CallOutcome, float]]


class Folder(BaseModel):
    """What the other servers are told: a sentence-transformers folder."""

    path: str
    model: str = MODEL


class Naive(Listening):
    name = "sentence-transformers, one call a request"
    module = "deployments.bench.naive_embeddings"
    path = "/v1/embeddings"


class Infinity(Listening):
    """infinity-emb in another environment, whose interpreter is ``python``."""

    name = "infinity-emb"
    module = "deployments.bench.infinity"
    path = "/embeddings"

    def __init__(self, spec: BaseModel, python: Path) -> None:
        super().__init__(spec)
        self._python = python

    def command(self) -> list[str]:
        return [str(self._python), str(REPOSITORY / "deployments" / "bench" / "infinity.py")]


class HearthEmbeddings(Hearth):
    path = "/v1/embeddings"


Server = Naive | Infinity | HearthEmbeddings


def run(report: Report, *, requests: int = 1280, rounds: int = 2, peer_python: Path | None = None) -> BenchResult:
    """Measures ``requests`` sentences a round for each server, in alternating order. ``peer_python``: an interpreter with infinity-emb.

    Raises EngineError when a server does not start or the model is not on this machine.
    """
    seen: dict[str, list[tuple[CallOutcome, float]]] = {}
    vectors: dict[str, npt.NDArray[np.float64]] = {}
    for number in range(rounds):
        servers = _servers(peer_python)
        for server in servers if number % 2 == 0 else reversed(servers):
            report(f"round {number + 1} of {rounds}: {server.name}")
            with server:
                _call(server, CallJob(model=MODEL, callers=8, requests=64, seed=0))  # warm-up, not counted
                job = CallJob(model=MODEL, callers=CALLERS, requests=requests)
                seen.setdefault(server.name, []).append(server.timed(partial(_call, server, job)))
                vectors[server.name] = _probe(server)
    return summarise({name: _joined(rounds_of) for name, rounds_of in seen.items()}, _agreement(vectors), peer_python is not None)


def summarise(seen: Measured, agreement: float | None, with_peer: bool) -> BenchResult:
    """The table and the verdicts, from what was seen of each server by name."""
    columns = ("server", "sentences/s", "vs naive", "p50, ms", "p99, ms", "CPU s / 1000 sentences", "errors")
    base = _rate(seen, Naive.name)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            name,
            _rate(seen, name),
            ratio(_rate(seen, name), base),
            percentile(outcome.latency_ms, 50),
            percentile(outcome.latency_ms, 99),
            ratio(cpu_s, len(outcome.latency_ms) / 1000),
            len(outcome.errors),
        )
        for name, (outcome, cpu_s) in seen.items()
    )
    notes = [f"{CALLERS} callers, each with one sentence of 8 to 24 words after another; the order of the servers alternates."]
    if agreement is not None:
        notes.append(
            f"Hearth serves int8 on ONNX Runtime, the naive server float32 on torch; mean cosine of their vectors: {agreement:.3f}."
        )
    if not with_peer:
        notes.append("infinity-emb: n/a, it needs an environment of its own; give its interpreter with --peer-python.")
    return BenchResult("embeddings", columns, rows, tuple(notes), _verdicts(seen))


def _servers(peer_python: Path | None) -> list[Server]:
    folder = Folder(path=str(weights()))
    peers: list[Server] = [Infinity(folder, peer_python)] if peer_python else []
    served = ServedModel(model=MODEL, pinned=True, engine="onnx_embedding")
    ours = HearthEmbeddings(ProfileSpec(name="bench", description="One model, measured.", devices="cpu", models=(served,)))
    return [Naive(folder), *peers, ours]


def weights() -> Path:
    """The folder of the model's own weights. Raises EngineError when they are not here."""
    model = Catalog.load(CATALOG).get(MODEL)
    found = inspect(model, model.variants[0], Home(load_settings().home))
    if found.path is None:
        raise EngineError(f"The bench needs '{MODEL}': {found.reason}")
    return found.path


def _call(server: Server, job: CallJob) -> CallOutcome:
    return CallOutcome.model_validate_json(
        client("cluster.bench.calls", server.port, server.path, job.model_copy(update={"key": server.key}))
    )


def _probe(server: Server) -> npt.NDArray[np.float64]:
    job = CallJob(model=MODEL, callers=1, requests=PROBES)
    shown = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60.0, headers=shown) as http:
        answers = [
            http.post(server.path, json={"model": MODEL, "input": job.sentence(number)}).raise_for_status() for number in range(PROBES)
        ]
    return np.asarray([answer.json()["data"][0]["embedding"] for answer in answers])


def _agreement(vectors: dict[str, npt.NDArray[np.float64]]) -> float | None:
    if Naive.name not in vectors or Hearth.name not in vectors:
        return None
    return float((vectors[Naive.name] * vectors[Hearth.name]).sum(axis=1).mean())


def _joined(rounds: list[tuple[CallOutcome, float]]) -> tuple[CallOutcome, float]:
    outcomes = [outcome for outcome, _ in rounds]
    whole = CallOutcome(
        seconds=sum(outcome.seconds for outcome in outcomes),
        latency_ms=tuple(value for outcome in outcomes for value in outcome.latency_ms),
        errors=tuple(error for outcome in outcomes for error in outcome.errors),
    )
    return whole, sum(cpu_s for _, cpu_s in rounds)


def _rate(seen: Measured, name: str) -> float | None:
    return ratio(float(len(seen[name][0].latency_ms)), seen[name][0].seconds) if name in seen else None


def _verdicts(seen: Measured) -> tuple[Verdict, ...]:
    ours = _rate(seen, Hearth.name)
    gain = ratio(ours, _rate(seen, Naive.name))
    peers = [rate for name in seen if name not in {Hearth.name, Naive.name} and (rate := _rate(seen, name)) is not None]
    claim = f"sentences/s against the naive server, {CALLERS} callers"
    first = Verdict(claim, f">= {TARGET} times", f"{gain:.2f} times" if gain else "not part of this run", gain >= TARGET if gain else None)
    if not peers or ours is None:
        return (first, Verdict("sentences/s against the best peer", ">= 1 time", "no peer in this run", None))
    share = ours / max(peers)
    return (first, Verdict("sentences/s against the best peer", ">= 1 time", f"{share:.2f} times", share >= 1.0))
