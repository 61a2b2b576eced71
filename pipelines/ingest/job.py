"""The job that ingests what waits in a collection.

Its spec is ``{"collection": ID}``. Whatever was uploaded before it ends is done when it ends. A second attempt goes on with what the first
did not settle.
"""

from __future__ import annotations

import uuid
from typing import Any

import ray

from cluster.home import Home
from cluster.jobs.work import Work, run_job
from cluster.serving.reach import Attachment
from cluster.standing_back import stand_back
from pipelines.ingest.collection import Ingestion
from pipelines.ingest.workers import worker_environment


def ingest_collection(work: Work) -> dict[str, Any]:
    """The result: how many documents were ``indexed``, ``unchanged`` and ``failed``, how many ``chunks`` were written, and the ``seconds``
    of all workers together, by stage."""
    # The threads that say that this process lives were there before, and do not.
    stand_back(work.settings.ingest.niceness)
    ray.init(log_to_driver=True, ignore_reinit_error=True, runtime_env=worker_environment(work.settings.ingest))
    cluster = Attachment.of(Home(work.settings.home))
    return Ingestion(work, cluster, uuid.UUID(work.spec["collection"])).run()


def main() -> None:
    run_job(ingest_collection)
