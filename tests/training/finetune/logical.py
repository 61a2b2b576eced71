"""``python -m tests.training.finetune.logical JOB_ID``: trains as ``training.finetune`` does, on cards that a profile declares and that are
not there."""

from __future__ import annotations

from functools import partial

from cluster.jobs.work import run_job
from training.finetune.job import tune

if __name__ == "__main__":
    run_job(partial(tune, card="cpu"))
