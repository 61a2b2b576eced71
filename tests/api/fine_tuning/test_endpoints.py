"""Trainings over HTTP, with the official client, while no job runs: what is taken, what is refused, what is seen."""

from __future__ import annotations

import json

import httpx
import openai
import pytest

from api.web.principal import Role
from tests.api.conftest import error_of
from tests.api.fixtures.people import add_person
from tests.fine_tuning import herd_file, herd_line

NANO = "hearth-nano"


async def uploaded(world, content: bytes, purpose="fine-tune") -> str:
    return str((await world.ai.files.create(file=("examples.jsonl", content), purpose=purpose)).id)


def ours(world) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"{world.base_url}/api/v1/fine-tuning", headers=world.person.headers, timeout=20)


async def test_a_job_waits_for_its_turn_and_is_cancelled(made):
    async with made() as world:
        file = await uploaded(world, herd_file(12))
        job = await world.ai.fine_tuning.jobs.create(
            model=NANO,
            training_file=file,
            suffix="Herd Records",
            seed=7,
            metadata={"a": "b"},
            method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": 4}}},
        )
        assert (job.object, job.status, job.model, job.training_file) == ("fine_tuning.job", "queued", NANO, file)
        assert (job.seed, job.metadata, job.fine_tuned_model, job.error) == (7, {"a": "b"}, None, None)
        assert (job.hyperparameters.n_epochs, job.hyperparameters.batch_size) == (2, 4)
        assert await world.ai.fine_tuning.jobs.retrieve(job.id) == job
        assert [event.message async for event in await world.ai.fine_tuning.jobs.list_events(job.id)] == ["The job is queued: attempt 0."]
        assert (await world.ai.fine_tuning.jobs.checkpoints.list(job.id)).data == []
        assert (await world.ai.fine_tuning.jobs.cancel(job.id)).status == "cancelled"
        assert (await world.ai.fine_tuning.jobs.cancel(job.id)).status == "cancelled"


async def test_a_list_is_read_page_by_page(made):
    async with made() as world:
        file = await uploaded(world, herd_file(12))
        ids = [(await world.ai.fine_tuning.jobs.create(model=NANO, training_file=file)).id for _ in range(5)]
        assert [job.id async for job in world.ai.fine_tuning.jobs.list(limit=2)] == ids[::-1]


async def test_our_own_shape_tells_the_same(made):
    async with made() as world, ours(world) as client:
        file = await uploaded(world, herd_file(12))
        body = {"model": NANO, "training_file": file, "name": "herd", "hyperparameters": {"rank": 8}}
        started = (await client.post("/start", json=body)).raise_for_status().json()["data"]
        assert (started["status"], started["name"], started["hyperparameters"]["rank"]) == ("queued", "herd", 8)
        assert (await client.get(f"/{started['id']}/status")).json()["data"] == started
        assert (await client.get(f"/{started['id']}/metrics")).json()["data"] == {"metrics": []}
        (job,) = (await world.ai.fine_tuning.jobs.list()).data
        assert job.id == f"ftjob-{started['id'].replace('-', '')}"
        assert (await client.post(f"/{started['id']}/cancel")).json()["data"]["status"] == "cancelled"


RIGHT = [json.dumps(herd_line(number)) for number in range(12)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("\n\n", "The file is empty"),
        (RIGHT[0], "The file has 1 example; at least 10"),
        ("\n".join([*RIGHT, "{not json"]), "Line 13: The line is not a JSON object in UTF-8"),
        ("\n".join([RIGHT[0], "[]"]), "Line 2: The line is not a JSON object"),
        ("\n".join([RIGHT[0], '{"prompt": "a", "completion": "b"}']), "Line 2: 'completion' is not a field that is taken here"),
        (
            "\n".join([RIGHT[0], '{"messages": [{"role": "user", "content": "a"}, {"role": "bot", "content": "b"}]}']),
            "Line 2: 'messages.1' must be an object with a 'role'",
        ),
        (
            '{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}',
            "Line 1: 'messages.1' must be a message of 'assistant'",
        ),
        (
            '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": " "}]}',
            "Line 1: 'messages.1' must be a message of 'assistant' with a text",
        ),
    ],
)
async def test_a_file_that_cannot_be_learned_from_is_refused_by_its_line(made, content, told):
    async with made() as world:
        file = await uploaded(world, content.encode())
        with pytest.raises(openai.UnprocessableEntityError, match=told) as refused:
            await world.ai.fine_tuning.jobs.create(model=NANO, training_file=file)
        assert refused.value.param == "training_file"
        assert (await world.ai.fine_tuning.jobs.list()).data == []


async def test_a_line_that_is_too_long_is_refused(made):
    async with made(line_bytes=1024) as world:
        file = await uploaded(world, herd_file(12) + json.dumps({"messages": "x" * 2000}).encode())
        with pytest.raises(openai.UnprocessableEntityError, match="Line 13 is longer than 1024 bytes"):
            await world.ai.fine_tuning.jobs.create(model=NANO, training_file=file)


