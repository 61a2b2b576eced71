"""``python -m training.gate JOB_ID``: finds one verdict (see cluster/jobs/work.py)."""

from __future__ import annotations

from cluster.jobs.work import run_job
from training.gate.job import evaluate

if __name__ == "__main__":
    run_job(evaluate)
