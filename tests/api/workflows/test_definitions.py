"""Graphs of an organisation: kept in versions, checked before they are kept, and nobody else's."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tests.api.conftest import error_of
from tests.api.fixtures.graphing import ECHO, GREETING
from tests.api.fixtures.people import Person
from tests.api.workflows.conftest import data

URL = "/api/v1/workflows/definitions"
TEXT = """# Says good day.
name: greeting
input: {type: object, properties: {who: {type: string}}, required: [who]}
output: {said: state.greeting}
start: greeting
nodes:
  greeting:
    kind: transform
    value: "'Good day, ' + input.who"   # who was named
"""


async def keep(client: httpx.AsyncClient, person: Person, **fields: Any) -> httpx.Response:
    return await client.post(URL, json={"spec": GREETING} | fields, headers=person.headers)


async def test_a_graph_is_kept_and_found_by_id_and_by_name(client, farm):
    made = data(await keep(client, farm.editor, note="The first."))
    assert (made["name"], made["version"], made["note"], made["library"], made["chat"]) == ("greeting", 1, "The first.", False, False)
    assert made["spec"]["nodes"]["greeting"]["kind"] == "transform"
    for name in (made["id"], "greeting"):
        answer = await client.get(f"{URL}/{name}", headers=farm.viewer.headers)
        assert data(answer) == made
        assert answer.headers["etag"] == '"1"'


async def test_a_graph_is_kept_as_the_text_it_was_written_as(client, farm):
    made = data(await client.post(URL, json={"text": TEXT}, headers=farm.editor.headers))
    assert made["text"] == TEXT
    assert made["spec"]["output"] == {"said": "state.greeting"}


async def test_a_change_is_a_new_version_and_the_old_ones_stay(client, farm):
    made = data(await keep(client, farm.editor))
    changed = GREETING | {"title": "Another"}
    second = data(await client.put(f"{URL}/greeting", json={"spec": changed, "note": "Renamed."}, headers=farm.editor.headers))
    assert (second["id"], second["version"], second["title"]) == (made["id"], 2, "Another")
    first = data(await client.get(f"{URL}/greeting/versions/1", headers=farm.viewer.headers))
    assert first["spec"]["title"] == "A greeting"
    versions = data(await client.get(f"{URL}/greeting/versions", headers=farm.viewer.headers))
    assert [(one["version"], one["note"]) for one in versions] == [(2, "Renamed."), (1, "")]
    third = data(await client.post(f"{URL}/greeting/revert", json={"version": 1}, headers=farm.editor.headers))
    assert (third["version"], third["spec"]["title"]) == (3, "A greeting")


async def test_a_change_of_what_somebody_else_changed_meanwhile_is_refused(client, farm):
    data(await keep(client, farm.editor))
    put = {"spec": GREETING | {"title": "Mine"}}
    data(await client.put(f"{URL}/greeting", json=put | {"version": 1}, headers=farm.editor.headers))
    for told, header in (({"version": 1}, {}), ({}, {"If-Match": '"1"'}), ({}, {"If-Match": 'W/"1"'})):
        late = await client.put(f"{URL}/greeting", json=put | told, headers=farm.editor.headers | header)
        assert late.status_code == 409
        assert "version 2" in error_of(late)["message"]
    assert data(await client.put(f"{URL}/greeting", json=put, headers=farm.editor.headers | {"If-Match": '"2"'}))["version"] == 3
    both = await client.put(f"{URL}/greeting", json=put | {"version": 1}, headers=farm.editor.headers | {"If-Match": '"3"'})
    assert both.status_code == 400


async def test_lists_have_the_library_and_the_organisation_s_by_name_in_pages(client, farm):
    for name in ("aaa", "zzz", "greeting"):
        data(await keep(client, farm.editor, spec=GREETING | {"name": name}))
    data(await keep(client, farm.editor, spec=ECHO))
    names, cursor = [], None
    while True:
        page = data(await client.get(URL, params={"limit": 2} | ({"cursor": cursor} if cursor else {}), headers=farm.viewer.headers))
        names += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    own = [one["name"] for one in names if not one["library"]]
    assert own == ["aaa", "echo", "greeting", "zzz"]
    assert [one["name"] for one in names] == sorted(one["name"] for one in names)
    assert {one["name"]: one["chat"] for one in names if not one["library"]} == {
        "aaa": False,
        "echo": True,
        "greeting": False,
        "zzz": False,
    }
    assert all(one["id"] is None for one in names if one["library"])


async def test_a_graph_is_removed_with_its_versions(client, farm):
    data(await keep(client, farm.editor))
    assert data(await client.delete(f"{URL}/greeting", headers=farm.editor.headers)) is None
    for path in ("", "/versions", "/versions/1", "/diagram"):
        assert (await client.get(f"{URL}/greeting{path}", headers=farm.viewer.headers)).status_code == 404
    assert data(await keep(client, farm.editor))["version"] == 1, "the name is free again"


async def test_viewers_change_nothing_and_others_see_nothing(client, farm):
    made = data(await keep(client, farm.editor))
    changes = [
        ("POST", "", {"spec": ECHO}),
        ("PUT", "/greeting", {"spec": GREETING}),
        ("POST", "/greeting/revert", {"version": 1}),
        ("DELETE", "/greeting", None),
    ]
    for method, path, body in changes:
        assert (await client.request(method, URL + path, json=body, headers=farm.viewer.headers)).status_code == 403
    for name in (made["id"], "greeting"):
        for method, path, body in [("GET", "", None), ("GET", "/versions", None), ("GET", "/diagram", None), *changes[1:]]:
            path = path.removeprefix("/greeting")
            answer = await client.request(method, f"{URL}/{name}{path}", json=body, headers=farm.stranger.headers)
            assert answer.status_code == 404, (method, path)
    assert "greeting" not in [one["name"] for one in data(await client.get(URL, headers=farm.stranger.headers))["items"]]


async def test_a_graph_of_the_library_is_read_and_not_changed(client, farm):
    library = [one for one in data(await client.get(URL, params={"limit": 200}, headers=farm.viewer.headers))["items"] if one["library"]]
    if not library:
        pytest.skip("no graph is shipped")
    name = library[0]["name"]
    shown = data(await client.get(f"{URL}/{name}", headers=farm.viewer.headers))
    assert shown["text"]
    assert data(await client.get(f"{URL}/{name}/versions", headers=farm.viewer.headers))[0]["version"] == shown["version"]
    assert (await client.get(f"{URL}/{name}/diagram", headers=farm.viewer.headers)).text.startswith("flowchart")
    for method, path, body in (
        ("PUT", f"/{name}", {"spec": shown["spec"]}),
        ("DELETE", f"/{name}", None),
        ("POST", f"/{name}/revert", {"version": 1}),
        ("POST", "", {"spec": GREETING | {"name": name}}),
    ):
        refused = await client.request(method, URL + path, json=body, headers=farm.admin.headers)
        assert refused.status_code == 409, (method, path)
        assert "library" in error_of(refused)["message"]


async def test_a_graph_is_drawn_as_text_and_as_a_picture(client, farm):
    data(await keep(client, farm.editor))
    text = await client.get(f"{URL}/greeting/diagram", headers=farm.viewer.headers)
    assert text.headers["content-type"].startswith("text/plain")
    assert "greeting" in text.text
    for told in ({"params": {"format": "png"}, "headers": {}}, {"headers": {"Accept": "image/png"}}):
        picture = await client.get(f"{URL}/greeting/diagram", params=told.get("params"), headers=farm.viewer.headers | told["headers"])
        assert picture.headers["content-type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
    assert (await client.get(f"{URL}/greeting/diagram", params={"version": 7}, headers=farm.viewer.headers)).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 422, "'spec' or 'text'"),
        ({"spec": GREETING, "text": "a"}, 422, "'spec' or 'text'"),
        ({"spec": GREETING | {"nodse": {}}}, 422, "nodes"),
        ({"spec": GREETING | {"start": "nowhere"}}, 422, "nowhere"),
        ({"spec": GREETING | {"output": {"a": "state.nothing"}}}, 422, "nothing"),
        ({"spec": GREETING | {"output": {"a": "1 +"}}}, 422, "1 +"),
        ({"spec": GREETING | {"nodes": {"greeting": {"kind": "python", "value": "1"}}}}, 422, "python"),
        ({"spec": GREETING | {"name": "Not A Name"}}, 422, "name"),
        ({"spec": []}, 422, "spec"),
        ({"text": "a: [1"}, 422, "text"),
        ({"text": TEXT.replace("kind: transform", "kind: tranform")}, 422, "text:7"),
        ({"spec": GREETING, "more": 1}, 422, "more"),
        ({"spec": GREETING, "note": "x" * 600}, 422, "note"),
    ],
)
async def test_what_is_no_graph_is_refused_with_its_place(client, farm, body, status, says):
    answer = await client.post(URL, json=body, headers=farm.editor.headers)
    assert answer.status_code == status
    assert says in error_of(answer)["message"]


async def test_what_is_not_there_and_what_is_no_name_is_told_apart(client, farm):
    data(await keep(client, farm.editor))
    missing = await client.get(f"{URL}/greting", headers=farm.viewer.headers)
    assert missing.status_code == 404
    assert "greeting" in error_of(missing)["message"]
    assert (await client.get(f"{URL}/{uuid.uuid4()}", headers=farm.viewer.headers)).status_code == 404
    assert (await client.get(f"{URL}/greeting/versions/9", headers=farm.viewer.headers)).status_code == 404
    for path in ("/a b", "/greeting/versions/0", "/greeting/versions/x", "/" + "x" * 65):
        assert (await client.get(URL + path, headers=farm.viewer.headers)).status_code == 400, path
    assert (await client.get(URL, params={"cursor": "NO"}, headers=farm.viewer.headers)).status_code == 400
    assert (await keep(client, farm.editor)).status_code == 409, "the name is taken"
    renamed = await client.put(f"{URL}/greeting", json={"spec": GREETING | {"name": "other"}}, headers=farm.editor.headers)
    assert renamed.status_code == 422


async def test_a_check_says_everything_that_is_wrong_with_node_and_line(client, farm):
    answer = data(await client.post("/api/v1/workflows/check", json={"text": TEXT}, headers=farm.viewer.headers))
    assert (answer["ok"], answer["name"], answer["findings"]) == (True, "greeting", [])
    assert answer["diagram"].startswith("flowchart")
    broken = TEXT.replace("input.who", "input.whom").replace("kind: transform", "kind: transform\n    then: nowhere")
    answer = data(await client.post("/api/v1/workflows/check", json={"text": broken}, headers=farm.viewer.headers))
    assert not answer["ok"]
    errors = [one for one in answer["findings"] if one["severity"] == "error"]
    assert {(one["node"], one["line"]) for one in errors} == {("greeting", 9), ("greeting", 10)}
    shapeless = data(await client.post("/api/v1/workflows/check", json={"text": "nodes: 1\nnmae: x\n"}, headers=farm.viewer.headers))
    assert not shapeless["ok"]
    assert {one["line"] for one in shapeless["findings"]} >= {1, 2}
    unknown = GREETING | {"nodes": {"greeting": {"kind": "graph", "graph": "nothing-of-the-kind"}}}
    answer = data(await client.post("/api/v1/workflows/check", json={"spec": unknown}, headers=farm.viewer.headers))
    assert any("nothing-of-the-kind" in one["message"] for one in answer["findings"])