async def test_what_is_learned_from_cannot_judge(made):
    async with made() as world:
        files = [await uploaded(world, herd_file(12)) for _ in range(2)]
        with pytest.raises(openai.UnprocessableEntityError, match="validation file holds the same"):
            await world.ai.fine_tuning.jobs.create(model=NANO, training_file=files[0], validation_file=files[1])


async def test_a_base_must_have_weights_that_can_be_trained(made, gguf_only):
    async with made() as world:
        file = await uploaded(world, herd_file(12))
        for model, status, told in [
            (gguf_only, 422, "GGUF only"),
            ("qwen3-8b", 409, "hearth models pull qwen3-8b"),
            ("hearth-nano-2", 404, "did you mean 'hearth-nano'"),
            ("all-minilm-l6-v2", 422, "are for language models"),
        ]:
            with pytest.raises(openai.APIStatusError, match=told) as refused:
                await world.ai.fine_tuning.jobs.create(model=model, training_file=file)
            assert refused.value.status_code == status


async def test_its_file_must_be_there_and_meant_for_it(made, stores):
    async with made() as world:
        other_purpose = await uploaded(world, herd_file(12), "evals")
        with pytest.raises(openai.BadRequestError, match="purpose"):
            await world.ai.fine_tuning.jobs.create(model=NANO, training_file=other_purpose)
        async with world.as_somebody(await add_person(stores)) as other:
            foreign = await uploaded(other, herd_file(12))
        for name in ("file-" + "0" * 32, "x", foreign):
            with pytest.raises(openai.NotFoundError):
                await world.ai.fine_tuning.jobs.create(model=NANO, training_file=name)


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"method": {"type": "reinforcement"}}, "method.type"),
        ({"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0}}}}, "method.dpo.hyperparameters.beta"),
        ({"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": -1}}}}, "method.dpo.hyperparameters.beta"),
        ({"method": {"type": "dpo", "supervised": {}}}, "method"),
        ({"method": {"type": "supervised", "quantization": "int3"}}, "method.quantization"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "x"}}]}, "integrations"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"learning_rate_multiplier": -1}}, "hyperparameters.learning_rate_multiplier"),
        ({"suffix": "x" * 65}, "suffix"),
        ({"seed": -1}, "seed"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_what_is_wrong_is_refused(made, changes, param):
    async with made() as world:
        file = await uploaded(world, herd_file(12))
        headers = {"Authorization": f"Bearer {world.person.key}"}
        async with httpx.AsyncClient(base_url=f"{world.base_url}/v1", headers=headers) as client:
            answer = await client.post("/fine_tuning/jobs", json={"model": NANO, "training_file": file} | changes)
        assert answer.status_code == 400, answer.text
        assert error_of(answer)["param"].startswith(param)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"learning_rate": 1.0},
        {"epochs": 0},
        {"max_tokens": 1},
        {"overlong": "cut"},
        {"quantization": "nf4"},
        {"held_out": 1},
        {"beta": 0},
        {"search": {"trials": 1}},
        {"search": {"learning_rate": {"low": 1e-2, "high": 1e-3}}},
        {"search": {"rank": []}},
        {"search": {"rank": [8, 8]}},
        {"search": {"rank": [8]}},
        {"search": {"rank": [0, 8]}},
        {"search": {"epochs": [-1.0]}},
        {"search": {"beta": [0.1]}},
    ],
)
async def test_wrong_hyperparameters_are_refused(made, wrong):
    async with made() as world, ours(world) as client:
        body = {"model": NANO, "training_file": await uploaded(world, herd_file(12)), "hyperparameters": wrong}
        answer = await client.post("/start", json=body)
        assert answer.status_code == 400, answer.text
        assert error_of(answer)["param"].startswith(f"hyperparameters.{next(iter(wrong))}")


async def test_trainings_are_their_organisation_s(made, stores):
    async with made() as world:
        file = await uploaded(world, herd_file(12))
        job = await world.ai.fine_tuning.jobs.create(model=NANO, training_file=file)
        async with world.as_somebody(await add_person(stores)) as other:
            asked = other.ai.fine_tuning.jobs
            for refused in (asked.retrieve(job.id), asked.cancel(job.id), asked.list(after=job.id), asked.list_events(job.id)):
                with pytest.raises(openai.NotFoundError):
                    await refused
            assert (await asked.list()).data == []
        async with world.as_somebody(await add_person(stores, Role.VIEWER, world.person)) as viewer:
            assert (await viewer.ai.fine_tuning.jobs.retrieve(job.id)).id == job.id
            with pytest.raises(openai.PermissionDeniedError):
                await viewer.ai.fine_tuning.jobs.create(model=NANO, training_file=file)
        async with world.as_somebody(await add_person(stores, Role.EDITOR, world.person)) as editor:
            with pytest.raises(openai.PermissionDeniedError):
                await editor.ai.fine_tuning.jobs.cancel(job.id)


async def test_a_job_of_another_kind_is_no_training(made):
    async with made() as world:
        batch = await world.begin([{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "x"}}])
        (job,) = await world.jobs()
        assert batch.id
        with pytest.raises(openai.NotFoundError):
            await world.ai.fine_tuning.jobs.retrieve(f"ftjob-{job['id'].replace('-', '')}")
