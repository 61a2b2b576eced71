"""`hearth bench connections`: a thousand streams open at once, each of them slow. None may fail."""

from __future__ import annotations

from collections.abc import Callable

from cluster.bench.hearth import Hearth, replica_spec
from cluster.bench.report import BenchResult, Verdict
from cluster.bench.serving import MODEL, gguf_of, silenced
from cluster.bench.statistics import percentile
from cluster.bench.streams import Job, Outcome
from cluster.specs.profile import ProfileSpec, ServedModel

# As many slots as a profile may ask for; the other streams are open and wait, as the callers of a busy card do.
SLOTS = 256
PACE = 4.0


def run(report: Callable[[str], None], *, streams: int = 1000, max_tokens: int = 16) -> BenchResult:
    """Opens ``streams`` streams within a second or two; each gets ``max_tokens`` tokens, at a few a second. Raises EngineError."""
    served = ServedModel(model=MODEL, pinned=True, context_tokens=128, parallel=SLOTS, pace_tokens_per_s=PACE)
    profile = ProfileSpec(name="bench", description="Slow streams.", devices="cpu", models=(served,))
    spec = replica_spec(profile, MODEL)
    job = Job(model=MODEL, streams=streams, requests=streams, max_tokens=max_tokens, stagger_s=2.0, silenced=silenced(gguf_of(spec)))
    report("starting a cluster of its own")
    with Hearth(profile) as hearth:
        report(f"opening {streams} streams")
        return summarise(hearth.run(job), streams)


def summarise(outcome: Outcome, streams: int) -> BenchResult:
    """The table and the verdict."""
    answered = len(outcome.ttft_ms)
    columns = (
        "streams",
        "open at once",
        "answered",
        "errors",
        "seconds",
        "TTFT p50, ms",
        "TTFT p99, ms",
        "CPU s of the cluster",
        "CPU s of the client",
    )
    row = (
        streams,
        outcome.peak_open,
        answered,
        len(outcome.errors),
        outcome.seconds,
        percentile(outcome.ttft_ms, 50),
        percentile(outcome.ttft_ms, 99),
        outcome.server_cpu_s,
        outcome.client_cpu_s,
    )
    notes = [f"{SLOTS} sequences at once, {PACE:g} tokens a second each; the other streams stay open and wait for a slot."]
    notes += [f"error: {error}" for error in dict.fromkeys(outcome.errors[:20])]
    met = not outcome.errors and answered == streams
    verdict = Verdict(f"{streams} concurrent streams", "no error", f"{len(outcome.errors)} errors, {answered} answered", met)
    return BenchResult("connections", columns, (row,), tuple(notes), (verdict,))
