"""Whole trainings of hearth-nano: the official client asks, a process of its own does it, and may be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import uuid
from typing import Any

import httpx
import openai
import pytest

from cluster.home import Home
from cluster.learning.adapters.manifest import Manifest, manifest_path
from cluster.learning.adapters.registry import Adapters
from cluster.learning.datasets import mark_erased
from cluster.learning.datasets.folders import DatasetFolders, file_of
from cluster.learning.datasets.store import Datasets
from cluster.learning.example import Example, Source
from cluster.learning.tuning.folders import read_metrics
from tests.api.fine_tuning.test_endpoints import NANO, uploaded
from tests.fine_tuning import herd_file, herd_line
from tests.patience import PATIENCE_S

HERD = "4e" * 32
SHORT = {"n_epochs": 4, "batch_size": 4}


async def until(world: Any, job: Any, so: Any) -> Any:
    async with asyncio.timeout(PATIENCE_S * 2):
        while not so(now := await world.ai.fine_tuning.jobs.retrieve(job.id)):  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.05)
        return now


async def ended_though_killed(world: Any, runner: Any, job: Any) -> Any:
    """The job, whose first process was killed when a checkpoint stood and there was more to do."""
    await world.app.state.jobs.start()
    try:
        async with asyncio.timeout(PATIENCE_S * 2):
            while not [*Home(world.settings.home).files.glob("fine_tuning/*/*/checkpoint.pt")]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        (process,) = runner.processes.values()
        os.kill(process.pid, signal.SIGKILL)
        return await until(world, job, lambda now: now.status not in {"queued", "running"})
    finally:
        await world.app.state.jobs.stop()


def folder_of(world: Any, job: Any) -> Any:
    (folder,) = (Home(world.settings.home).files / "fine_tuning").glob(f"*/{job.id[6:14]}*")
    return folder


async def test_a_training_that_is_killed_goes_on_and_ends_with_an_adapter(made, runner):
    async with made() as world:
        file = await uploaded(world, herd_file(60))
        job = await world.ai.fine_tuning.jobs.create(model=NANO, training_file=file, suffix="herd", hyperparameters=SHORT)
        ended = await ended_though_killed(world, runner, job)
        assert (ended.status, ended.error) == ("succeeded", None)
        assert ended.fine_tuned_model == "hearth-nano:herd"
        assert len(runner.processes) == 2
        folder = folder_of(world, ended)
        steps = [figures["step"] for figures in read_metrics(folder) if "train_loss" in figures]
        assert steps == sorted(set(steps)), "nothing is told twice"
        adapter = sorted(file.name for file in (folder / "adapter").iterdir())
        assert adapter == ["adapter_config.json", "adapter_model.safetensors", "lineage.json"]
        lineage = json.loads((folder / "adapter" / "lineage.json").read_text())
        assert len(lineage["dataset_sha256"]) == len(lineage["base_sha256"]) == 64
        assert lineage["examples"] == {"train": 54, "held_out": 6, "truncated": 0, "dropped": 0}
        assert lineage["parameters"]["learning_rate"] > 1e-3
        assert ended.trained_tokens == lineage["metrics"]["tokens"] > 0
        events = [event async for event in await world.ai.fine_tuning.jobs.list_events(job.id, limit=100)]
        measured = [event for event in events if event.type == "metrics"]
        assert {"train_loss", "held_out_loss"} <= {name for event in measured for name in event.data}
        assert any("no GPU" in event.message for event in events)
        (checkpoint,) = (await world.ai.fine_tuning.jobs.checkpoints.list(job.id)).data
        assert (checkpoint.fine_tuned_model_checkpoint, checkpoint.metrics.full_valid_loss) == (
            "hearth-nano:herd",
            lineage["metrics"]["held_out_loss"],
        )
        (registered,) = await adapters_of(world)
        assert (registered.name, registered.version, registered.state) == ("herd", 1, "candidate")
        assert registered.lineage == lineage


async def test_a_version_of_a_dataset_is_learned_from_and_what_it_holds_out_judges(made, runner):
    async with made() as world:
        dataset = await herd_dataset(world, 48, 8)
        job = await world.ai.fine_tuning.jobs.create(model=NANO, training_file="dataset:herd", suffix="herd", hyperparameters=SHORT)
        assert job.training_file == f"dataset:{dataset}:1"
        await world.app.state.jobs.start()
        try:
            ended = await until(world, job, lambda now: now.status not in {"queued", "running"})
        finally:
            await world.app.state.jobs.stop()
        assert (ended.status, ended.error) == ("succeeded", None)
        (registered,) = await adapters_of(world)
        told = Manifest.model_validate_json(manifest_path(Home(world.settings.home), NANO).read_bytes())
        assert registered.id.hex in {entry.id for entry in told.adapters}, "it may be asked at once"
        assert registered.lineage["examples"] == {"train": 48, "held_out": 8, "truncated": 0, "dropped": 0}
        assert registered.lineage["dataset_sha256"] == HERD


async def test_words_that_were_taken_back_are_not_learned(made):
    async with made() as world:
        await herd_dataset(world, 48, 8)
        async with world.stores.database.session() as session:
            await mark_erased(session, world.person.organisation_id, [Source(kind="upload", id="line 3")])
        with pytest.raises(openai.ConflictError, match="taken back"):
            await world.ai.fine_tuning.jobs.create(model=NANO, training_file="dataset:herd")


@pytest.mark.parametrize(
    ("name", "told"), [("dataset:cows", "no dataset 'cows'"), ("dataset:herd:2", "version"), ("dataset:", "dataset:<name>")]
)
async def test_a_dataset_that_is_not_there_is_refused_with_a_way_on(made, name, told):
    async with made() as world:
        await herd_dataset(world, 12, 0)
        with pytest.raises((openai.NotFoundError, openai.BadRequestError), match=told):
            await world.ai.fine_tuning.jobs.create(model=NANO, training_file=name)


async def adapters_of(world: Any) -> Any:
    async with world.stores.database.session() as session:
        return await Adapters(session).page(world.person.organisation_id)


async def herd_dataset(world: Any, train: int, held_out: int) -> uuid.UUID:
    """One version of a dataset `herd`, as it is when it was built; the dataset's id."""
    whose = {"organisation_id": world.person.organisation_id, "owner_id": world.person.user_id}
    named = {"name": "herd", "task": "records", "shape": "sft", "recipe": {}}
    values = {"sha256": HERD, "train": train, "held_out": held_out, "datasheet": {}}
    sources = [Source(kind="upload", id=f"line {number}") for number in range(train + held_out)]
    async with world.stores.database.session() as session:
        datasets = Datasets(session)
        row = await datasets.add(whose | named)
        await datasets.add_sources(await datasets.add_version(row, values), sources)
    folder = DatasetFolders(Home(world.settings.home)).of(row.organisation_id, row.id, HERD)
    folder.mkdir(parents=True)
    lines = [herd_example(number, source) for number, source in enumerate(sources)]
    (folder / file_of("train")).write_text("".join(lines[:train]))
    (folder / file_of("held_out")).write_text("".join(lines[train:]))
    return row.id


