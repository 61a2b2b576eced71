"""How a job's row is changed."""

from __future__ import annotations

from cluster.jobs.states import ENDED, origins
from cluster.jobs.table import Job, JobEvent
from cluster.stores.guarded import Guarded

JOBS = Guarded(Job, JobEvent, "job_id", origins, ENDED)
