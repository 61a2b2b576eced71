"""`hearth bench`: measure, print the table and the verdicts, and keep them in bench-results/."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cluster.bench import agents as agents_bench
from cluster.bench import chat as chat_bench
from cluster.bench import connections as connections_bench
from cluster.bench import embeddings as embeddings_bench
from cluster.bench import graphs as graphs_bench
from cluster.bench import idle as idle_bench
from cluster.bench import ingest as ingest_bench
from cluster.bench import learning as learning_bench
from cluster.bench import nano as nano_bench
from cluster.bench import plan as plan_bench
from cluster.bench import retrieval as retrieval_bench
from cluster.bench import serving as serving_bench
from cluster.bench import swap as swap_bench
from cluster.bench.machine import describe
from cluster.bench.report import BenchResult, as_json, markdown, write
from cluster.cli.options import ProfileOption, profile_and_settings
from cluster.hardware import NvmlReader
from cluster.home import REPOSITORY

bench_app = typer.Typer(no_args_is_help=True)

OutOption = Annotated[Path, typer.Option("--out", help="Folder for the report, the JSON and the plots.", show_default="bench-results")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuickOption = Annotated[bool, typer.Option("--quick", help="A short run that shows that it works; its figures mean little.")]
RoundsOption = Annotated[int, typer.Option("--rounds", min=1, help="Rounds; every second one in reverse order.")]
PeerOption = Annotated[
    Path | None, typer.Option("--peer-python", help="Interpreter of an environment with infinity-emb.", show_default=False)
]
RerankerOption = Annotated[
    Path | None, typer.Option("--reranker", help="Folder of a cross-encoder to read the best again with.", show_default=False)
]
SeedsOption = Annotated[int, typer.Option("--seeds", min=1, max=100, help="How many, each with questions and a choice of its own.")]
SizesOption = Annotated[str, typer.Option("--sizes", help="Numbers of labels, with commas between them.")]
RESULTS = REPOSITORY / "bench-results"


@bench_app.callback()
def begin() -> None:
    """Measure Hearth, side by side with what it is compared with."""
    # Told to end, a bench ends what it started, as it does on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@bench_app.command()
def serving(rounds: RoundsOption = 2, quick: QuickOption = False, out: OutOption = RESULTS, print_json: JsonOption = False) -> None:
    """A language model called directly, through its own server, through bare Ray Serve, and through Hearth."""
    plan = serving_bench.QUICK if quick else serving_bench.Plan(rounds=rounds)
    _finish(serving_bench.run(plan, _say(print_json)), out, print_json)


@bench_app.command()
def embeddings(
    rounds: RoundsOption = 2,
    peer_python: PeerOption = None,
    quick: QuickOption = False,
    out: OutOption = RESULTS,
    print_json: JsonOption = False,
) -> None:
    """64 callers with one sentence each: Hearth, a naive sentence-transformers server, and infinity-emb where there is one."""
    requests, count = (128, 1) if quick else (1280, rounds)
    _finish(embeddings_bench.run(_say(print_json), requests=requests, rounds=count, peer_python=peer_python), out, print_json)


@bench_app.command()
def plan(quick: QuickOption = False, out: OutOption = RESULTS, print_json: JsonOption = False) -> None:
    """The planner against every possible assignment, on random instances."""
    _finish(plan_bench.run(instances=20 if quick else 500), out, print_json)


@bench_app.command()
def idle(profile: ProfileOption = None, quick: QuickOption = False, out: OutOption = RESULTS, print_json: JsonOption = False) -> None:
    """Memory and CPU of a cluster without traffic, process by process."""
    spec, _ = profile_and_settings(profile, {})
    settle_s, watch_s = (1.0, 2.0) if quick else (15.0, 30.0)
    _finish(idle_bench.run(spec, _say(print_json), settle_s=settle_s, watch_s=watch_s), out, print_json)


@bench_app.command()
def connections(quick: QuickOption = False, out: OutOption = RESULTS, print_json: JsonOption = False) -> None:
    """A thousand streams open at once."""
    _finish(connections_bench.run(_say(print_json), streams=50 if quick else 1000), out, print_json)


@bench_app.command()
def chat(quick: QuickOption = False, out: OutOption = RESULTS, print_json: JsonOption = False) -> None:
    """Conversations: preparing answers, recognising callers, a thousand readers, and 200,000 messages to find something in."""
    _finish(chat_bench.run(chat_bench.QUICK if quick else chat_bench.Plan(), _say(print_json)), out, print_json)


@bench_app.command()
def swap(quick: QuickOption = False, out: OutOption = RESULTS, print_json: JsonOption = False) -> None:
    """Two models that do not fit together, asked in turn: the wait for the first token of the one that is not there."""
    _finish(swap_bench.run(_say(print_json), swaps=2 if quick else 20), out, print_json)


@bench_app.command()
def retrieval(
    reranker: RerankerOption = None, quick: QuickOption = False, out: OutOption = RESULTS, print_json: JsonOption = False
) -> None:
    """Finding: nDCG, recall and MRR of each way to search on questions with known answers, and the speed of a large index."""
    plan = retrieval_bench.QUICK if quick else retrieval_bench.Plan()
    _finish(retrieval_bench.run(replace(plan, reranker=reranker), _say(print_json)), out, print_json)


@bench_app.command()
def ingest(quick: QuickOption = False, out: OutOption = RESULTS, print_json: JsonOption = False) -> None:
    """Documents a second against a pipeline of LangChain's, memory from 1000 to 20,000 documents, and chat while they go in."""
    _finish(ingest_bench.run(ingest_bench.QUICK if quick else ingest_bench.Plan(), _say(print_json)), out, print_json)


