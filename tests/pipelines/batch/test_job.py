"""Batches from upload to answers, through the official client: jobs are real processes."""

from __future__ import annotations

import os
import signal
from typing import Any

import httpx
import psutil

from api.keys.repository import ApiKeys
from cluster.batches.lines import Request
from cluster.fakes.gateway import FakeGateway
from pipelines.batch.job import grouped
from tests.api.fixtures.batching import asking, working
from tests.api.fixtures.people import add_person

EMBEDDINGS = "/v1/embeddings"


def without_marks(body: dict[str, Any]) -> dict[str, Any]:
    """An answer less what is new each time anybody asks."""
    return {name: value for name, value in body.items() if name not in {"id", "created"}}


async def test_every_line_is_answered_as_it_would_be_online(made):
    async with made() as world, working(world):
        lines = [asking(f"number {number}", f"n{number}", seed=number) for number in range(10)]
        lines.insert(3, asking("wrong", "bad", temprature=1))
        batch = await world.begin(lines, metadata={"about": "goats"})
        assert (batch.status, batch.object, batch.metadata) == ("validating", "batch", {"about": "goats"})
        done = await world.until(batch, "completed", "failed")
        assert done.status == "completed", done
        assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (11, 10, 1)
        assert done.model == "fake-llm"
        answers, errors = await world.lines(done.output_file_id), await world.lines(done.error_file_id)
        assert [line["custom_id"] for line in answers] == [f"n{number}" for number in range(10)]
        assert [line["custom_id"] for line in errors] == ["bad"]
        async with httpx.AsyncClient(base_url=world.base_url, headers=world.person.headers) as online:
            for line, answer in zip(lines, sorted(answers + errors, key=lambda told: place(lines, told)), strict=True):
                now = await online.post(line["url"], json=line["body"])
                assert answer["response"]["status_code"] == now.status_code
                assert without_marks(answer["response"]["body"]) == without_marks(now.json())
                assert answer["response"]["request_id"]
                assert answer["error"] is None
        assert await world.job_ended() == "succeeded"
        assert done.usage.output_tokens == sum(answer["response"]["body"]["usage"]["completion_tokens"] for answer in answers)


def place(lines: list[dict[str, Any]], answer: dict[str, Any]) -> int:
    return [line["custom_id"] for line in lines].index(answer["custom_id"])


async def test_a_killed_process_is_replaced_and_no_line_is_asked_or_answered_twice(made, runner):
    gateway = FakeGateway(pace_s=0.1)
    async with made(gateway) as world, working(world):
        batch = await world.begin([asking(f"number {number}", f"n{number}") for number in range(12)])
        await world.until_so(batch, lambda now: now.request_counts.completed >= 5)
        (process,) = runner.processes.values()
        os.kill(process.pid, signal.SIGKILL)
        done = await world.until(batch, "completed", "failed")
        assert done.status == "completed", done
        answers = await world.lines(done.output_file_id)
        assert [line["custom_id"] for line in answers] == [f"n{number}" for number in range(12)]
        assert len(runner.processes) == 2
        assert await world.job_ended() == "succeeded"
        # Those that were open when it was killed are asked again, and no more.
        assert len(gateway.asked) <= 12 + world.settings.batches.concurrency


async def test_a_killed_worker_of_ray_is_replaced_and_no_line_is_answered_twice(made, runner):
    gateway = FakeGateway(pace_s=0.1)
    async with made(gateway) as world, working(world):
        # Ray may take a process for it that it has started long before: what tells it is its title.
        before = answering()
        batch = await world.begin([asking(f"number {number}", f"n{number}") for number in range(40)])
        await world.until_so(batch, lambda now: now.request_counts.completed >= 3)
        (actor,) = answering() - before
        actor.kill()
        done = await world.until(batch, "completed", "failed")
        assert done.status == "completed", done
        assert [line["custom_id"] for line in await world.lines(done.output_file_id)] == [f"n{number}" for number in range(40)]
        assert len(runner.processes) == 1
        assert len(gateway.asked) <= 40 + world.settings.batches.concurrency


def answering() -> set[psutil.Process]:
    """The workers of Ray that answer lines now."""
    return {child for child in psutil.Process().children(recursive=True) if "Answering" in titled(child)}


