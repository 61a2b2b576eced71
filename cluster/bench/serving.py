"""`hearth bench serving`: one small model behind four stacks, in one run. What does each layer cost, and does Hearth add what it may?

Paced at 50 tokens a second a stream (what a P40 does with an 8B model) the engine is never the limit, so what is seen is the stack. At real
speed a model of a few million parameters turns every cost of the stack into lost tokens, which no larger model would show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gguf import GGUFReader, TokenType

from cluster.bench.contenders import BareServe, Direct, EngineServer, Streaming
from cluster.bench.hearth import Hearth, replica_spec
from cluster.bench.report import BenchResult, Cell, Plot, Verdict
from cluster.bench.statistics import difference, percentile, ratio
from cluster.bench.streams import Job, Outcome
from cluster.contracts.serving import ReplicaSpec
from cluster.specs.profile import ProfileSpec, ServedModel

MODEL = "hearth-nano"
PACE = 50.0
STREAMS = (1, 4, 16, 64)
# Figures to reach: paced, at this many streams.
TARGET_STREAMS = 16
TARGET_RATIO, TARGET_P50_MS, TARGET_P99_MS = 0.98, 5.0, 15.0

Report = Callable[[str], None]
Key = tuple[str, bool, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. ``rounds`` alternate the order of the contenders, so that a machine that slows down slows all of them."""

    streams: tuple[int, ...] = STREAMS
    rounds: int = 2
    max_tokens: int = 128
    waves: int = 5

    def job(self, streams: int, paced: bool, quiet: tuple[int, ...]) -> Job:
        spread = self.max_tokens / PACE if paced else 0.0
        requests = max(8, self.waves * streams)
        return Job(model=MODEL, streams=streams, requests=requests, max_tokens=self.max_tokens, stagger_s=spread, silenced=quiet)


QUICK = Plan(streams=(1, 4), rounds=1, max_tokens=32, waves=2)


def run(plan: Plan, report: Report) -> BenchResult:
    """Measures everything ``plan`` asks for; ``report`` is told what is going on. Raises EngineError when a contender does not start."""
    seen: dict[Key, list[Outcome]] = {}
    for number in range(plan.rounds):
        for paced in (True, False):
            profile = profile_of(plan, paced)
            spec = replica_spec(profile, MODEL)
            quiet = silenced(gguf_of(spec))
            made = contenders(spec, profile, paced)
            for contender in made if number % 2 == 0 else reversed(made):
                report(f"round {number + 1} of {plan.rounds}, {_pace(paced)}: {contender.name}")
                for streams, outcome in _measure(contender, plan, paced, quiet):
                    seen.setdefault((contender.name, paced, streams), []).append(outcome)
    return summarise(plan, {key: _joined(outcomes) for key, outcomes in seen.items()})


def profile_of(plan: Plan, paced: bool) -> ProfileSpec:
    """A profile with the model alone, with a slot for every stream."""
    served = ServedModel(
        model=MODEL, pinned=True, context_tokens=256, parallel=max(plan.streams), pace_tokens_per_s=PACE if paced else None
    )
    return ProfileSpec(name="bench", description="One model, measured.", devices="cpu", models=(served,))


def contenders(spec: ReplicaSpec, profile: ProfileSpec, paced: bool) -> list[Streaming]:
    """llama.cpp's own server cannot be paced."""
    own = [] if paced else [EngineServer(spec)]
    return [Direct(spec), *own, BareServe(spec), Hearth(profile)]


def gguf_of(spec: ReplicaSpec) -> Path:
    return Path(spec.path) / spec.file if spec.file else Path(spec.path)


def silenced(path: Path) -> tuple[int, ...]:
    """Ids of a GGUF vocabulary's control tokens, one of which would end an answer early."""
    field = GGUFReader(path).get_field("tokenizer.ggml.token_type")
    types = field.contents() if field else []
    return tuple(number for number, kind in enumerate(types) if kind == TokenType.CONTROL)


def summarise(plan: Plan, seen: dict[Key, Outcome]) -> BenchResult:
    """The table, the verdicts and the plots, from what was seen by (contender, paced, streams)."""
    columns = (
        "stack", "speed", "streams", "tokens/s", "vs direct", "TTFT p50, ms", "TTFT p99, ms", "inter-token p50, ms", "inter-token p99, ms",
        "CPU s / 1000 tokens", "client CPU s / 1000 tokens", "errors",
    )  # fmt: skip
    rows = tuple(_row(key, outcome, seen) for key, outcome in sorted(seen.items(), key=lambda item: (not item[0][1], item[0][2])))
    notes = (
        f"{plan.rounds} rounds, order of the stacks reversed in every second; {plan.max_tokens} tokens an answer, {plan.waves} answers a "
        f"stream and round; paced runs start their streams evenly over the length of one answer.",
        "TTFT and inter-token times are seen by the client, from the request to the arrival of text; several tokens that arrive "
        "together count as one arrival. CPU is of all processes of the stack; the engine's share is in every row.",
        "llama.cpp's own server cannot be paced: n/a.",
    )
    return BenchResult("serving", columns, rows, notes, _verdicts(seen), _plots(seen))


