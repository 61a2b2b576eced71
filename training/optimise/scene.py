"""What every optimiser works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cluster.contracts.serving import Retuning
from cluster.gateway import ModelGateway
from cluster.home import Home
from cluster.jobs.work import Work
from cluster.optimising.box import Box
from cluster.optimising.kept import Kept, Proposal
from cluster.optimising.wanted import Wanted
from cluster.settings.optimising import OptimisingSettings
from cluster.stores.sql import Database
from training.gate.examination import Waiting
from training.optimise.measuring import Rigs, Rounds


@dataclass(frozen=True)
class Scene:
    """``wait`` is what waits for the coroutines of ``models`` and ``database``."""

    work: Work
    wait: Waiting
    models: ModelGateway
    database: Database
    rigs: Rigs
    kept: Kept
    wanted: Wanted

    @property
    def home(self) -> Home:
        return Home(self.work.settings.home)

    @property
    def limits(self) -> OptimisingSettings:
        return self.work.settings.optimising

    def box(self) -> Box:
        """As it is now."""
        return Box.of(self.home)

    def rounds(self, name: str, settings: Mapping[str, Retuning], *, quietly: bool) -> Rounds:
        return Rounds(self.work, self.wait, self.kept, self.rigs, name, settings, quietly)


class Optimiser(Protocol):
    """One kind of setting. What it proposes is applied, measured again and taken back by ``applying.py``, the same way for all."""

    def subjects(self, scene: Scene) -> list[str]:
        """What it has something to say about: models, or prompts."""
        ...

    def propose(self, scene: Scene, subject: str) -> Proposal:
        """Measures, and says what follows: the change, or why there is none."""
        ...
