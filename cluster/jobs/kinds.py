"""Which kinds of jobs there are, and the module that does each: nothing else can be started as a job.

A room adds a line; its module ends with ``run_job(function)`` (see ``cluster/jobs/work.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

# Module by kind; modules are named, not imported: they belong to the rooms above.
Kinds = Mapping[str, str]

JOB_KINDS: Kinds = {
    "adapters.gate": "training.gate",
    "batch": "pipelines.batch",
    "connect": "pipelines.connect",
    "datasets.build": "training.datasets",
    "fine_tuning": "training.finetune",
    "ingest": "pipelines.ingest",
    "performance.optimize": "training.optimise",
}