@bench_app.command()
def agents(rounds: RoundsOption = 2, quick: QuickOption = False, out: OutOption = RESULTS, print_json: JsonOption = False) -> None:
    """Graphs: what a node costs that does nothing, against LangGraph in a bare script, and 200 runs at once."""
    plan = agents_bench.QUICK if quick else agents_bench.Plan(rounds=rounds)
    _finish(agents_bench.run(plan, _say(print_json)), out, print_json)


@bench_app.command()
def graphs(quick: QuickOption = False, out: OutOption = RESULTS, print_json: JsonOption = False) -> None:
    """The graphs that come with Hearth, each on labelled cases over HTTP, beside something simpler."""
    _finish(graphs_bench.run(_say(print_json), count=4 if quick else 24), out, print_json)


@bench_app.command()
def learning(
    seeds: SeedsOption = 3,
    sizes: SizesOption = "50,100,200",
    quick: QuickOption = False,
    out: OutOption = RESULTS,
    print_json: JsonOption = False,
) -> None:
    """What corrections are worth: a task that hearth-nano does badly, learned from answers chosen actively or at random. What was measured
    is kept in the folder `learning` of --out, and not measured again."""
    counts = tuple(sorted(int(one) for one in sizes.split(",")))
    plan = learning_bench.QUICK if quick else learning_bench.Plan(seeds=tuple(range(1, seeds + 1)), sizes=counts)
    result = learning_bench.run(plan, _say(print_json), out / "learning")
    _finish(result, out, print_json)


@bench_app.command()
def nano(quick: QuickOption = False, out: OutOption = RESULTS, print_json: JsonOption = False) -> None:
    """What the nano models can do, skill by skill, on fresh questions, pictures and speech over HTTP."""
    few = {"items": 20, "rounds": 1, "recordings": 10} if quick else {}
    _finish(nano_bench.run(_say(print_json), **few), out, print_json)


def _say(quiet: bool) -> Callable[[str], None]:
    console = Console(stderr=True, quiet=quiet, highlight=False)
    return lambda step: console.print(f"{datetime.now(UTC):%H:%M:%S} {step}", markup=False)


def _finish(result: BenchResult, out: Path, print_json: bool) -> None:
    """Writes the report and prints it. A figure that was not reached is shown, and is no failure of the command."""
    machine, now = describe(NvmlReader()), datetime.now(UTC)
    folder = write(result, machine, out, now)
    typer.echo(as_json(result, machine, now) if print_json else markdown(result, machine, now))
    typer.echo(f"Written to {folder}", err=True)