def titled(process: psutil.Process) -> str:
    try:
        return str(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def test_one_model_is_asked_after_the_other():
    lines = [Request(number, 0, 0, str(number), model) for number, model in enumerate("abab", 1)]
    assert [(line.line, line.model) for line in grouped(lines, ["b", "a"])] == [(2, "b"), (4, "b"), (1, "a"), (3, "a")]


async def test_what_was_done_is_in_the_files_after_a_cancellation(made):
    async with made(FakeGateway(pace_s=0.1)) as world, working(world):
        batch = await world.begin([asking(f"number {number}", f"n{number}") for number in range(40)])
        await world.until_so(batch, lambda now: now.request_counts.completed >= 3)
        assert (await world.ai.batches.cancel(batch.id)).status == "cancelling"
        done = await world.until(batch, "cancelled", "completed", "failed")
        assert done.status == "cancelled"
        assert await world.job_ended() == "cancelled"
        answers, errors = await world.lines(done.output_file_id), await world.lines(done.error_file_id)
        assert len(answers) == done.request_counts.completed >= 3
        assert {line["error"]["code"] for line in errors} == {"batch_cancelled"}
        assert sorted(line["custom_id"] for line in answers + errors) == sorted(f"n{number}" for number in range(40))


async def test_a_batch_whose_time_is_up_ends_with_what_was_done(made):
    async with made(FakeGateway(pace_s=0.5), window_s=25) as world, working(world):
        batch = await world.begin([asking(f"number {number}", f"n{number}") for number in range(400)])
        done = await world.until(batch, "expired", "completed", "failed")
        assert done.status == "expired"
        assert await world.job_ended() == "succeeded"
        assert done.expired_at >= done.expires_at
        answers, errors = await world.lines(done.output_file_id), await world.lines(done.error_file_id)
        assert {line["error"]["code"] for line in errors} == {"batch_expired"}
        assert len(answers) == done.request_counts.completed
        assert len(answers) + len(errors) == 400


async def test_a_file_with_mistakes_is_refused_with_their_lines(made):
    async with made() as world, working(world):
        wrong = [
            asking("a", "same"),
            asking("b", "same"),
            asking("c", url=EMBEDDINGS),
            asking("d", model="fake-lm"),
            "{not json",
            asking("e", stream=True),
        ]
        done = await world.until(await world.begin(wrong), "failed", "completed")
        assert done.status == "failed"
        assert [(error.line, error.code) for error in done.errors.data] == [
            (2, "duplicate_custom_id"),
            (3, "invalid_url"),
            (4, "model_not_found"),
            (5, "invalid_json_line"),
            (6, "invalid_request"),
        ]
        assert done.failed_at
        assert await world.job_ended() == "succeeded"
        assert done.output_file_id is done.error_file_id is None
        assert world.gateway.asked == []


async def test_a_batch_asks_no_longer_when_the_key_it_was_made_with_is_revoked(made, stores):
    async with made(FakeGateway(pace_s=0.1)) as world, working(world):
        batch = await world.begin([asking(f"number {number}", f"n{number}") for number in range(400)])
        await world.until_so(batch, lambda now: now.request_counts.completed >= 1)
        colleague = await add_person(stores, colleague=world.person)
        async with stores.database.session() as session:
            await ApiKeys(session).revoke(world.person.key_id)
        async with world.as_somebody(colleague) as other:
            done = await other.until(batch, "failed", "completed")
            assert done.status == "failed"
            assert "may ask no longer" in done.errors.data[0].message
            assert len(await other.lines(done.output_file_id)) == done.request_counts.completed >= 1


async def test_vectors_are_those_of_the_endpoint(made):
    async with made() as world, working(world):
        lines = [asking("", f"v{number}", EMBEDDINGS, model="fake-embedder", input=[f"goat {number}", "wool"]) for number in range(5)]
        for line in lines:
            del line["body"]["messages"]
        done = await world.until(await world.begin(lines, EMBEDDINGS), "completed", "failed")
        answers = await world.lines(done.output_file_id)
        async with httpx.AsyncClient(base_url=world.base_url, headers=world.person.headers) as online:
            for line, answer in zip(lines, answers, strict=True):
                assert answer["response"]["body"] == (await online.post(EMBEDDINGS, json=line["body"])).json()
