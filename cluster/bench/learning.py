"""`hearth bench learning`: what corrections are worth. A task that hearth-nano does badly, a user who corrects its answers, chosen actively
or at random; every adapter goes the whole way over HTTP, and the one that llama.cpp serves is the one that is measured."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from cluster.bench.embeddings import MODEL as EMBEDDER
from cluster.bench.hearth import Hearth
from cluster.bench.learning_ledger import Ledger, Service, Speed
from cluster.bench.learning_marks import STRATEGIES, Band, Point, Strategy, band, curve, gained, lost, share_needed
from cluster.bench.learning_service import service
from cluster.bench.report import BenchResult, Cell, Plot, Verdict
from cluster.bench.serving import MODEL
from cluster.errors import EngineError
from cluster.home import REPOSITORY, Home
from cluster.learning.demo.loop import Adapter, Loop
from cluster.learning.demo.place import Place, make_place
from cluster.learning.demo.task import PARAMETERS, VERSION, Asked, held_out, traffic
from cluster.learning.demo.user import is_right
from cluster.learning.tuning.weights import find_base
from cluster.settings import load_settings
from cluster.specs.profile import ProfileSpec, ServedModel

RACE = "training.finetune.race"
GAIN, SHARE, LOSS, SECONDS, SPEED = 0.20, 0.60, 0.01, 2.0, 0.97
CONTEXT, PARALLEL = 1024, 8
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """``seeds`` and ``sizes``: numbers of labels, of which each adapter has one. ``traffic``: questions that were asked before; what the
    model was taught of it, and answered rightly, got a thumb up by itself. ``measured``: held-out questions; ``gated``: the gate's."""

    seeds: tuple[int, ...] = (1, 2, 3)
    sizes: tuple[int, ...] = (50, 100, 200)
    traffic: int = 320
    measured: int = 96
    gated: int = 72
    rounds: int = 5
    race_rounds: int = 8

    @property
    def title(self) -> str:
        """Of its ledger: points of another task or size of sets are not the same figure."""
        return f"task{VERSION}-traffic{self.traffic}-measured{self.measured}-most{max(self.sizes)}"


QUICK = Plan(seeds=(1,), sizes=(12, 24), traffic=40, measured=24, gated=24, rounds=1, race_rounds=2)


def run(plan: Plan, report: Report, folder: Path) -> BenchResult:
    """Measures on a cluster of its own. Raises EngineError when it fails; what was measured by then is kept in ``folder``."""
    ledger = Ledger(folder, plan.title)
    report(f"{len(ledger.points)} points are there already")
    if ledger.kept(Speed) is None:
        report("a training of ours beside a plain loop with PEFT")
        ledger.keep(race(plan))
    arms = [(seed, strategy) for seed in plan.seeds for strategy in STRATEGIES]
    if any(not ledger.has(seed, strategy, size) for seed, strategy in arms for size in (0, *plan.sizes)):
        report("starting a cluster of its own")
        with Hearth(profile()) as hearth:
            for seed, strategy in arms:
                _Arm(plan, hearth, ledger, seed, strategy, report).go()
    wanted = [point for point in ledger.points if point.seed in plan.seeds and point.labels in {0, *plan.sizes}]
    return summarise(wanted, ledger.kept(Service), ledger.kept(Speed))


def profile() -> ProfileSpec:
    models = (
        ServedModel(model=MODEL, pinned=True, context_tokens=CONTEXT, parallel=PARALLEL),
        ServedModel(model=EMBEDDER, pinned=True, engine="onnx_embedding"),
    )
    settings = {"active_learning": {"asked": 320}, "gate": {"concurrency": 4}}
    return ProfileSpec(
        name="bench", description="The nano model, and what compares texts.", devices="cpu", models=models, settings=settings
    )


