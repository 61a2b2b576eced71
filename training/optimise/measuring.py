"""Interleaved rounds: each asks every setting once, in an order of its own, while nobody else asks anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random
from typing import Protocol

from cluster.contracts.serving import ReplicaSpec, Retuning
from cluster.jobs.work import Work
from cluster.optimising.kept import Kept
from cluster.optimising.load import Load, Sample
from training.gate.examination import Waiting


class Rig(Protocol):
    """Something that answers as a model does, and takes other settings."""

    def set(self, retuning: Retuning) -> None:
        """From now on so. Raises ConfigError or EngineError where it cannot be."""
        ...

    def sample(self, load: Load, seed: int) -> Sample: ...

    def memory(self) -> int:
        """Bytes that it holds."""
        ...


class Rigs(Protocol):
    """Where models of the running cluster are measured."""

    def beside(self, spec: ReplicaSpec) -> AbstractContextManager[Rig]:
        """A replica more, which stands back behind all that is served. Raises Conflict where there is no room for it."""
        ...

    def live(self, model: str) -> Rig:
        """What is served, to all."""
        ...

    def quiet(self, work: Work) -> None:
        """Returns when nobody has asked a model for ``optimising.quiet_s``. Raises Conflict after ``optimising.patience_s``."""
        ...


@dataclass(frozen=True, slots=True)
class Rounds:
    """``settings`` by name. ``name``: of the measurement, under which samples are kept. ``quietly``: only while nobody asks."""

    work: Work
    wait: Waiting
    kept: Kept
    rigs: Rigs
    name: str
    settings: Mapping[str, Retuning]
    quietly: bool

    def run(self, rig: Rig, load: Load, count: int) -> dict[str, list[float]]:
        """Values by setting, in the order of rounds. What was measured by an attempt before this one is not measured again."""
        had = self.wait(self.kept.samples, self.name)
        for number in range(count):
            left = [setting for setting in self.settings if (number, setting) not in had]
            Random(number).shuffle(left)
            for setting in left:
                had[number, setting] = self._one(rig, load, number, setting)
            self.work.progress(number + 1, count, "rounds", self.name)
        return {setting: [had[number, setting] for number in range(count)] for setting in self.settings}

    def _one(self, rig: Rig, load: Load, number: int, setting: str) -> float:
        rig.set(self.settings[setting])
        if self.quietly:
            self.rigs.quiet(self.work)
        self.work.check()
        if number == 0:
            # What is made at the first request, such as a thread, belongs to none.
            rig.sample(load, seed=-1)
        sample = rig.sample(load, seed=number)
        kept = Sample(sample.value, {**sample.more, "memory_bytes": float(rig.memory())})
        self.wait(self.kept.keep, self.name, number, setting, kept)
        return kept.value


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