def herd_example(number: int, source: Source) -> str:
    asked, answer = herd_line(number)["messages"]
    return Example(messages=(asked,), chosen=answer["content"], source=source).model_dump_json() + "\n"


async def test_two_trainings_take_turns_and_one_that_runs_is_cancelled(made, runner):
    async with made() as world:
        file = await uploaded(world, herd_file(60))
        first, second = [
            await world.ai.fine_tuning.jobs.create(
                model=NANO, training_file=file, hyperparameters={"n_epochs": 100, "batch_size": 1}, seed=seed
            )
            for seed in (1, 2)
        ]
        await world.app.state.jobs.start()
        try:
            async with httpx.AsyncClient(base_url=world.base_url, headers=world.person.headers) as client:

                async def stages() -> list[str]:
                    return sorted(job["progress"]["stage"] for job in (await client.get("/api/v1/jobs")).json()["data"]["jobs"])

                async with asyncio.timeout(PATIENCE_S * 2):
                    while await stages() != ["training", "waiting: another training has the CPU"]:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
            for job in (first, second):
                await world.ai.fine_tuning.jobs.cancel(job.id)
            for job in (first, second):
                ended = await until(world, job, lambda now: now.status not in {"queued", "running"})
                assert (ended.status, ended.fine_tuned_model) == ("cancelled", None)
        finally:
            await world.app.state.jobs.stop()
