"""Rigs without models: rates by setting, with a little noise that is the same whenever a round is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field as made
from random import Random
from typing import Any

from cluster.contracts.serving import ReplicaSpec, Retuning
from cluster.errors import Conflict
from cluster.home import Home
from cluster.jobs.work import Work
from cluster.optimising.box import Box
from cluster.optimising.load import Load, Sample

Rates = Mapping[Any, float]  # by slots, tokens, or None


class Rig:
    """``field``: which setting the rate depends on. ``told``: what it was set to, in order."""

    def __init__(self, field: str, rates: Rates) -> None:
        self.field = field
        self.rates = rates
        self.retuning = Retuning()
        self.told: list[Retuning] = []
        self.sampled = 0

    def set(self, retuning: Retuning) -> None:
        self.retuning = retuning
        self.told.append(retuning)

    def sample(self, load: Load, seed: int) -> Sample:
        self.sampled += 1
        value = getattr(self.retuning, self.field)
        noise = Random(f"{seed} {value}").uniform(0.97, 1.03)
        return Sample(self.rates[value] * noise, {"p95_answer_s": 1.0})

    def memory(self) -> int:
        return 2**20


class Served(Rig):
    """What is served: what it is set to stands in the launch file, as with Serve."""

    def __init__(self, field: str, rates: Rates, home: Home, model: str) -> None:
        super().__init__(field, rates)
        self.home = home
        self.model = model

    def set(self, retuning: Retuning) -> None:
        super().set(retuning)
        Box.of(self.home).retuned(self.model, retuning).write()

    def sample(self, load: Load, seed: int) -> Sample:
        self.retuning = Box.of(self.home).tuning(self.model)
        return super().sample(load, seed)


@dataclass
class PretendRigs:
    """``beside_rates``, ``live_rates``: of the replica more, and of what is served. ``room``: whether there is room for one more."""

    home: Home
    field: str
    beside_rates: Rates
    live_rates: Rates
    room: bool = True
    measured: list[Rig] = made(default_factory=list)
    specs: list[ReplicaSpec] = made(default_factory=list)
    quiets: int = 0

    @contextmanager
    def beside(self, spec: ReplicaSpec) -> Iterator[Rig]:
        if not self.room:
            raise Conflict("There is no room.")
        self.specs.append(spec)
        self.measured.append(Rig(self.field, self.beside_rates))
        yield self.measured[-1]

    def live(self, model: str) -> Rig:
        self.measured.append(Served(self.field, self.live_rates, home=self.home, model=model))
        return self.measured[-1]

    def quiet(self, work: Work) -> None:
        self.quiets += 1
