"""A gate of two small sets, a task, and models that answer as they are told."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from anyio.from_thread import start_blocking_portal

import api.tables  # noqa: F401 - a row of a file refers to tables that the API has
from cluster.batches.files import Files, file_store
from cluster.batches.names import file_name
from cluster.batches.tables import FileRow
from cluster.fakes.gateway import FakeGateway
from cluster.gateway import ModelGateway
from cluster.home import Home
from cluster.jobs.kinds import JOB_KINDS
from cluster.jobs.store import Jobs, NewJob
from cluster.jobs.table import Job
from cluster.jobs.work import Work, working
from cluster.learning.gate.store import KIND, Found, GateVerdicts, NewVerdict
from cluster.specs.gate import gates
from cluster.stores.sql import Database
from cluster.stores.urls import database_url
from cluster.vectors import VectorStore
from tests.cluster.jobs.house import House
from tests.training.gate.answering import CANDIDATE, INCUMBENT, ITEMS, right
from training.gate.job import Evaluation

GATE: dict[str, Any] = {
    "name": "quick",
    "version": 1,
    "description": "For tests.",
    "resamples": 1000,
    "sets": [
        {"name": "task", "role": "task", "minimum": 40},
        {"name": "old", "role": "regression", "file": "old.jsonl", "tolerance": 0.1, "minimum": 40},
        {"name": "harm", "role": "safety", "file": "harm.jsonl", "metric": "refuses", "tolerance": 0.1, "minimum": 40},
    ],
}


def lines(name: str, answer: str, user_id: str | None = None, count: int = ITEMS) -> str:
    """Items of a set; what is asked tells which one it is."""
    source = {"kind": "upload", "id": name, "user_id": user_id}
    asked = [{"messages": [{"role": "user", "content": f"{name} {number}"}], "chosen": answer, "source": source} for number in range(count)]
    return "".join(json.dumps(item) + "\n" for item in asked)


@dataclass
class Examined:
    """A verdict that is to be found, in an organisation of its own. ``models``: None: the fake itself."""

    house: House
    verdict_id: uuid.UUID
    job: Job
    gateway: FakeGateway = field(default_factory=FakeGateway)
    models: ModelGateway | None = None
    vectors: VectorStore | None = None

    async def run(self) -> None:
        """As the process of the job would, in a thread."""
        await asyncio.to_thread(self._run)

    def _run(self) -> None:
        settings = self.house.settings
        with start_blocking_portal() as portal, working(settings, self.job.id) as work:
            database = Database(database_url(settings), settings.storage)
            try:
                work.result = self.evaluation(work, portal.call, database).run()
            finally:
                portal.call(database.close)

    def evaluation(self, work: Work, wait: Any, database: Database) -> Evaluation:
        return Evaluation(work, wait, self.models or self.gateway, database, self.vectors)

    async def found(self) -> Found:
        async with self.house.database.session() as session:
            return await GateVerdicts(session).get(self.house.organisation_id, self.verdict_id)

    async def answers(self, **wanted: Any) -> list[Any]:
        async with self.house.database.session() as session:
            return list(await GateVerdicts(session).answers(self.verdict_id, None, None, 1000, **wanted))


async def examined(
    house: House, task: str | None = None, candidate: str = CANDIDATE, incumbent: str = INCUMBENT, documents: list[str] | None = None
) -> Examined:
    """``task``: the items of the task, as the file has them. ``documents``: collections that they are answered from."""
    folder = house.settings.home / "gates"
    (folder / "sets").mkdir(parents=True, exist_ok=True)
    (folder / "quick.yaml").write_text(yaml.safe_dump(GATE))
    for name in ("old", "harm"):
        (folder / "sets" / f"{name}.jsonl").write_text(lines(name, right(name)))
    file = await held_out(house, lines("task", right("task")) if task is None else task)
    here = house.organisation_id
    items, gate = {"kind": "file", "file": file, "sha256": ""}, gates(house.settings.home).get("quick")
    new = NewVerdict(here, house.owner_id, candidate, incumbent, gate, items, documents)
    async with house.database.session() as session:
        row = await GateVerdicts(session).add(new)
        job = await Jobs(session).enqueue(NewJob(KIND, here, house.owner_id, {"verdict": str(row.id)}), JOB_KINDS, house.settings.jobs)
        row.job_id = job.id
    return Examined(house, row.id, job)


async def held_out(house: House, text: str) -> str:
    """The name of an uploaded file."""
    stored = file_store(Home(Path(house.settings.home))).write(house.organisation_id, io.BytesIO(text.encode()))
    told = {"organisation_id": house.organisation_id, "owner_id": house.owner_id, "purpose": "evals", "filename": "task.jsonl"}
    async with house.database.session() as session:
        row = await Files(session).add(FileRow(id=stored.id, bytes=stored.bytes, sha256=stored.sha256, **told))
    return file_name(row.id)
