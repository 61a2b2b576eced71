"""Where versions are built: an organisation, what it uploads, and jobs that run in this process on the Ray of the tests."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from cluster.batches.files import file_store
from cluster.batches.names import file_name
from cluster.batches.tables import FileRow
from cluster.home import Home
from cluster.jobs.kinds import JOB_KINDS
from cluster.jobs.store import Jobs, NewJob
from cluster.jobs.table import Job
from cluster.jobs.work import working
from cluster.learning.datasets.loading import DatasetVersion, load
from cluster.learning.datasets.origins import ORIGINS, Origin
from cluster.learning.datasets.recipe import Recipe
from cluster.learning.datasets.store import KIND, Datasets
from cluster.learning.datasets.tables import Dataset
from cluster.learning.example import Example
from cluster.settings import DatasetSettings, Settings
from cluster.stores.sql import Database
from tests.organisations import new_organisation
from training.datasets.job import build_version


def sum_line(first: int, second: int, answer: str | None = None) -> dict[str, Any]:
    """A line to learn from; each is of another question."""
    question = f"A farmer with {first} goats buys {second} more at the market of Velmhaven. How many are in the barn by the evening?"
    answered = str(first + second) if answer is None else answer
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answered}]}


def story(number: int, answer: str | None = None) -> dict[str, Any]:
    """A line whose question is like no other's."""
    words = " ".join(f"w{number * 97 + place * place}" for place in range(12))
    said = f"answer {number}" if answer is None else answer
    return {"messages": [{"role": "user", "content": words}, {"role": "assistant", "content": said}]}


def pair(number: int, preferred: str = "yes", other: str = "no") -> dict[str, Any]:
    """A line that prefers one answer to another."""
    asked = story(number)["messages"][:1]
    answers = [[{"role": "assistant", "content": text}] for text in (preferred, other)]
    return {"input": {"messages": asked}, "preferred_output": answers[0], "non_preferred_output": answers[1]}


@dataclass(frozen=True)
class Workshop:
    database: Database
    settings: Settings
    organisation_id: uuid.UUID
    owner_id: uuid.UUID

    async def neighbour(self) -> Workshop:
        return await opened(self.database, self.settings)

    @property
    def home(self) -> Home:
        return Home(self.settings.home)

    @property
    def folder(self) -> Path:
        return self.home.files / "datasets" / str(self.organisation_id)

    async def upload(self, lines: Iterable[Any], purpose: str = "fine-tune") -> dict[str, str]:
        """A source: a file of these lines, as JSON where they are no text."""
        content = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines).encode()
        stored = file_store(self.home).write(self.organisation_id, io.BytesIO(content))
        told = {"filename": "lines.jsonl", "bytes": stored.bytes, "sha256": stored.sha256}
        owned = {"organisation_id": self.organisation_id, "owner_id": self.owner_id}
        async with self.database.session() as session:
            await session.execute(insert(FileRow).values(id=stored.id, purpose=purpose, **owned, **told))
        return {"kind": "upload", "file_id": file_name(stored.id)}

    async def dataset(self, *sources: Mapping[str, Any], shape: str = "sft", **options: Any) -> Dataset:
        recipe = Recipe.model_validate({"shape": shape, "task": "sums", "sources": list(sources), "options": options})
        owned = {"organisation_id": self.organisation_id, "owner_id": self.owner_id}
        named = {"name": f"sums {uuid.uuid4().hex}", "task": "sums", "shape": shape}
        async with self.database.session() as session:
            return await Datasets(session).add({**owned, **named, "recipe": recipe.model_dump(mode="json")})

    async def of(self, lines: Iterable[Any], shape: str = "sft", **options: Any) -> Dataset:
        return await self.dataset(await self.upload(lines), shape=shape, **options)

    async def queue(self, dataset: Dataset) -> Job:
        new = NewJob(KIND, self.organisation_id, self.owner_id, {"dataset": str(dataset.id)})
        async with self.database.session() as session:
            return await Jobs(session).enqueue(new, JOB_KINDS, self.settings.jobs)

    async def build(self, dataset: Dataset, origins: Mapping[str, Origin] = ORIGINS, **limits: Any) -> dict[str, Any]:
        """The result of the job, which runs to its end."""
        settings = self.settings.model_copy(update={"datasets": self.settings.datasets.model_copy(update=limits)})
        job = await self.queue(dataset)

        def act() -> None:
            with working(settings, job.id) as work:
                work.result = build_version(work, origins)

        await asyncio.to_thread(act)
        result = (await self.look(job)).result
        assert result is not None
        return result

    async def look(self, job: Job) -> Job:
        async with self.database.session() as session:
            return await Jobs(session).get(self.organisation_id, job.id)

    async def load(self, dataset: Dataset, version: int | None = None) -> DatasetVersion:
        async with self.database.session() as session:
            return await load(session, self.organisation_id, dataset.id, version, home=self.home)

    def left(self) -> list[str]:
        """Names of folders of versions, and of what is half done, of all datasets."""
        return sorted(path.name for path in self.folder.glob("*/*"))


def examples_in(path: Path) -> list[Example]:
    return [Example.model_validate_json(line) for line in path.read_text().splitlines()]


async def opened(database: Database, settings: Settings) -> Workshop:
    organisation, user = await new_organisation(database)
    return Workshop(database, settings, organisation, user)


def few(settings: Settings) -> Settings:
    """So that a version needs few examples."""
    return settings.model_copy(update={"datasets": DatasetSettings(least_examples=4, block_examples=8)})
