"""What the learning proof has measured so far, on disk: a run that was ended goes on behind the last point."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from cluster.bench.learning_marks import Point


class Service(BaseModel):
    """Promoting and rolling back under load: seconds of each, and what became of the requests meanwhile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    promote_s: tuple[float, ...]
    roll_back_s: tuple[float, ...]
    asked: int
    failed: int


class Speed(BaseModel):
    """Tokens a second of each round."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ours: tuple[float, ...]
    plain: tuple[float, ...]


Kept = TypeVar("Kept", Service, Speed)


class Ledger:
    """Points of one plan, one to a line of ``<folder>/<plan>.jsonl``, and what else it measured beside it; another plan has files of its
    own."""

    def __init__(self, folder: Path, plan: str) -> None:
        self._path = folder / f"{plan}.jsonl"
        lines = self._path.read_text().splitlines() if self._path.is_file() else []
        self.points = [Point.model_validate_json(line) for line in lines if line.endswith("}")]

    def has(self, seed: int, strategy: str, labels: int) -> bool:
        return any((one.seed, one.strategy, one.labels) == (seed, strategy, labels) for one in self.points)

    def add(self, point: Point) -> None:
        """It is on the disk when this returns."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(point.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.points.append(point)

    def kept(self, kind: type[Kept]) -> Kept | None:
        file = self._beside(kind)
        return kind.model_validate_json(file.read_text()) if file.is_file() else None

    def keep(self, measured: Kept) -> Kept:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._beside(type(measured)).write_text(measured.model_dump_json())
        return measured

    def _beside(self, kind: type[Kept]) -> Path:
        return self._path.with_name(f"{self._path.stem}.{kind.__name__.lower()}.json")
