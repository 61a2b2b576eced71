"""Runs over WebSockets: one, and several over one connection."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from cluster.jobs.kinds import JOB_KINDS
from cluster.jobs.store import Jobs, NewJob
from cluster.settings import JobSettings
from tests.api.fixtures.graphing import GREETING
from tests.api.fixtures.people import Person
from tests.api.workflows.conftest import data
from tests.patience import PATIENCE_S

MIRA = {"spec": GREETING, "input": {"who": "Mira"}}


@pytest.fixture
async def client(served, gateway, quick):
    """Over a real connection."""
    async with served(gateway, quick) as client:
        yield client


def address(client: httpx.AsyncClient, path: str) -> str:
    return str(client.base_url).replace("http://", "ws://").rstrip("/") + path


async def begun(client: httpx.AsyncClient, person: Person) -> str:
    return str(data(await client.post("/api/v1/workflows/execute", json=MIRA, headers=person.headers), 202)["id"])


async def heard(line: Any) -> dict[str, Any]:
    """The next message that is no ping."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message: dict[str, Any] = json.loads(await line.recv())
            if message["type"] != "ping":
                return message


async def rest(line: Any) -> list[dict[str, Any]]:
    """Everything until the other side closes."""
    found = []
    with suppress(ConnectionClosedOK):
        while True:
            found.append(await heard(line))
    return found


async def test_a_run_is_followed_to_its_end_and_again_behind_what_arrived(client, farm, carried):
    run_id = await begun(client, farm.editor)
    url = address(client, f"/api/v1/workflows/runs/{run_id}/ws")
    async with connect(url, additional_headers=farm.viewer.headers) as line:
        whole = await rest(line)
    assert [one["id"] for one in whole] == list(range(1, len(whole) + 1))
    assert whole[-1]["state"] == "succeeded"
    async with connect(f"{url}?after=2", subprotocols=["hearth", f"bearer.{farm.viewer.key}"]) as line:  # type: ignore[list-item]
        assert await rest(line) == whole[2:]


async def test_what_is_not_there_is_refused_before_the_line_is_open(client, farm):
    run_id = await begun(client, farm.editor)
    cases = [
        (f"{run_id}/ws", farm.stranger, 404),
        (f"{uuid.uuid4()}/ws", farm.editor, 404),
        ("no-id/ws", farm.editor, 404),
        (f"{run_id}/ws?after=x", farm.editor, 422),
        (f"{run_id}/ws?before=1", farm.editor, 422),
    ]
    for path, person, status in cases:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(address(client, f"/api/v1/workflows/runs/{path}"), additional_headers=person.headers):
                pass
        assert caught.value.response.status_code == status, path
        assert set(json.loads(caught.value.response.body)["error"]) == {"message", "type", "param", "code"}


async def test_several_runs_are_followed_over_one_connection(client, farm, carried):
    ids = [await begun(client, farm.editor) for _ in range(3)]
    url = address(client, "/api/v1/workflows/runs/ws")
    async with connect(url, additional_headers=farm.viewer.headers) as line:
        for run_id in ids:
            await line.send(json.dumps({"type": "follow", "run_id": run_id}))
        told: dict[str, list[dict[str, Any]]] = {run_id: [] for run_id in ids}
        while not all(messages and messages[-1]["type"] == "end" for messages in told.values()):
            message = await heard(line)
            told[message["run_id"]].append(message)
        for messages in told.values():
            numbers = [one["id"] for one in messages[:-1]]
            assert numbers == list(range(1, len(numbers) + 1))
            assert messages[-2]["state"] == "succeeded"
        await line.send(json.dumps({"type": "follow", "run_id": ids[0], "after": 2}))
        assert (await heard(line))["id"] == 3, "what has ended can be read again"


async def test_what_makes_no_sense_is_told_and_the_line_stays_open(client, farm):
    run_id = await begun(client, farm.editor)
    async with connect(address(client, "/api/v1/workflows/runs/ws"), additional_headers=farm.editor.headers) as line:
        for message, code in (
            ({"type": "follow"}, "unprocessable"),
            ({"type": "follow", "run_id": 7}, "unprocessable"),
            ({"type": "follow", "run_id": "x"}, "not_found"),
            ({"type": "follow", "run_id": str(uuid.uuid4())}, "not_found"),
            ({"type": "follow", "run_id": run_id, "after": -1}, "unprocessable"),
            ({"type": "sing", "run_id": run_id}, "bad_input"),
        ):
            await line.send(json.dumps(message))
            assert (await heard(line))["error"]["code"] == code, message
        await line.send(json.dumps({"type": "follow", "run_id": run_id}))
        assert (await heard(line))["state"] == "queued"
        await line.send(json.dumps({"type": "follow", "run_id": run_id}))
        assert (await heard(line))["error"]["code"] == "conflict"
        await line.send(json.dumps({"type": "leave", "run_id": run_id}))
        assert (await heard(line))["type"] == "left"


async def test_a_job_is_followed_too(client, farm, stores):
    async with stores.database.session() as session:
        jobs = Jobs(session)
        job = await jobs.enqueue(NewJob("ingest", farm.editor.organisation_id, farm.editor.user_id), JOB_KINDS, JobSettings())
        await jobs.cancel(job)
    url = address(client, f"/api/v1/jobs/{job.id}/ws")
    async with connect(url, additional_headers=farm.viewer.headers) as line:
        assert [(one["id"], one["state"]) for one in await rest(line)] == [(1, "queued"), (2, "cancelled")]
    async with connect(f"{url}?after=1", additional_headers=farm.viewer.headers) as line:
        assert [one["id"] for one in await rest(line)] == [2]
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, additional_headers=farm.stranger.headers):
            pass
    assert caught.value.response.status_code == 404
