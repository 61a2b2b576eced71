"""``python -m training.datasets JOB_ID``: builds one version of a dataset (see cluster/jobs/work.py)."""

from __future__ import annotations

from cluster.jobs.work import run_job
from training.datasets.job import build_version

if __name__ == "__main__":
    run_job(build_version)
