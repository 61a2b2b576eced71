"""``python -m pipelines.batch JOB_ID``: answers one batch (see cluster/jobs/work.py)."""

from __future__ import annotations

from cluster.jobs.work import run_job
from pipelines.batch.job import answer_batch

if __name__ == "__main__":
    run_job(answer_batch)
