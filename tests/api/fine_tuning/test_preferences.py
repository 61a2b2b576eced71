"""Trainings by preferences over HTTP: which files are taken, and a whole one that is killed."""

from __future__ import annotations

import httpx
import openai
import pytest

from cluster.learning.tuning.folders import read_metrics
from tests.api.conftest import error_of
from tests.api.fine_tuning.test_endpoints import NANO, ours, uploaded
from tests.api.fine_tuning.test_training import adapters_of, ended_though_killed, folder_of, herd_dataset
from tests.fine_tuning import herd_file
from tests.preferences import pair_file

DPO = {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 3, "batch_size": 4, "beta": 0.2}}}


async def test_a_file_of_another_kind_is_refused_by_its_line(made):
    async with made() as world:
        pairs, answers = await uploaded(world, pair_file(12)), await uploaded(world, herd_file(12))
        for file, method, told in [(pairs, None, "Line 1 is a pair of answers.*'dpo'"), (answers, DPO, "Line 1 has one answer")]:
            with pytest.raises(openai.UnprocessableEntityError, match=told) as refused:
                await world.ai.fine_tuning.jobs.create(model=NANO, training_file=file, method=method or openai.omit)
            assert refused.value.param == "training_file"
        assert (await world.ai.fine_tuning.jobs.list()).data == []


async def test_a_dataset_of_answers_alone_is_refused(made):
    async with made() as world:
        await herd_dataset(world, 12, 4)
        with pytest.raises(openai.BadRequestError, match=r"shape 'sft'.*'supervised'"):
            await world.ai.fine_tuning.jobs.create(model=NANO, training_file="dataset:herd", method=DPO)


async def test_both_apis_tell_what_was_asked_for(made):
    async with made() as world, ours(world) as client:
        file = await uploaded(world, pair_file(12))
        job = await world.ai.fine_tuning.jobs.create(model=NANO, training_file=file, method=DPO)
        assert (job.method.type, job.method.supervised) == ("dpo", None)
        assert job.method.dpo.hyperparameters.beta == 0.2
        assert await world.ai.fine_tuning.jobs.retrieve(job.id) == job
        body = {"model": NANO, "training_file": file, "method": {"type": "dpo", "quantization": "nf4"}, "hyperparameters": {"beta": 0.5}}
        started = (await client.post("/start", json=body)).raise_for_status().json()["data"]
        assert (started["method"], started["hyperparameters"]["beta"]) == ({"type": "dpo", "quantization": "nf4"}, 0.5)
        for wrong, param in [({"type": "ppo"}, "method.type"), ({"type": "dpo", "beta": 1}, "method.beta")]:
            answer: httpx.Response = await client.post("/start", json=body | {"method": wrong})
            assert (answer.status_code, error_of(answer)["param"]) == (400, param)


async def test_a_training_by_preferences_that_is_killed_goes_on_and_ends_with_an_adapter(made, runner):
    async with made() as world:
        file = await uploaded(world, pair_file(24))
        job = await world.ai.fine_tuning.jobs.create(model=NANO, training_file=file, suffix="keeper", method=DPO)
        ended = await ended_though_killed(world, runner, job)
        assert (ended.status, ended.error, ended.fine_tuned_model) == ("succeeded", None, "hearth-nano:keeper")
        figures = read_metrics(folder_of(world, ended))
        steps = [one["step"] for one in figures if "train_loss" in one]
        assert steps == sorted(set(steps)), "nothing is told twice"
        looks = [one for one in figures if "held_out_loss" in one]
        assert looks[-1]["held_out_loss"] < looks[0]["held_out_loss"]
        assert looks[-1]["held_out_reward_margin"] > 0
        (registered,) = await adapters_of(world)
        assert registered.lineage["method"] == {"type": "dpo", "quantization": None}
        assert registered.lineage["parameters"]["beta"] == 0.2
        events = [event async for event in await world.ai.fine_tuning.jobs.list_events(job.id, limit=100)]
        measured = [event for event in events if event.type == "metrics"]
        assert any("reward accuracy=" in event.message and "held_out_reward_margin" in event.data for event in measured)
