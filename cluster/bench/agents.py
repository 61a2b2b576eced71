"""`hearth bench agents`: what a node costs that does nothing, against LangGraph in a bare script, two hundred runs at
once, and what it saves that models are announced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from pydantic import BaseModel, ByteSize, ConfigDict, Field

from cluster.bench import prefetch
from cluster.bench.chains import ChainJob, ChainSeen, chain
from cluster.bench.contenders import Program, client, hear, say
from cluster.bench.hearth import Hearth, replica_spec
from cluster.bench.report import BenchResult, Cell, Plot, Verdict
from cluster.bench.serving import MODEL, gguf_of
from cluster.bench.statistics import difference, percentile, ratio
from cluster.errors import EngineError
from cluster.settings import Settings
from cluster.specs.profile import ProfileSpec, ServedModel
from cluster.stores.urls import database_url

Report = Callable[[str], None]
WORKFLOWS = "/api/v1/workflows"
SCHEMA = "bench_langgraph"
# The figure to reach, in milliseconds a node, and connections of the bare script to the database.
NODE_MS, CONNECTIONS = 5.0, 8
WARM_UP = 5
OURS, BARE = "Hearth", "bare LangGraph"


class BareSpec(BaseModel):
    """What the bare script is told: a database, in which it makes LangGraph's tables where they are not there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str = Field(repr=False)
    connections: int = Field(ge=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """``runs`` one after another of a chain of one node and of one of ``nodes``, for ``rounds``; then ``many`` runs of the long one
    at once; then ``turns`` rounds of three models that take turns (prefetch.py)."""

    nodes: int = 20
    runs: int = 100
    many: int = 200
    rounds: int = 2
    turns: int = 5


QUICK = Plan(runs=5, many=20, rounds=1, turns=1)


@dataclass(frozen=True, slots=True)
class Measured:
    """``cpu_s``: of all processes of the contender while the runs went on."""

    job: ChainJob
    seen: ChainSeen
    cpu_s: float


# By contender: chains of one node, long ones, and many at once.
Seen = Mapping[str, tuple[Measured, Measured, Measured]]


class HearthChains(Hearth):
    """Runs chains over HTTP."""

    name = OURS

    def keep(self, graph: dict[str, Any]) -> None:
        """The graph, from now on known by its name. Raises EngineError."""
        with self.client() as http:
            answer = http.post(f"{WORKFLOWS}/definitions", json={"spec": graph})
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            raise EngineError(f"Hearth did not take the graph: {answer.text[:500]}")

    def chains(self, job: ChainJob) -> ChainSeen:
        return ChainSeen.model_validate_json(client("cluster.bench.chains", self.port, WORKFLOWS, job.model_copy(update={"key": self.key})))


class BareLangGraph(Program):
    name = BARE
    module = "deployments.bench.bare_langgraph"

    def chains(self, job: ChainJob) -> ChainSeen:
        say(self._child, job.model_dump_json())
        line = hear(self._child)
        if not line:
            raise EngineError(f"The bare script ended before its runs did. {self.last_words()}")
        return ChainSeen.model_validate_json(line)


def run(plan: Plan, report: Report) -> BenchResult:
    """Measures on a cluster of its own, and in a bare script on the same database while that is idle. Raises EngineError."""
    report("starting a cluster of its own")
    with HearthChains(profile(plan), _twins()) as hearth, tables_apart(Settings(home=hearth.home.root)) as database:
        for graph in (chain(1), chain(plan.nodes), *map(prefetch.trio, prefetch.KINDS)):
            hearth.keep(graph)
        with BareLangGraph(BareSpec(database=database, connections=CONNECTIONS)) as bare:
            contenders: tuple[HearthChains | BareLangGraph, ...] = (hearth, bare)
            for contender in contenders:
                contender.chains(ChainJob(nodes=plan.nodes, runs=WARM_UP))  # not counted
            apart: dict[str, list[tuple[Measured, Measured]]] = {OURS: [], BARE: []}
            for number in range(plan.rounds):
                for contender in contenders if number % 2 == 0 else reversed(contenders):
                    report(f"{plan.runs} runs one after another, round {number + 1} of {plan.rounds}: {contender.name}")
                    short = _measured(contender, ChainJob(nodes=1, runs=plan.runs))
                    apart[contender.name].append((short, _measured(contender, ChainJob(nodes=plan.nodes, runs=plan.runs))))
            many = {}
            for contender in contenders:
                report(f"{plan.many} runs at once: {contender.name}")
                many[contender.name] = _measured(contender, ChainJob(nodes=plan.nodes, runs=plan.many, at_once=plan.many))
        with hearth.client() as http:
            turns = prefetch.measure(http, WORKFLOWS, plan.turns, report)
    seen = {name: (joined([one for one, _ in rounds]), joined([one for _, one in rounds]), many[name]) for name, rounds in apart.items()}
    return summarise(plan, seen, turns)


def _twins() -> dict[str, str]:
    alone = ProfileSpec(name="alone", description="Weights.", devices="cpu", models=(ServedModel(model=MODEL, context_tokens=128),))
    return prefetch.entries(gguf_of(replica_spec(alone, MODEL)))


def profile(plan: Plan) -> ProfileSpec:
    """Three models, asked only at the end, and room for all runs at once."""
    settings = {
        "graphs": {"concurrent": plan.many, "concurrent_per_organisation": plan.many},
        "residency": {"min_stay_s": 0.0},
    }
    return ProfileSpec(
        name="bench",
        description="Graphs.",
        devices="cpu",
        cpu_memory=ByteSize(prefetch.MEMORY),
        models=prefetch.served(),
        settings=settings,
    )


def joined(rounds: list[Measured]) -> Measured:
    """All rounds as one."""
    seen = [one.seen for one in rounds]
    return Measured(
        rounds[0].job,
        ChainSeen(
            seconds=sum(one.seconds for one in seen),
            under_way_ms=tuple(value for one in seen for value in one.under_way_ms),
            whole_ms=tuple(value for one in seen for value in one.whole_ms),
            peak=max(one.peak for one in seen),
            errors=tuple(error for one in seen for error in one.errors),
        ),
        sum(one.cpu_s for one in rounds),
    )


def node_ms(short: Measured, long: Measured) -> float | None:
    """What one more node adds to a run, by the middle of each: what a run costs whatever it does, its beginning and its end, falls out."""
    added = difference(percentile(long.seen.under_way_ms, 50), percentile(short.seen.under_way_ms, 50))
    return ratio(added, float(long.job.nodes - short.job.nodes))


def summarise(plan: Plan, seen: Seen, turns: tuple[prefetch.Turns, ...] = prefetch.KINDS) -> BenchResult:
    """The table and the verdicts."""
    columns = (
        "runs of",
        "nodes",
        "runs",
        "at once",
        "failed",
        "under way p50, ms",
        "under way p95, ms",
        "whole p50, ms",
        "whole p95, ms",
        "one more node, ms",
        "runs/s",
        "CPU ms a node",
    )
    rows = tuple(
        _row(name, one, node_ms(short, long) if one is long else None)
        for name, (short, long, many) in seen.items()
        for one in (short, long, many)
    )
    rows += tuple(prefetch.rows(turns))
    verdicts = (_cheap(seen), _together(plan, seen), *prefetch.verdicts(turns))
    return BenchResult("agents", columns, rows, _notes(plan, seen) + prefetch.notes(turns), verdicts, (_plot(seen),))


def _measured(contender: HearthChains | BareLangGraph, job: ChainJob) -> Measured:
    seen, cpu_s = contender.timed(lambda: contender.chains(job))
    return Measured(job, seen, cpu_s)


def _row(name: str, one: Measured, added: float | None) -> tuple[Cell, ...]:
    done = len(one.seen.whole_ms)
    return (
        name,
        one.job.nodes,
        one.job.runs,
        one.seen.peak,
        len(one.seen.errors),
        percentile(one.seen.under_way_ms, 50),
        percentile(one.seen.under_way_ms, 95),
        percentile(one.seen.whole_ms, 50),
        percentile(one.seen.whole_ms, 95),
        added,
        ratio(float(done), one.seen.seconds),
        ratio(one.cpu_s * 1000, float(done * one.job.nodes)),
    )


def _cheap(seen: Seen) -> Verdict:
    claim, target = "one more node that does nothing, with its checkpoint, p50", f"<= {NODE_MS:g} ms"
    ours, bare = (node_ms(*seen[name][:2]) if name in seen else None for name in (OURS, BARE))
    if ours is None:
        return Verdict(claim, target, "no run ended well", None)
    beside = f" ({BARE} {bare:.2f} ms)" if bare is not None else ""
    return Verdict(claim, target, f"{ours:.2f} ms{beside}", ours <= NODE_MS)


def _together(plan: Plan, seen: Seen) -> Verdict:
    many = seen[OURS][2].seen
    done, failed = len(many.whole_ms), len(many.errors)
    p50, p95 = percentile(many.whole_ms, 50), percentile(many.whole_ms, 95)
    times = f"; whole p50 {p50:.0f} ms, p95 {p95:.0f} ms" if p50 is not None and p95 is not None else ""
    met = failed == 0 and done == plan.many
    return Verdict(f"{plan.many} runs of {plan.nodes} nodes at once", "no failure", f"{done} ended well, {failed} failed{times}", met)


def _notes(plan: Plan, seen: Seen) -> tuple[str, ...]:
    errors = dict.fromkeys(error for parts in seen.values() for one in parts for error in one.seen.errors)
    return (
        "Chains of nodes that each add one to a number; a checkpoint in the same PostgreSQL after each, written before the next begins. "
        f"Hearth is asked over HTTP, from another process, and besides keeps each step and its events; {BARE} is one process with "
        f"{CONNECTIONS} connections, whose runs nobody else can see, and none of which would go on after a crash by itself.",
        "Under way: from the first step of a run to its end. Whole: from asking for it to knowing its end. One more node: the difference "
        f"of the middle runs of {plan.nodes} nodes and of one, divided by {plan.nodes - 1}. "
        "At once: the most runs that were under way at one moment.",
        "CPU: of all processes of Hearth (the database's included) and of the bare script (without the database).",
        *(f"error: {error}" for error in list(errors)[:20]),
    )


def _plot(seen: Seen) -> Plot:
    """How long runs were, from the shortest to the longest, when all were begun at once."""
    series = {
        name: tuple((100 * (place + 1) / len(times), value) for place, value in enumerate(times))
        for name, (_, _, many) in seen.items()
        if (times := sorted(many.seen.whole_ms))
    }
    return Plot("Whole runs, all begun at once", "% of runs", "ms", series)


@contextmanager
def tables_apart(settings: Settings) -> Iterator[str]:
    """Where the bare script keeps its tables: the same database, apart from Hearth's, gone afterwards."""
    address = database_url(settings).replace("+psycopg", "", 1)
    with psycopg.connect(address, autocommit=True) as database:
        database.execute(SQL("CREATE SCHEMA {}").format(Identifier(SCHEMA)))
        try:
            yield make_conninfo(address, options=f"-c search_path={SCHEMA}")
        finally:
            database.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(SCHEMA)))
