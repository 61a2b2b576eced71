"""Tasks: handed in by type, with a result and a history; and the kinds of agents that there are."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from cluster.home import GRAPHS
from tests.api.conftest import error_of
from tests.api.fixtures.graphing import ECHO
from tests.api.fixtures.people import Person
from tests.api.workflows.conftest import data
from tests.patience import PATIENCE_S

URL = "/api/v1/tasks"


@pytest.fixture
async def echo(client, farm) -> None:
    data(await client.post("/api/v1/workflows/definitions", json={"spec": ECHO}, headers=farm.editor.headers))


async def hand_in(client: httpx.AsyncClient, person: Person, **body: Any) -> httpx.Response:
    return await client.post(URL, json={"task_type": "echo", "parameters": {"question": "hello"}} | body, headers=person.headers)


async def test_a_task_has_a_result_and_a_history(client, farm, echo, carried):
    task = data(await hand_in(client, farm.viewer))
    assert (task["task_type"], task["parameters"], task["priority"]) == ("echo", {"question": "hello"}, 1)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            result = data(await client.get(f"{URL}/{task['id']}/result", headers=farm.viewer.headers))
            if result["data"] is not None:
                break
            await asyncio.sleep(0.05)
    assert result == {"task_id": task["id"], "status": "succeeded", "data": {"answer": "hello"}, "error": None}
    events = data(await client.get(f"{URL}/{task['id']}/history", headers=farm.viewer.headers))["events"]
    assert [one["data"]["state"] for one in events if one["type"] == "state"] == ["queued", "running", "succeeded"]
    rest = data(await client.get(f"{URL}/{task['id']}/history", params={"after": 1, "limit": 1}, headers=farm.viewer.headers))["events"]
    assert [one["number"] for one in rest] == [2]
    shown = data(await client.get(f"{URL}/{task['id']}", headers=farm.viewer.headers))
    assert (shown["status"], shown["parameters"]) == ("succeeded", {"question": "hello"})


async def test_lists_have_tasks_alone_in_pages_and_by_what_they_are(client, farm, echo):
    ids = [data(await hand_in(client, farm.viewer))["id"] for _ in range(3)]
    body = {"spec": ECHO, "input": {"question": "x"}}
    workflow = data(await client.post("/api/v1/workflows/execute", json=body, headers=farm.viewer.headers), 202)["id"]
    first = data(await client.get(URL, params={"limit": 2}, headers=farm.viewer.headers))
    rest = data(await client.get(URL, params={"limit": 2, "cursor": first["next_cursor"]}, headers=farm.viewer.headers))
    assert [task["id"] for task in first["tasks"] + rest["tasks"]] == ids[::-1]
    assert (await client.get(f"{URL}/{workflow}", headers=farm.viewer.headers)).status_code == 404
    assert data(await client.post(f"{URL}/{ids[0]}/cancel", headers=farm.viewer.headers))["status"] == "cancelled"
    found = data(await client.get(URL, params={"status": "cancelled", "task_type": "echo"}, headers=farm.viewer.headers))["tasks"]
    assert [task["id"] for task in found] == ids[:1]
    assert data(await client.get(URL, params={"task_type": "other"}, headers=farm.viewer.headers))["tasks"] == []


async def test_others_see_nothing_and_editors_cancel_only_their_own(client, farm, echo):
    task = data(await hand_in(client, farm.viewer))["id"]
    for path in ("", "/result", "/history"):
        assert (await client.get(f"{URL}/{task}{path}", headers=farm.stranger.headers)).status_code == 404
    assert (await client.post(f"{URL}/{task}/cancel", headers=farm.stranger.headers)).status_code == 404
    assert (await client.post(f"{URL}/{task}/cancel", headers=farm.editor.headers)).status_code == 403
    assert data(await client.get(URL, headers=farm.stranger.headers))["tasks"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"task_type": "nothing-of-the-kind"}, 404),
        ({"task_type": "No"}, 422),
        ({"task_type": "graph"}, 422),
        ({"task_type": None}, 422),
        ({"parameters": {"question": 7}}, 422),
        ({"parameters": []}, 422),
        ({"priority": 1000}, 422),
        ({"surprise": 1}, 422),
    ],
)
async def test_what_is_no_task_is_refused(client, farm, echo, body, status):
    answer = await hand_in(client, farm.editor, **body)
    assert answer.status_code == status
    assert error_of(answer)["message"]


async def test_every_graph_of_the_library_is_a_type_with_documentation(client, farm):
    types = data(await client.get("/api/v1/agent-types", headers=farm.viewer.headers))
    assert {one["type"] for one in types} >= {path.stem for path in GRAPHS.glob("*.yaml")}
    for one in types:
        url = f"/api/v1/agent-types/{one['type']}/documentation"
        shown = data(await client.get(url, headers=farm.viewer.headers))
        assert shown["markdown"].startswith("# ")
        assert shown["input_schema"] == one["input_schema"]
        for field in one["input_schema"].get("properties", {}):
            assert field in shown["markdown"]
        text = await client.get(url, headers=farm.viewer.headers | {"Accept": "text/markdown"})
        assert text.headers["content-type"].startswith("text/markdown")
        assert text.text == shown["markdown"]
        assert (await client.get(url, params={"format": "markdown"}, headers=farm.viewer.headers)).text == shown["markdown"]
    missing = await client.get("/api/v1/agent-types/nothing/documentation", headers=farm.viewer.headers)
    assert missing.status_code == 404
    assert (await client.get("/api/v1/agent-types/NO/documentation", headers=farm.viewer.headers)).status_code == 400


async def test_how_an_agent_is_made_is_said_field_by_field(client, farm):
    shown = data(await client.get("/api/v1/docs/agent-creation", headers=farm.viewer.headers))
    for field in shown["agent_schema"]["properties"]:
        assert f"| {field} |" in shown["markdown"]
    text = await client.get("/api/v1/docs/agent-creation", params={"format": "markdown"}, headers=farm.viewer.headers)
    assert text.text == shown["markdown"]