class _Arm:
    """One seed and one way to choose, in an organisation of its own."""

    def __init__(self, plan: Plan, hearth: Hearth, ledger: Ledger, seed: int, strategy: Strategy, report: Report) -> None:
        self._plan, self._hearth, self._ledger, self._report = plan, hearth, ledger, report
        self._seed, self._strategy = seed, strategy
        self._questions = held_out(seed, plan.measured)
        self._gated = held_out(1000 + seed, plan.gated)

    @cached_property
    def loop(self) -> Loop:
        """In an organisation that is made for it."""
        url, name = self._hearth.url, f"{self._strategy}-{self._seed}"
        return Loop(Place(url, make_place(url, self._hearth.key, name)), MODEL, name)

    def go(self) -> None:
        """Measures what is missing. A run that goes on chooses what the one before it chose: the base answers and is asked at the
        temperature 0, and what is random depends on the seed."""
        missing = [size for size in (0, *self._plan.sizes) if not self._ledger.has(self._seed, self._strategy, size)]
        if not missing:
            return
        self.loop.agree()
        if 0 in missing:
            self._ledger.add(self._point(0, 0, MODEL))
        self._report(f"{self.loop.name}: asking {self._plan.traffic} questions")
        self.loop.thank(self.loop.talk(traffic(self._seed, self._plan.traffic)))
        chosen, _ = self.loop.choose(max(self._plan.sizes), self._strategy, self._seed)
        told = 0
        for size in self._plan.sizes:
            self.loop.correct(chosen[told:size])
            told = size
            if size in missing:
                self._ledger.add(self._measured(size, sum(not is_right(one.asked, one.answer) for one in chosen[:size])))

    def _served(self, adapter: Adapter) -> None:
        if self._ledger.kept(Service) is None:
            self._report("promoting and rolling back under load")
            self._ledger.keep(service(self.loop, adapter, self._questions, self._plan.rounds))

    def _measured(self, size: int, corrections: int) -> Point:
        began = time.monotonic()
        adapter = self.loop.train(self.loop.build(), PARAMETERS)
        trained = time.monotonic() - began
        # All that it is asked comes before the gate: what that refuses answers nobody.
        point = self._point(size, corrections, adapter.model)
        self._served(adapter)
        verdict = self.loop.examine(adapter, self._gated)
        marks = {one["name"]: one for one in verdict["sets"]}.get("regression", {})
        self._report(f"{self.loop.name}: {size} labels, {point.accuracy:.1%} right, the gate says {verdict['outcome']}")
        return point.model_copy(
            update={
                "old": marks.get("candidate"),
                "old_base": marks.get("incumbent"),
                "verdict": verdict["outcome"],
                "tokens_per_s": adapter.figures.get("tokens_per_s"),
                "seconds": trained,
            }
        )

    def _point(self, size: int, corrections: int, model: str) -> Point:
        right = marked(self._questions, self.loop.answers(model, self._questions))
        return Point(seed=self._seed, strategy=self._strategy, labels=size, corrections=corrections, right=right)


def marked(asked: Sequence[Asked], answers: Sequence[str]) -> tuple[bool, ...]:
    return tuple(is_right(one, answer) for one, answer in zip(asked, answers, strict=True))


def race(plan: Plan) -> Speed:
    """Tokens a second of our training and of the plain loop, in a process of their own. Raises EngineError when it fails."""
    weights = find_base(MODEL, Home(load_settings().home))
    with tempfile.TemporaryDirectory(prefix="hearth-race-") as folder:
        file = Path(folder) / "examples.jsonl"
        file.write_text("".join(map(_conversation, traffic(1, 200))))
        command = [sys.executable, "-m", RACE, str(weights), str(file), "--rounds", str(plan.race_rounds)]
        ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise EngineError(f"The race of two trainings failed: {ran.stderr[-2000:]}")
    return Speed.model_validate_json(ran.stdout.splitlines()[-1])


def _conversation(asked: Asked) -> str:
    turns = [{"role": "user", "content": asked.prompt}, {"role": "assistant", "content": asked.answer}]
    return json.dumps({"messages": turns}) + "\n"


