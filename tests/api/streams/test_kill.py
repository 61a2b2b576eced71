"""An API process that is killed in mid-stream, and a second one that finishes what it left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cluster.settings import Settings
from tests.api.fixtures.replica import Replica, replica
from tests.api.fixtures.talking import Person


@pytest.fixture
def other_process(talking_settings: Settings) -> Iterator[Replica]:
    """A whole API in a process of its own, with a slow model."""
    with replica(talking_settings) as running:
        yield running


async def test_what_a_killed_process_left_is_finished_by_another_and_saved_once(person, stranger, other_process):
    mira: Person = await person()
    conversation = (await mira.new())["id"]
    path = f"/api/v1/chat/conversations/{conversation}"
    async with httpx.AsyncClient(base_url=other_process.base, headers=mira.client.headers, timeout=300) as there:
        body = {"model": "fake-llm", "content": "word " * 500}
        prepared = (await there.post(f"{path}/prepare-stream", json=body)).json()["data"]
        seen = await _some_events(there, prepared["stream_url"], 6)
    other_process.kill()
    last = seen[-1].split("\n")[0].removeprefix("id: ")
    rest = (await stranger.get(prepared["stream_url"], headers={"Last-Event-ID": last})).text
    found = [json.loads(block.split("data: ", 1)[1]) for block in [*seen, *rest.split("\n\n")] if "data: " in block]
    assert [found[-2]["status"], found[-1]["type"]] == ["interrupted", "end"]
    said = "".join(event["text"] for event in found if event["type"] == "text")
    answers = await _answers(mira, path)
    assert [(answer["text"], answer["status"], answer["id"]) for answer in answers] == [(said, "interrupted", prepared["generation_id"])]
    await asyncio.sleep(0.3)  # several sweeps
    assert len(await _answers(mira, path)) == 1


async def _some_events(client: httpx.AsyncClient, url: str, count: int) -> list[str]:
    text = ""
    async with client.stream("GET", url) as reading:
        async for chunk in reading.aiter_text():
            text += chunk
            if text.count("\n\n") >= count:
                break
    return text.split("\n\n")[:count]


async def _answers(someone: Person, path: str) -> list[dict[str, Any]]:
    listed = await someone.client.get(f"{path}/messages", params={"branch": False})
    return [message for message in listed.json()["data"]["items"] if message["role"] == "assistant"]
