"""One batch from its file of requests to its files of answers::

    python -m pipelines.batch JOB_ID

The job ends the batch when all is answered or its time is up. However else the job ends, cancelled, failed or killed too often, the API
ends the batch (see api/batches/install.py); a job that was killed goes on here, and asks only what has no answer yet.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import ray

from cluster.batches.answers import Answers, Attempt
from cluster.batches.ending import Ending
from cluster.batches.files import file_store
from cluster.batches.lines import Examined, Request, examine
from cluster.batches.tables import Batch, BatchStatus
from cluster.errors import Unavailable
from cluster.home import Home
from cluster.jobs.work import Result, Work
from cluster.stores.sql import Database
from cluster.stores.urls import database_url
from pipelines.batch.asking import Asking
from pipelines.batch.flow import Errand, answered

ResultT = TypeVar("ResultT")


def answer_batch(work: Work) -> Result:
    """The batch whose id is ``batch_id`` in the job's spec."""
    with BatchWork(work) as batch_work:
        return batch_work.run()


class BatchWork:
    """Its coroutines run on an event loop of its own, between what Ray Data does."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._batch_id = uuid.UUID(work.spec["batch_id"])
        self._runner = asyncio.Runner()
        self._database = Database(database_url(work.settings), work.settings.storage)
        self._store = file_store(Home(work.settings.home))
        self._of = Attempt(self._batch_id, work.id, work.attempt)
        self._answers = Answers(self._database, self._of)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._wait(self._database.close())
        self._runner.close()

    def run(self) -> Result:
        batch = self._wait(self._answers.batch())
        if batch is None:
            return {"status": "ended before"}
        examined = self._examined(batch)
        if examined.mistakes:
            self._wait(self._answers.refuse(examined.mistakes))
            return {"status": BatchStatus.FAILED.value, "mistakes": len(examined.mistakes)}
        models = dict.fromkeys(request.model for request in examined.requests)
        self._wait(self._answers.begin(len(examined.requests), next(iter(models)) if len(models) == 1 else None))
        self._ask(batch, grouped(examined.requests, list(models)))
        return self._end()

    def _examined(self, batch: Batch) -> Examined:
        """The file, read anew by each attempt. Which models there are is asked once: one that is gone later fails its requests only."""
        self._work.progress(0, None, "requests", "validating")
        new = batch.status == BatchStatus.VALIDATING
        models = self._wait(self._models()) if new else None
        with self._store.open(batch.organisation_id, batch.input_file_id) as file:
            return examine(file, batch.endpoint, models, self._work.settings.batches)

    def _ask(self, batch: Batch, requests: Sequence[Request]) -> None:
        attach()
        self._progress()
        file = self._store.path(batch.organisation_id, batch.input_file_id)
        for block in answered(requests, Errand(self._of, batch.endpoint, file, self._work.settings)):
            self._progress()
            if block.problem is not None:
                raise Unavailable(block.problem)
            if not block.wanted:
                return

    def _end(self) -> Result:
        done, total = self._wait(self._answers.counts())
        if done == total:
            self._work.progress(done, total, "requests", "writing files")
            self._wait(self._answers.finalize())
        else:
            # Raises when it was cancelled, or is another process's: then it is not this one's to end.
            self._work.log(f"stopped with {done} of {total} requests answered")
        status = self._wait(Ending(self._database, self._store, self._work.settings.batches).end(self._batch_id))
        return {"status": status.value if status else "left to others", "answered": done, "requests": total}

    def _progress(self) -> None:
        done, total = self._wait(self._answers.counts())
        self._work.progress(done, total, "requests", "answering")

    async def _models(self) -> set[str]:
        asking = Asking(self._batch_id, self._work.settings)
        try:
            return await asking.models()
        finally:
            await asking.close()

    def _wait(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        return self._runner.run(work)


def attach() -> None:
    """To the Ray of the cluster, once."""
    if not ray.is_initialized():
        ray.init("auto", configure_logging=False, log_to_driver=False)


def grouped(requests: Sequence[Request], models: Sequence[str]) -> list[Request]:
    """One model after the other, so that each is loaded once."""
    place = {model: number for number, model in enumerate(models)}
    return sorted(requests, key=lambda request: (place[request.model], request.line))
