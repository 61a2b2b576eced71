"""The gate's job with models that answer as they are told: in its first attempt it kills itself at the 101st request."""

from __future__ import annotations

import os
import signal
from typing import Any

from anyio.from_thread import start_blocking_portal

from cluster.contracts.generation import GenerationRequest
from cluster.fakes.gateway import FakeGateway
from cluster.jobs.work import Work, run_job
from cluster.stores.sql import Database
from cluster.stores.urls import database_url
from tests.training.gate.answering import skilled
from training.gate.job import Evaluation

DIES_AT = 101


def evaluate(work: Work) -> dict[str, Any]:
    good = skilled({"task": 0.9}, {"task": 0.2})
    gateway = FakeGateway()

    def says(request: GenerationRequest) -> str:
        if work.attempt == 1 and len(gateway.asked) == DIES_AT:
            os.kill(os.getpid(), signal.SIGKILL)
        return good(request)

    gateway.reply = says
    with start_blocking_portal() as portal:
        database = Database(database_url(work.settings), work.settings.storage)
        try:
            wait: Any = portal.call
            return {**Evaluation(work, wait, gateway, database).run(), "asked": len(gateway.asked), "attempt": work.attempt}
        finally:
            portal.call(database.close)


if __name__ == "__main__":
    run_job(evaluate)
