"""Agents: made from instructions, kept in versions, and answering at once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.conftest import error_of
from tests.api.fixtures.people import Person
from tests.api.workflows.conftest import data

URL = "/api/v1/agents"
HELPER = {"name": "helper", "title": "Farm helper", "description": "Answers.", "instructions": "You answer briefly."}


async def make(client: httpx.AsyncClient, person: Person, **fields: Any) -> httpx.Response:
    return await client.post(URL, json=HELPER | fields, headers=person.headers)


async def test_an_agent_is_made_and_found_by_id_and_by_name(client, farm):
    made = data(await make(client, farm.editor, temperature=0, note="The first."))
    assert (made["name"], made["model_name"], made["version"], made["note"]) == ("helper", "agent/helper", 1, "The first.")
    assert (made["agent"]["instructions"], made["agent"]["temperature"], made["agent"]["tools"]) == ("You answer briefly.", 0, [])
    for name in (made["id"], "helper"):
        answer = await client.get(f"{URL}/{name}", headers=farm.viewer.headers)
        assert data(answer) == made
        assert answer.headers["etag"] == '"1"'


async def test_an_agent_is_a_graph_that_can_be_chatted_with(client, farm):
    data(await make(client, farm.editor, collections=["handbooks"], tools=["files_read"], limits={"tokens": 500}))
    graph = data(await client.get("/api/v1/workflows/definitions/helper", headers=farm.viewer.headers))
    assert graph["chat"]
    nodes = graph["spec"]["nodes"]
    assert [(name, node["kind"]) for name, node in nodes.items()] == [("passages", "retrieve"), ("answer", "llm")]
    assert (nodes["passages"]["collections"], nodes["passages"]["then"]) == (["handbooks"], "answer")
    assert nodes["answer"]["tools"] == ["files_read"]
    assert graph["spec"]["limits"]["tokens"] == 500
    assert "helper" not in [
        one["name"] for one in data(await client.get("/api/v1/workflows/definitions", headers=farm.viewer.headers))["items"]
    ]


async def test_an_agent_is_changed_at_its_own_path_only(client, farm):
    made = data(await make(client, farm.editor))
    graph = data(await client.get("/api/v1/workflows/definitions/helper", headers=farm.viewer.headers))
    for method, body in (("PUT", {"spec": graph["spec"]}), ("DELETE", None)):
        refused = await client.request(method, "/api/v1/workflows/definitions/helper", json=body, headers=farm.editor.headers)
        assert refused.status_code == 409
        assert made["id"] in error_of(refused)["message"]


async def test_a_change_is_a_new_version_and_goes_back(client, farm):
    data(await make(client, farm.editor))
    put = {"instructions": "You answer in verse.", "note": "Verse."}
    second = data(await client.put(f"{URL}/helper", json=put, headers=farm.editor.headers))
    assert (second["version"], second["agent"]["instructions"], second["title"]) == (2, "You answer in verse.", "")
    first = data(await client.get(f"{URL}/helper/versions/1", headers=farm.viewer.headers))
    assert (first["agent"]["instructions"], first["title"]) == ("You answer briefly.", "Farm helper")
    assert [one["version"] for one in data(await client.get(f"{URL}/helper/versions", headers=farm.viewer.headers))] == [2, 1]
    third = data(await client.post(f"{URL}/helper/revert", json={"version": 1}, headers=farm.editor.headers))
    assert (third["version"], third["agent"]["instructions"]) == (3, "You answer briefly.")
    late = await client.put(f"{URL}/helper", json=put | {"version": 2}, headers=farm.editor.headers)
    assert late.status_code == 409
    assert data(await client.put(f"{URL}/helper", json=put, headers=farm.editor.headers | {"If-Match": '"3"'}))["version"] == 4


async def test_agents_are_listed_by_name_in_pages_and_removed(client, farm):
    for name in ("c", "a", "b"):
        data(await make(client, farm.editor, name=name))
    first = data(await client.get(URL, params={"limit": 2}, headers=farm.viewer.headers))
    rest = data(await client.get(URL, params={"limit": 2, "cursor": first["next_cursor"]}, headers=farm.viewer.headers))
    assert [one["name"] for one in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert data(await client.delete(f"{URL}/a", headers=farm.editor.headers)) is None
    assert (await client.get(f"{URL}/a", headers=farm.viewer.headers)).status_code == 404


async def test_viewers_change_nothing_and_others_see_nothing(client, farm):
    made = data(await make(client, farm.editor))
    changes = [
        ("POST", "", HELPER),
        ("PUT", "/helper", {"instructions": "x"}),
        ("POST", "/helper/revert", {"version": 1}),
        ("DELETE", "/helper", None),
    ]
    for method, path, body in changes:
        assert (await client.request(method, URL + path, json=body, headers=farm.viewer.headers)).status_code == 403, path
    for name in (made["id"], "helper"):
        for method, path, body in [("GET", "/helper", None), ("GET", "/helper/versions", None), *changes[1:]]:
            there = f"{URL}/{name}{path.removeprefix('/helper')}"
            assert (await client.request(method, there, json=body, headers=farm.stranger.headers)).status_code == 404
    assert data(await client.get(URL, headers=farm.stranger.headers))["items"] == []


async def test_a_workflow_is_no_agent(client, farm):
    spec = {"name": "plain", "output": {"a": "1"}, "start": "n", "nodes": {"n": {"kind": "transform", "value": "1"}}}
    data(await client.post("/api/v1/workflows/definitions", json={"spec": spec}, headers=farm.editor.headers))
    for method, body in (("GET", None), ("PUT", {"instructions": "x"}), ("DELETE", None)):
        answer = await client.request(method, f"{URL}/plain", json=body, headers=farm.editor.headers)
        assert answer.status_code == 404
    assert (await make(client, farm.editor, name="plain")).status_code == 409, "the name is taken"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": "Not A Name"}, 422),
        ({"instructions": ""}, 422),
        ({"instructions": "{{ input. }}"}, 422),
        ({"instructions": "{{ state.nothing }}"}, 422),
        ({"instructions": 7}, 422),
        ({"temperature": 3}, 422),
        ({"temperature": "1"}, 422),
        ({"tools": "files_read"}, 422),
        ({"limits": {"stepz": 1}}, 422),
        ({"limits": {"steps": 0}}, 422),
        ({"output": {"type": "nonsense"}}, 422),
        ({"rounds": 0}, 422),
        ({"surprise": 1}, 422),
        ({"collections": [1]}, 422),
    ],
)
async def test_what_can_be_no_agent_is_refused(client, farm, fields, status):
    answer = await make(client, farm.editor, **fields)
    assert answer.status_code == status, answer.text
    assert error_of(answer)["message"]
    assert data(await client.get(URL, headers=farm.viewer.headers))["items"] == []


async def test_an_agent_with_a_schema_answers_with_a_value(client, farm, carried, gateway):
    shape = {"type": "object", "properties": {"goats": {"type": "integer"}}, "required": ["goats"]}
    data(await make(client, farm.editor, output=shape, model="fake-llm"))
    gateway.scripted.append('{"goats": 3}')
    body = {"workflow": "helper", "input": {"question": "How many goats?"}, "wait_s": 60}
    run = data(await client.post("/api/v1/workflows/execute", json=body, headers=farm.viewer.headers))
    assert run["state"] == "succeeded", run["error"]
    assert run["output"]["value"] == {"goats": 3}
    assert run["output"]["answer"].replace(" ", "") == '{"goats":3}'
