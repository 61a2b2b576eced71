"""A training on the cards that models are served from, with the real ledger, while its processes are killed."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from cluster.batches.files import file_store
from cluster.errors import Conflict
from cluster.fakes.jobs import LocalJobs
from cluster.home import Home
from cluster.jobs.store import Jobs, NewJob
from cluster.jobs.table import Job
from cluster.learning.tuning.folders import read_metrics, tuning_folder
from cluster.learning.tuning.spec import KIND, PRIORITY, DataFile, Hyperparameters, TuningSpec
from cluster.runtime.launch import launch_file, read_launch
from cluster.runtime.state import RunState, write_state
from cluster.settings import Settings, TuningSettings
from cluster.stores.clients import StoreClients
from tests.cluster.jobs.house import House, forget_jobs, found, quick_settings
from tests.cluster.serving.conftest import serve_runtime as serve_runtime
from tests.fine_tuning import herd_file
from tests.patience import PATIENCE_S
from tests.training.finetune.cards import PINNED, SHARE, SHARES, Asked, application, asked_of, resident, serving_settings
from tests.training.finetune.conftest import NANO
from training.finetune.lease import Wanted, leased
from training.finetune.ledger import RayLedger
from training.finetune.memory import needed_bytes

WORKED = Hyperparameters(epochs=30, batch_size=4, rank=4, max_tokens=256, held_out=0.25, evaluations=2, patience=0)
EXAMPLES, STEPS = 16, 90
CARD_BYTES = int(needed_bytes(NANO, WORKED, 4) / SHARE)
KINDS = {KIND: "tests.training.finetune.logical"}
LIMITS = TuningSettings(threads=1, niceness=0, checkpoint_s=0.001, lease_ttl_s=4)


@pytest.fixture(scope="module")
def deployed(serve_runtime: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = serving_settings(tmp_path_factory.mktemp("serving"))
    serve_runtime(application(settings, CARD_BYTES))
    yield settings
    serve_runtime()


@pytest.fixture
async def asked(deployed: Settings) -> AsyncIterator[Asked]:
    """All models are on the cards, and the ledger knows."""
    asked = asked_of(deployed)
    for model in SHARES:
        assert await asked.say(model, "hello") == "hello"
    await asked.until_seen(lambda seen: all_are_back(seen) and seen.devices[0].memory_bytes == CARD_BYTES)
    yield asked
    await asked.gateway.close()


def all_are_back(seen: Any) -> bool:
    return resident(seen) == set(SHARES) and not seen.leases


def titled(process: psutil.Process) -> str:
    """What it calls itself; empty for one that has gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@dataclass(frozen=True)
class Training:
    """A job of the kind `fine_tuning`; each attempt is a process of this machine, its worker one of Ray's."""

    house: House
    job: Job
    folder: Path
    runner: LocalJobs

    def worker(self) -> psutil.Process:
        """The process that Ray Train has started, on the Ray of the tests."""
        (found,) = [one for one in psutil.Process().children(recursive=True) if "RayTrainWorker" in titled(one)]
        return found

    def driver(self) -> int:
        return list(self.runner.processes.values())[-1].pid

    async def past(self, step: int) -> None:
        """Until a checkpoint behind that step stands, while there is more to do."""
        async with asyncio.timeout(PATIENCE_S * 3):
            while (done := max((one["step"] for one in read_metrics(self.folder)), default=0)) <= step:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert done < STEPS, "it is killed in the middle"

    async def ended(self) -> Job:
        async with asyncio.timeout(PATIENCE_S * 3):
            while (now := await self.house.look(self.job)).state not in {"succeeded", "failed"}:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            return now

    async def told(self) -> list[int]:
        """The steps of all attempts, in the order in which they were done."""
        lines = [str(event.data["text"]) for event in await self.house.events(self.job, "log")]
        return [int(line.split()[1].partition("/")[0]) for line in lines if "training loss" in line]


