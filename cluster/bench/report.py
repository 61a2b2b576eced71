"""The shape of a bench's result, and how it is written: a Markdown table with verdicts, JSON for programs, and plots."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from cluster.bench.machine import Machine

Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure to reach. ``met`` None: it could not be measured here; ``measured`` then says why."""

    claim: str
    target: str
    measured: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines of (x, y) by label; bars where x counts ``names`` of things from 0. ``log_x`` for counts that double. ``bands``: of lines, by
    the same labels, (x, low, high)."""

    title: str
    x: str
    y: str
    series: dict[str, tuple[tuple[float, float], ...]]
    log_x: bool = False
    names: tuple[str, ...] = ()
    bands: dict[str, tuple[tuple[float, float, float], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BenchResult:
    """What one bench measured. ``columns`` carry their unit in the name ("TTFT p50, ms"); None is "n/a", explained in ``notes``."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    plots: tuple[Plot, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row) == len(self.columns), f"{self.name}: a row of {len(row)} cells under {len(self.columns)} columns: {row}"


def write(result: BenchResult, machine: Machine, folder: Path, at: datetime | None = None) -> Path:
    """Writes ``<folder>/<date>-<name>/`` with report.md, result.json and a PNG for each plot (where matplotlib is), and returns it."""
    moment = at or datetime.now(UTC)
    target = _fresh(folder / f"{moment:%Y-%m-%d}-{result.name}")
    target.mkdir(parents=True)
    pictures = _draw(result.plots, target)
    (target / "report.md").write_text(markdown(result, machine, moment, pictures), encoding="utf-8")
    (target / "result.json").write_text(as_json(result, machine, moment), encoding="utf-8")
    return target


def as_json(result: BenchResult, machine: Machine, at: datetime) -> str:
    """One object: ``result``'s fields, the machine, and the time of the run."""
    return json.dumps(
        {**dataclasses.asdict(result), "machine": dataclasses.asdict(machine), "at": at.isoformat(timespec="seconds")}, indent=1
    )


def markdown(result: BenchResult, machine: Machine, at: datetime, pictures: Sequence[str] = ()) -> str:
    """The report for people."""
    parts = [f"# bench {result.name}, {at:%Y-%m-%d}", machine.sentence(), table(result.columns, result.rows)]
    if result.verdicts:
        rows = [(verdict.claim, verdict.target, verdict.measured, _word(verdict.met)) for verdict in result.verdicts]
        parts.append(table(("figure", "target", "measured", "met"), rows))
    parts += ["\n".join(f"- {note}" for note in result.notes)] if result.notes else []
    parts += [f"![{picture}]({picture})" for picture in pictures]
    return "\n\n".join(parts) + "\n"


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A Markdown table; numbers to the right, floats with three significant digits."""
    numeric = [all(isinstance(row[i], int | float) or row[i] is None for row in rows) for i in range(len(columns))]
    lines = [columns, ["---:" if right else "---" for right in numeric], *[[render(cell) for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def render(cell: Cell) -> str:
    """A cell as people read it."""
    if cell is None:
        return "n/a"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return str(cell).replace("|", "\\|").replace("\n", " ")


def _word(met: bool | None) -> str:
    return "not measured" if met is None else "yes" if met else "NO"


def _fresh(folder: Path) -> Path:
    """``folder``, or the first of ``folder-2``, ``folder-3``... that does not exist: a second run of a day does not overwrite the first."""
    candidates = (folder if n == 1 else folder.with_name(f"{folder.name}-{n}") for n in range(1, 1000))
    return next(candidate for candidate in candidates if not candidate.exists())


def _draw(plots: Sequence[Plot], folder: Path) -> list[str]:
    if not plots or find_spec("matplotlib") is None:
        return []
    # matplotlib belongs to the dev extra only
    from cluster.bench.plots import draw

    return [draw(plot, folder) for plot in plots]
