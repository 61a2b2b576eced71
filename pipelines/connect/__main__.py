"""``python -m pipelines.connect JOB_ID``: brings one source into a collection (see cluster/jobs/work.py)."""

from __future__ import annotations

from cluster.jobs.work import run_job
from pipelines.connect.job import connect

if __name__ == "__main__":
    run_job(connect)