def bands(points: Sequence[Point]) -> dict[Strategy, list[tuple[int, Band]]]:
    """The curve of each strategy."""
    return {one: [(labels, band(some)) for labels, some in curve(points, one).items()] for one in STRATEGIES}


def summarise(points: Sequence[Point], served: Service | None, speed: Speed | None) -> BenchResult:
    """The table of points and the verdicts."""
    columns = ("chosen", "labels", "of them corrections", "right, %", "low, %", "high, %", "old skills, %", "gate", "seeds")
    rows: list[tuple[Cell, ...]] = []
    for strategy, heights in bands(points).items():
        for labels, height in heights:
            rows.append(_row(strategy, labels, height, curve(points, strategy)[labels]))
    seeds = len({point.seed for point in points})
    notes = (
        f"{seeds} seeds; bands are 95 % of 2000 bootstrap draws of seeds and of the questions of each. A label is an answer that the user "
        "looked at: a thumb up if it was right, else the right text.",
        "Besides, in either strategy alike, people gave a thumb up by themselves to what the model was taught and had answered rightly.",
        "Old skills: the mean mark on the regression set of the default gate, asked together with the task.",
    )
    return BenchResult("learning", columns, tuple(rows), notes, tuple(_verdicts(points, served, speed)), (_plot(points),))


def _plot(points: Sequence[Point]) -> Plot:
    curves = bands(points)
    return Plot(
        title="Accuracy by labels",
        x="answers that the user looked at",
        y="right on held-out notes, %",
        series={name: tuple((float(labels), 100 * one.mean) for labels, one in some) for name, some in curves.items()},
        bands={name: tuple((float(labels), 100 * one.low, 100 * one.high) for labels, one in some) for name, some in curves.items()},
    )


def _row(strategy: Strategy, labels: int, height: Band, some: Sequence[Point]) -> tuple[Cell, ...]:
    old = [point.old for point in some if point.old is not None]
    outcomes = [point.verdict for point in some if point.verdict is not None]
    gate = ", ".join(f"{outcomes.count(name)} {name}" for name in dict.fromkeys(outcomes)) or None
    corrections = float(np.mean([point.corrections for point in some]))
    kept = 100 * float(np.mean(old)) if old else None
    return (strategy, labels, corrections, 100 * height.mean, 100 * height.low, 100 * height.high, kept, gate, len(some))


def _verdicts(points: Sequence[Point], served: Service | None, speed: Speed | None) -> list[Verdict]:
    gain, share, loss = gained(points, "active"), share_needed(points), lost(points)
    ratio = None if speed is None else float(np.median(np.asarray(speed.ours) / np.asarray(speed.plain)))
    slowest = None if served is None else max(*served.promote_s, *served.roll_back_s)
    return [
        Verdict("points gained, chosen actively", ">= 20", _points(gain), None if gain is None else gain >= GAIN),
        Verdict(
            "labels that the active choice needs to be as good as the random one with all",
            "<= 60 %",
            "it is never as good" if share is None else f"{share:.0%}",
            share is not None and share <= SHARE,
        ),
        Verdict("old skills lost, mean", "<= 1 point", _points(loss), None if loss is None else loss <= LOSS),
        Verdict(
            "promote and roll back under load, the slowest",
            "<= 2 s, no failed request",
            "no adapter was made in this run" if served is None else f"{slowest:.2f} s, {served.failed} of {served.asked} failed",
            None if served is None or slowest is None else slowest <= SECONDS and served.failed == 0,
        ),
        Verdict(
            "training speed against a plain PEFT loop, in turn",
            ">= 0.97",
            "not measured" if speed is None else f"{ratio:.2f} ({np.median(speed.ours):.0f} against {np.median(speed.plain):.0f} tokens/s)",
            None if ratio is None else ratio >= SPEED,
        ),
    ]


def _points(share: float | None) -> str:
    return "not measured" if share is None else f"{100 * share:.1f}"