@pytest.fixture
async def training(stores: StoreClients, store_settings: Settings, tmp_path: Path, ray_runtime: None) -> AsyncIterator[Training]:
    await forget_jobs(stores)
    settings = quick_settings(tmp_path, store_settings, lost_after_s=60).model_copy(update={"tuning": LIMITS})
    launch = read_launch(Home(tmp_path)).model_copy(update={"settings": settings, "gpus": ("GPU-a", "GPU-b")})
    launch_file(Home(tmp_path)).write_text(launch.model_dump_json())
    told = {"profile": "tests", "base_url": "http://localhost", "started_at": time.time()}
    write_state(Home(tmp_path), RunState(pid=os.getpid(), phase="ready", ray_address=str(ray.get_runtime_context().gcs_address), **told))
    house = await found(stores.database, settings, tmp_path)
    stored = file_store(Home(tmp_path)).write(house.organisation_id, io.BytesIO(herd_file(EXAMPLES)))
    data = DataFile(file_id=stored.id, sha256=stored.sha256, examples=EXAMPLES)
    spec = TuningSpec(base="hearth-nano", name="herd", train=data, parameters=WORKED).model_dump(mode="json")
    async with stores.database.session() as session:
        new = NewJob(KIND, house.organisation_id, house.owner_id, spec, PRIORITY)
        job = await Jobs(session).enqueue(new, KINDS, settings.jobs)
    runner = LocalJobs()
    yield Training(house, job, tuning_folder(Home(tmp_path), house.organisation_id, job.id), runner)
    await runner.end()
    await forget_jobs(stores)


async def test_it_trains_beside_models_under_load_and_a_kill_of_any_of_its_processes_costs_no_request_and_no_step(
    asked: Asked, training: Training
):
    pinned = await asked.say(PINNED, "pid")
    dispatcher = training.house.dispatcher(training.runner, KINDS)
    await dispatcher.start()
    try:
        async with asked.under_load("north", PINNED):
            held = await asked.until_seen(lambda seen: [lease.taken for lease in seen.leases] == [True] and len(resident(seen)) == 2)
            assert PINNED in resident(held), "one of the two on demand has left"
            await training.past(2)
            os.kill(training.worker().pid, signal.SIGKILL)
            assert await asked.say("south", "still here") == "still here", "it takes turns with the other one"
            await training.past(12)
            # Nobody begins another attempt, so the lease lapses.
            await dispatcher.stop()
            os.kill(training.driver(), signal.SIGKILL)
            assert await asked.say("south", "back again") == "back again"
            await asked.until_seen(all_are_back)
            await dispatcher.start()
            ended = await training.ended()
            assert await asked.say("south", "and again") == "and again"
            await asked.until_seen(all_are_back)
    finally:
        await dispatcher.stop()
    assert (ended.state, ended.error, ended.attempt) == ("succeeded", None, 2)
    steps = await training.told()
    assert steps == sorted(steps), "what was done is not done again"
    assert len(steps) - len(set(steps)) <= 2, "but for a step whose checkpoint was not there yet"
    assert [one["step"] for one in read_metrics(training.folder) if "train_loss" in one] == list(range(1, STEPS + 1))
    assert await asked.say(PINNED, "pid") == pinned
    assert min(asked.answers["north"], asked.answers[PINNED]) > 20


def want(number: int) -> Wanted:
    return Wanted([f"training-{number}"], f"fine-tuning {number}", int(SHARE * CARD_BYTES))


def ignore(told: str) -> None: ...


async def test_of_trainings_that_want_the_same_cards_the_last_waits_and_is_told_for_whom(asked: Asked):
    told: list[str] = []

    def compete() -> None:
        with leased(RayLedger(), want(1), LIMITS, ignore) as one:
            with leased(RayLedger(), want(2), LIMITS, ignore) as two:
                assert {*one.devices, *two.devices} == {"gpu-0", "gpu-1"}
                impatient = LIMITS.model_copy(update={"lease_wait_s": 1.0})
                with pytest.raises(Conflict) as refused, leased(RayLedger(), want(3), impatient, told.append):
                    pass
                told.append(refused.value.message)
            with leased(RayLedger(), want(3), LIMITS, ignore) as three:
                assert three.devices == two.devices

    await asyncio.to_thread(compete)
    assert all("fine-tuning 1" in text and "fine-tuning 2" in text for text in told)
    await asked.until_seen(lambda seen: not seen.leases)


async def test_beside_what_is_pinned_nothing_larger_than_the_rest_of_its_card_fits(asked: Asked):
    whole = Wanted(["whole-0", "whole-1"], "fine-tuning of all", CARD_BYTES)

    def ask() -> str:
        limits = LIMITS.model_copy(update={"lease_wait_s": 2.0})
        with pytest.raises(Conflict) as refused, leased(RayLedger(), whole, limits, ignore):
            pass
        return refused.value.message

    told = await asyncio.to_thread(ask)
    assert f"model '{PINNED}'" in told
    assert "pinned models stay" in told
    assert await asked.say(PINNED, "hello") == "hello"
    await asked.until_seen(lambda seen: not seen.leases)
