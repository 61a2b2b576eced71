"""`hearth bench nano`: what the nano language model can do, skill by skill, asked over HTTP on text nobody has seen before."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from cluster.bench.hearth import Hearth
from cluster.bench.report import BenchResult, Cell, Verdict
from cluster.bench.serving import MODEL
from cluster.errors import EngineError
from cluster.home import REPOSITORY
from cluster.specs.profile import ProfileSpec, ServedModel

# The generator and the marking belong to the recipe, in another room; as a process of its own it needs no import.
EXAMINER = "training.nano.evaluate"
CONTEXT = 2048
PARALLEL = 4
Share = Annotated[float, Field(ge=0, le=1)]


class Marks(BaseModel):
    """What the examiner prints: the seed it drew, the questions of each skill, shares by name, and the share each is meant to reach."""

    seed: int
    items: int
    bars: dict[str, Share]
    free: dict[str, Share]
    constrained: dict[str, Share]


def run(report: Callable[[str], None], *, items: int = 200, seed: int | None = None) -> BenchResult:
    """Starts a cluster of its own with the nano model and examines it. Raises EngineError when the cluster or the examiner fails."""
    report("starting a cluster of its own")
    with Hearth(_profile()) as hearth:
        report(f"{items} questions of each skill, without and with constrained decoding")
        marks = _examined(hearth, items, seed)
    return summarise(marks)


def summarise(marks: Marks) -> BenchResult:
    """The table and a verdict for each share that has something to reach. What follows a schema is judged as it is used: constrained."""
    columns = ("skill", "right, %", "right with constrained decoding, %", "to reach, %")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, 100 * share, 100 * marks.constrained[name], 100 * marks.bars[name] if name in marks.bars else None)
        for name, share in marks.free.items()
    )
    verdicts = tuple(_verdict(name, bar, marks) for name, bar in marks.bars.items())
    notes = (
        f"Seed {marks.seed}; {marks.items} questions of each skill. Names, values and sentence patterns are none of training's.",
        "Constrained decoding sends the JSON Schema along (response_format); skills that answer in free text have the same figure twice.",
    )
    return BenchResult("nano", columns, rows, notes, verdicts)


def _verdict(name: str, bar: float, marks: Marks) -> Verdict:
    reached = marks.constrained[name]
    return Verdict(f"{name} on fresh held-out text, over HTTP", f">= {bar:.0%}", f"{reached:.1%}", reached >= bar)


def _profile() -> ProfileSpec:
    served = (ServedModel(model=MODEL, pinned=True, context_tokens=CONTEXT, parallel=PARALLEL),)
    return ProfileSpec(name="bench", description="The nano model alone.", devices="cpu", models=served)


def _examined(hearth: Hearth, items: int, seed: int | None) -> Marks:
    command = [sys.executable, "-m", EXAMINER, "--url", hearth.url, "--key-file", str(hearth.home.admin_key), "--model", MODEL]
    command += ["--items", str(items), "--json"]
    ran = subprocess.run(
        command + (["--seed", str(seed)] if seed is not None else []), cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        raise EngineError(f"The examiner failed: {(ran.stderr or ran.stdout)[-2000:]}")
    try:
        return Marks.model_validate(json.loads(ran.stdout.splitlines()[-1]))
    except (ValidationError, json.JSONDecodeError, IndexError) as error:
        raise EngineError(f"The examiner printed no figures: {ran.stdout[-500:]}") from error
