"""Following a job by server-sent events, and going on behind the last one that arrived."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from sqlalchemy import update

from api.jobs.following import Follower
from cluster.jobs.attempts import Attempts, Progress
from cluster.jobs.states import JobState
from cluster.jobs.table import Job
from cluster.settings import JobSettings
from tests.api.fixtures.people import add_person

URL = "/api/v1/jobs"


def parsed(text: str) -> list[tuple[int, dict[str, Any]]]:
    """Number and content of every event."""
    blocks = [block for block in text.split("\n\n") if block.startswith("id: ")]
    return [(int(head.removeprefix("id: ")), json.loads(body)) for head, body in (block.split("\ndata: ", 1) for block in blocks)]


@pytest.fixture
async def person(stores):
    return await add_person(stores)


async def test_a_job_is_told_from_its_beginning_to_its_end(client, add_job, dispatching, person):
    job_id = await add_job(person, most=5, pace_s=0.1)
    answer = await client.get(f"{URL}/{job_id}/events", headers=person.headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = parsed(answer.text)
    numbers = [number for number, _ in events]
    assert numbers == sorted(numbers)
    assert [event["state"] for _, event in events if event["type"] == "state"] == ["queued", "running", "succeeded"]
    assert events[-1][1]["state"] == "succeeded"
    far = [event["done"] for _, event in events if event["type"] == "progress"]
    assert far == sorted(far)
    assert far[-1] == 5
    assert [event["text"] for _, event in events if event["type"] == "log"] == ["attempt 1 begins at 0"]


async def test_reading_goes_on_behind_the_last_event_and_ends_with_204(client, add_job, dispatching, person):
    job_id = await add_job(person, most=2)
    whole = parsed((await client.get(f"{URL}/{job_id}/events", headers=person.headers)).text)
    again = await client.get(f"{URL}/{job_id}/events", headers=person.headers | {"Last-Event-ID": "2"})
    assert [event for number, event in parsed(again.text) if event["type"] != "progress"] == [
        event for number, event in whole if number > 2 and event["type"] != "progress"
    ]
    last = str(whole[-1][0])
    over = await client.get(f"{URL}/{job_id}/events", headers=person.headers | {"Last-Event-ID": last})
    assert (over.status_code, over.content) == (204, b"")


@pytest.mark.parametrize("number", ["x", "-1", "99999999999"])
async def test_a_number_that_is_none_is_refused(client, add_job, person, number):
    answer = await client.get(f"{URL}/{await add_job(person)}/events", headers=person.headers | {"Last-Event-ID": number})
    assert answer.status_code == 400


async def test_a_job_that_waits_keeps_its_reader_and_one_that_is_gone_lets_go(add_job, person, stores, app):
    job_id = uuid.UUID(await add_job(person))
    pieces = Follower(stores.database, app.state.parts.settings.jobs, person.organisation_id, job_id).events(0)
    assert b'"queued"' in await anext(pieces)
    assert await anext(pieces) == b": still here\n\n"
    async with stores.database.session() as session:
        await session.execute(update(Job).where(Job.id == job_id).values(organisation_id=(await add_person(stores)).organisation_id))
    assert [piece async for piece in pieces if piece.startswith(b"id")] == []


async def test_more_events_than_are_read_at_once_come_in_order(add_job, person, stores):
    job_id = uuid.UUID(await add_job(person))
    attempts = Attempts(stores.database, JobSettings())
    await attempts.claim()
    for number in range(1200):
        await attempts.log(job_id, 1, str(number))
    await attempts.report(job_id, 1, Progress(1200, 1200, "lines"), None)
    await attempts.end(job_id, 1, JobState.SUCCEEDED)
    follower = Follower(stores.database, JobSettings(), person.organisation_id, job_id)
    events = parsed("".join([piece.decode() async for piece in follower.events(0)]))
    assert [int(event["text"]) for _, event in events if event["type"] == "log"] == list(range(1200))
    assert [event["type"] for _, event in events[-2:]] == ["progress", "state"]
    assert [number for number, _ in events] == list(range(1, 1205))
