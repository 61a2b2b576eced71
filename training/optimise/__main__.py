"""``python -m training.optimise JOB_ID``: takes one step of an optimisation (see cluster/jobs/work.py)."""

from __future__ import annotations

from typing import Any

from cluster.home import Home
from cluster.jobs.work import Work, run_job
from cluster.learning.adapters.gateway import AdapterGateway
from cluster.learning.adapters.manifest import Manifests
from cluster.serving.reach import Attachment
from training.optimise.job import Optimising
from training.optimise.rigs import RayRigs


def optimise(work: Work) -> dict[str, Any]:
    """On the running cluster."""
    home = Home(work.settings.home)
    reach = Attachment.of(home).reach()
    models = AdapterGateway(reach.models, Manifests(home))
    return Optimising.of(work, reach.wait, models, reach.database, RayRigs(home, reach)).run()


if __name__ == "__main__":
    run_job(optimise)