def _measure(contender: Streaming, plan: Plan, paced: bool, quiet: tuple[int, ...]) -> Iterator[tuple[int, Outcome]]:
    with contender:
        contender.run(Job(model=MODEL, streams=4, requests=8, max_tokens=16, silenced=quiet, seed=0))  # warm-up, not counted
        for streams in plan.streams:
            yield streams, contender.run(plan.job(streams, paced, quiet))


def _joined(outcomes: list[Outcome]) -> Outcome:
    return Outcome(
        seconds=sum(outcome.seconds for outcome in outcomes),
        tokens=sum(outcome.tokens for outcome in outcomes),
        ttft_ms=tuple(value for outcome in outcomes for value in outcome.ttft_ms),
        gaps_ms=tuple(value for outcome in outcomes for value in outcome.gaps_ms),
        errors=tuple(error for outcome in outcomes for error in outcome.errors),
        peak_open=max(outcome.peak_open for outcome in outcomes),
        client_cpu_s=sum(outcome.client_cpu_s for outcome in outcomes),
        server_cpu_s=sum(outcome.server_cpu_s for outcome in outcomes),
    )


def _row(key: Key, outcome: Outcome, seen: dict[Key, Outcome]) -> tuple[Cell, ...]:
    name, paced, streams = key
    direct = seen.get((Direct.name, paced, streams))
    thousands = outcome.tokens / 1000 or None
    return (
        name,
        _pace(paced),
        streams,
        _rate(outcome),
        ratio(_rate(outcome), _rate(direct)),
        percentile(outcome.ttft_ms, 50),
        percentile(outcome.ttft_ms, 99),
        percentile(outcome.gaps_ms, 50),
        percentile(outcome.gaps_ms, 99),
        ratio(outcome.server_cpu_s, thousands),
        # The direct engine shares a process with its client: its CPU is in the column before.
        None if name == Direct.name else ratio(outcome.client_cpu_s, thousands),
        len(outcome.errors),
    )


def _rate(outcome: Outcome | None) -> float | None:
    return ratio(float(outcome.tokens), outcome.seconds) if outcome else None


def _verdicts(seen: dict[Key, Outcome]) -> tuple[Verdict, ...]:
    where = f"paced, {TARGET_STREAMS} streams"
    ours, direct = seen.get((Hearth.name, True, TARGET_STREAMS)), seen.get((Direct.name, True, TARGET_STREAMS))
    share = ratio(_rate(ours), _rate(direct))
    verdicts = [
        _verdict(
            f"throughput against the engine directly ({where})", f">= {TARGET_RATIO:.0%}", share, "{:.1%}", share and share >= TARGET_RATIO
        )
    ]
    for q, most in ((50, TARGET_P50_MS), (99, TARGET_P99_MS)):
        added = difference(percentile(ours.ttft_ms, q), percentile(direct.ttft_ms, q)) if ours and direct else None
        verdicts.append(
            _verdict(f"added TTFT p{q} ({where})", f"<= {most:.0f} ms", added, "{:.1f} ms", added is not None and added <= most)
        )
    return tuple(verdicts)


def _verdict(claim: str, target: str, value: float | None, form: str, met: object) -> Verdict:
    if value is None:
        return Verdict(claim, target, "not part of this run", None)
    return Verdict(claim, target, form.format(value), bool(met))


def _plots(seen: dict[Key, Outcome]) -> tuple[Plot, ...]:
    def lines(paced: bool, value: Callable[[Outcome], float | None]) -> dict[str, tuple[tuple[float, float], ...]]:
        found: dict[str, list[tuple[float, float]]] = {}
        for (name, is_paced, streams), outcome in sorted(seen.items(), key=lambda item: item[0][2]):
            if is_paced is paced and (y := value(outcome)) is not None:
                found.setdefault(name, []).append((float(streams), y))
        return {name: tuple(points) for name, points in found.items()}

    return (
        Plot("Throughput at real speed", "streams", "tokens/s", lines(False, _rate), log_x=True),
        Plot("TTFT p50, paced", "streams", "ms", lines(True, lambda outcome: percentile(outcome.ttft_ms, 50)), log_x=True),
        Plot("Inter-token p99, paced", "streams", "ms", lines(True, lambda outcome: percentile(outcome.gaps_ms, 99)), log_x=True),
    )


def _pace(paced: bool) -> str:
    return f"{PACE:.0f} tokens/s" if paced else "real"
