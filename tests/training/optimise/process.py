"""An optimisation's job on pretended rigs: in its first attempt it kills itself in the middle of measuring what it has put in force."""

from __future__ import annotations

import os
import signal
from typing import Any

from anyio.from_thread import start_blocking_portal

from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from cluster.jobs.work import Work, run_job
from cluster.optimising.load import Load, Sample
from cluster.stores.sql import Database
from cluster.stores.urls import database_url
from tests.training.optimise.pretending import PretendRigs, Rig, Served
from training.optimise.job import Optimising

DIES_AT = 4
# Beside what is served 8 was better; in service it turns out to be worse.
BESIDE = {2: 50.0, 4: 100.0, 8: 150.0}
LIVE = {None: 100.0, 4: 100.0, 8: 60.0}


class Mortal(PretendRigs):
    """``dies``: whether it does, at the sample ``DIES_AT`` of what is served."""

    dies = False

    def live(self, model: str) -> Rig:
        rig = super().live(model)
        rigs = self

        class Dying(Served):
            def sample(self, load: Load, seed: int) -> Sample:
                if rigs.dies and self.sampled == DIES_AT:
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().sample(load, seed)

        return Dying("parallel", LIVE, home=self.home, model=model) if isinstance(rig, Served) else rig


def optimise(work: Work) -> dict[str, Any]:
    rigs = Mortal(Home(work.settings.home), "parallel", BESIDE, LIVE)
    rigs.dies = work.attempt == 1
    with start_blocking_portal() as portal:
        database = Database(database_url(work.settings), work.settings.storage)
        try:
            wait: Any = portal.call
            return {**Optimising.of(work, wait, FakeGateway(), database, rigs).run(), "attempt": work.attempt}
        finally:
            portal.call(database.close)


if __name__ == "__main__":
    run_job(optimise)
