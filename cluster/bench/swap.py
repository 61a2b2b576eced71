"""`hearth bench swap`: two language models that do not fit together, asked in turn. How long until the first token of the absent one?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from cluster.bench.contenders import CHAT, Direct
from cluster.bench.hearth import Hearth, replica_spec
from cluster.bench.report import BenchResult, Cell, Verdict
from cluster.bench.serving import MODEL, gguf_of
from cluster.bench.statistics import percentile
from cluster.bench.streams import Job
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import EngineError
from cluster.measurements import MeasurementKey, Measurements
from cluster.specs.profile import ProfileSpec, ServedModel

TWINS = ("nano-left", "nano-right")
BUDGET = 400 * 2**20
# Over the engine's load: leaving, a new process, and the call itself.
TARGET_S = 1.5
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Swap:
    """``first_s``: from the request to the first token. ``load_s``: of that, what the engine's own load took."""

    first_s: float
    load_s: float

    @property
    def added_s(self) -> float:
        return self.first_s - self.load_s


def run(report: Callable[[str], None], *, swaps: int = 20) -> BenchResult:
    """Asks the two in turn, each time the one that is not resident. Raises EngineError when the cluster or a request fails."""
    spec = replica_spec(_profile(MODEL), MODEL)
    report(f"the engine alone, in a new process, {swaps} times")
    alone = [_alone(spec) for _ in range(swaps)]
    report("starting a cluster of its own")
    with Hearth(_profile(*TWINS), {twin: catalog_entry(twin, gguf_of(spec)) for twin in TWINS}) as hearth, hearth.client() as client:
        report(f"{swaps} swaps")
        seen = list(_swaps(client, hearth, swaps))
    return summarise(alone, seen)


def summarise(alone: list[float], seen: list[Swap]) -> BenchResult:
    """The table and the verdict. ``alone``: seconds from the start of a process with the engine alone to its first token."""
    columns = (
        "stack",
        "swaps",
        "first token p50, s",
        "first token max, s",
        "of that load p50, s",
        "over the load p50, s",
        "over the load max, s",
    )
    rows: tuple[tuple[Cell, ...], ...] = (
        ("engine alone, new process", len(alone), percentile(alone, 50), max(alone), None, None, None),
        (
            "Hearth",
            len(seen),
            percentile([swap.first_s for swap in seen], 50),
            max(swap.first_s for swap in seen),
            percentile([swap.load_s for swap in seen], 50),
            percentile([swap.added_s for swap in seen], 50),
            max(swap.added_s for swap in seen),
        ),
    )
    added = percentile([swap.added_s for swap in seen], 50)
    verdict = Verdict(
        "request to first token of a model that is not resident, over its engine's load (p50)",
        f"<= {TARGET_S} s",
        f"{added:.2f} s",
        added is not None and added <= TARGET_S,
    )
    notes = (
        "Two copies of one small model in memory that holds one. min_stay_s is 0 here: how long a model may stay is policy, not speed.",
        "The engine alone: from the start of a Python process, with its imports, to the first token.",
    )
    return BenchResult("swap", columns, rows, notes, (verdict,))


def _profile(*models: str) -> ProfileSpec:
    served = tuple(ServedModel(model=model, context_tokens=256, parallel=2, budget=BUDGET) for model in models)
    settings = {"residency": {"min_stay_s": 0.0}}
    return ProfileSpec(
        name="bench", description="Two that take turns.", devices="cpu", cpu_memory=BUDGET * 3 // 2, models=served, settings=settings
    )


def catalog_entry(model: str, weights: Path) -> str:
    """YAML of a language model of the catalog, from a GGUF file."""
    variant = {"engine": "llama_cpp", "source": {"kind": "path", "path": str(weights.parent)}, "file": weights.name, "quantization": "Q8_0"}
    entry = {"id": model, "kind": "llm", "description": "A twin for the bench.", "license": "Apache-2.0", "owned_by": "hearth"}
    return yaml.safe_dump({**entry, "capabilities": ["chat"], "variants": [variant]})


def _alone(spec: ReplicaSpec) -> float:
    started = time.perf_counter()
    with Direct(spec) as engine:
        outcome = engine.run(Job(model=spec.model, streams=1, requests=1, max_tokens=1))
        if outcome.errors:
            raise EngineError(f"The engine alone did not answer: {outcome.errors[0]}")
        return time.perf_counter() - started


def _swaps(client: httpx.Client, hearth: Hearth, swaps: int) -> Iterator[Swap]:
    for twin in TWINS:
        _first_token(client, twin)  # whichever was resident after the start, from here on they alternate
    for number in range(swaps):
        twin = TWINS[number % 2]
        first_s = _first_token(client, twin)
        yield Swap(first_s, _load_s(hearth, twin))


def _load_s(hearth: Hearth, model: str) -> float:
    """What the replica that loaded last recorded of itself."""
    key = MeasurementKey.of(hearth.replica(model))
    found = Measurements(hearth.home.state).get(key)
    if found is None or found.load_s is None:
        raise EngineError(f"The replica of {model} recorded no load time.")
    return found.load_s


def _first_token(client: httpx.Client, model: str) -> float:
    """Seconds from sending a streaming request to the arrival of the first token."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hello."}], "stream": True, "max_tokens": 4}
    started = time.perf_counter()
    with client.stream("POST", CHAT, json=body, timeout=PATIENCE_S) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if line.startswith("data: {"):
                event = json.loads(line.removeprefix("data: "))
                if "error" in event:
                    raise EngineError(f"{model}: {event['error']}")
                if event["choices"] and event["choices"][0]["delta"].get("content"):
                    return time.perf_counter() - started
    raise EngineError(f"{model} answered without a token.")
