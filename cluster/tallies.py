"""How often each model was loaded and evicted, and how long its last load took; kept in a file, so that a restart forgets nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from cluster.contracts.residency import Decision
from cluster.leases import write_durably


class _Count(BaseModel):
    model_config = ConfigDict(extra="forbid")

    loads: int = 0
    evictions: int = 0
    load_s: float | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    models: dict[str, _Count] = Field(default_factory=dict)
    swaps: int = 0


class Tallies:
    """Counts since HEARTH_HOME was made. ``swaps``: evictions that made room for another model."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _File.model_validate_json(path.read_bytes()) if path.exists() else _File()

    @property
    def swaps(self) -> int:
        return self._file.swaps

    def loads(self, model: str) -> int:
        return self._of(model).loads

    def evictions(self, model: str) -> int:
        return self._of(model).evictions

    def load_s(self) -> dict[str, float]:
        """Seconds the last load took, of models that were seen to load."""
        return {model: count.load_s for model, count in self._file.models.items() if count.load_s is not None}

    def count(self, decisions: Iterable[Decision], swaps: int, load_s: Mapping[str, float]) -> None:
        """Adds what happened since the last call; writes the file if anything did."""
        before = self._file.model_dump()
        for decision in decisions:
            count = self._of(decision.model)
            count.loads += decision.action == "load"
            count.evictions += decision.action == "evict"
        for model, seconds in load_s.items():
            self._of(model).load_s = round(seconds, 3)
        self._file.swaps += swaps
        if self._file.model_dump() != before:
            write_durably(self._path, self._file.model_dump_json().encode())

    def _of(self, model: str) -> _Count:
        return self._file.models.setdefault(model, _Count())
