"""Runs over HTTP: seen by the organisation, steered by who began them, answered, tried again and forked."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from tests.api.conftest import error_of
from tests.api.fixtures.graphing import GREETING
from tests.api.fixtures.people import Person
from tests.api.workflows.conftest import data
from tests.patience import PATIENCE_S

EXECUTE, URL = "/api/v1/workflows/execute", "/api/v1/workflows/runs"
MIRA = {"spec": GREETING, "input": {"who": "Mira"}}
ASKS: dict[str, Any] = {
    "name": "asks",
    "output": {"answer": "state.told.word + ' ' + state.second"},
    "start": "first",
    "nodes": {
        "first": {"kind": "transform", "value": "'one'", "then": "told"},
        "told": {
            "kind": "human",
            "ask": "Which word goes with {{ state.first }}?",
            "answer": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
            "then": "second",
        },
        "second": {"kind": "transform", "value": "state.first + '!'"},
    },
}
FAILS = {
    "name": "fails",
    "output": {"answer": "state.second"},
    "start": "first",
    "nodes": {
        "first": {"kind": "transform", "value": "input.by", "then": "second"},
        "second": {"kind": "transform", "value": "10 / state.first"},
    },
}


async def begun(client: httpx.AsyncClient, person: Person, **body: Any) -> str:
    return str(data(await client.post(EXECUTE, json=body, headers=person.headers), 202)["id"])


async def page(client: httpx.AsyncClient, person: Person, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = data(await client.get(f"{URL}/{run_id}", headers=person.headers))
    return found


async def settled(client: httpx.AsyncClient, person: Person, run_id: str, *states: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            run = await page(client, person, run_id)
            if run["state"] in states:
                return run
            assert run["state"] not in {"succeeded", "failed", "cancelled"}, run
            await asyncio.sleep(0.05)


async def post(client: httpx.AsyncClient, person: Person, run_id: str, what: str, **body: Any) -> httpx.Response:
    needs_body = what in {"retry", "fork", "answer"}
    return await client.post(f"{URL}/{run_id}/{what}", json=body if needs_body else None, headers=person.headers)


async def test_runs_are_listed_in_pages_and_by_what_they_are(client, farm):
    ids = [await begun(client, farm.viewer, **MIRA) for _ in range(3)]
    other = await begun(client, farm.editor, spec=GREETING | {"name": "other"}, input={"who": "x"})
    first = data(await client.get(URL, params={"limit": 3}, headers=farm.viewer.headers))
    rest = data(await client.get(URL, params={"limit": 3, "cursor": first["next_cursor"]}, headers=farm.viewer.headers))
    assert [run["id"] for run in first["runs"] + rest["runs"]] == [other, *ids[::-1]]
    assert rest["next_cursor"] is None
    data(await post(client, farm.viewer, ids[0], "cancel"))

    async def found(**asked: str) -> list[str]:
        return [run["id"] for run in data(await client.get(URL, params=asked, headers=farm.viewer.headers))["runs"]]

    assert await found(state="cancelled") == [ids[0]]
    assert await found(graph="other") == [other]
    assert await found(task_type="graph") == [other, *ids[::-1]]
    assert await found(mine="true") == ids[::-1]
    assert data(await client.get(URL, headers=farm.stranger.headers))["runs"] == []


@pytest.mark.parametrize(
    "asked",
    [{"state": "sleeping"}, {"graph": "No"}, {"limit": 0}, {"cursor": "nowhere"}, {"mine": "perhaps"}, {"owner": "me"}, {"limit": "x"}],
)
async def test_a_question_that_makes_no_sense_is_refused(client, farm, asked):
    answer = await client.get(URL, params=asked, headers=farm.viewer.headers)
    assert answer.status_code == 400
    assert error_of(answer)["message"]


async def test_a_run_waits_for_a_person_and_goes_on_with_what_they_say(client, farm, carried):
    run_id = await begun(client, farm.viewer, spec=ASKS)
    run = await settled(client, farm.viewer, run_id, "waiting")
    asked = run["pending"][0]
    assert (asked["node"], asked["kind"], asked["ask"]) == ("told", "human", "Which word goes with one?")
    assert "class n1 waiting" in run["diagram"]
    for wrong in ({"word": 7}, {}, "x", None):
        refused = await post(client, farm.viewer, run_id, "answer", node="told", answer=wrong)
        assert refused.status_code == 422
        assert error_of(refused)["param"] == "answer"
    assert (await post(client, farm.viewer, run_id, "answer", node="first", answer={"word": "a"})).status_code == 409
    assert (await post(client, farm.viewer, run_id, "answer", node="told")).status_code == 422, "nothing is said"
    assert (await page(client, farm.viewer, run_id))["state"] == "waiting"
    data(await post(client, farm.editor, run_id, "answer", answer={"word": "two"}))
    run = await settled(client, farm.viewer, run_id, "succeeded")
    assert run["output"] == {"answer": "two one!"}
    assert run["pending"] == []
    late = await post(client, farm.viewer, run_id, "answer", answer={"word": "three"})
    assert late.status_code == 409


async def test_a_run_is_paused_and_resumed(client, farm):
    run_id = await begun(client, farm.editor, **MIRA)
    assert data(await post(client, farm.editor, run_id, "pause"))["state"] == "paused"
    assert data(await post(client, farm.editor, run_id, "pause"))["state"] == "paused", "twice is no mistake"
    assert data(await post(client, farm.editor, run_id, "resume"))["state"] == "queued"
    assert (await post(client, farm.editor, run_id, "resume")).status_code == 409
    assert data(await post(client, farm.editor, run_id, "cancel"))["state"] == "cancelled"
    assert data(await post(client, farm.editor, run_id, "cancel"))["state"] == "cancelled", "twice is no mistake"
    assert (await post(client, farm.editor, run_id, "pause")).status_code == 409


async def test_a_failed_run_is_tried_again_from_a_node(client, farm, carried):
    run_id = await begun(client, farm.editor, spec=FAILS, input={"by": 0})
    run = await settled(client, farm.editor, run_id, "failed")
    assert run["failed_node"] == "second"
    data(await post(client, farm.editor, run_id, "retry"))
    assert (await settled(client, farm.editor, run_id, "failed"))["attempt"] == 2
    assert (await post(client, farm.editor, run_id, "retry", node="nowhere")).status_code == 422
    data(await post(client, farm.editor, run_id, "retry", node="first"))
    assert (await settled(client, farm.editor, run_id, "failed"))["attempt"] == 3


async def test_a_run_is_forked_from_a_checkpoint_with_another_state(client, farm, carried):
    run_id = await begun(client, farm.editor, spec=FAILS, input={"by": 0})
    await settled(client, farm.editor, run_id, "failed")
    moments = data(await client.get(f"{URL}/{run_id}/checkpoints", headers=farm.viewer.headers))["checkpoints"]
    moment = next(one for one in moments if one["next"] == ["second"])
    assert moment["state"] == {"first": 0}
    forked = data(await post(client, farm.editor, run_id, "fork", checkpoint=moment["id"], state={"first": 5}))
    assert forked["id"] != run_id
    run = await settled(client, farm.editor, forked["id"], "succeeded")
    assert run["output"] == {"answer": 2}
    assert (await page(client, farm.editor, run_id))["state"] == "failed", "the other stays as it is"
    for checkpoint in (str(uuid.uuid4()), "x"):
        assert (await post(client, farm.editor, run_id, "fork", checkpoint=checkpoint)).status_code == 404


async def test_steps_are_shown_in_pages(client, farm, carried):
    chain = {f"n{at}": {"kind": "transform", "value": f"{at}", "then": f"n{at + 1}" if at < 4 else "end"} for at in range(5)}
    spec = GREETING | {"start": "n0", "nodes": chain, "output": {"said": "state.n4"}}
    run_id = await begun(client, farm.editor, spec=spec, input={"who": "x"})
    await settled(client, farm.editor, run_id, "succeeded")
    first = data(await client.get(f"{URL}/{run_id}/steps", params={"limit": 3}, headers=farm.viewer.headers))
    rest = data(await client.get(f"{URL}/{run_id}/steps", params={"limit": 3, "cursor": first["next_cursor"]}, headers=farm.viewer.headers))
    assert [(step["key"], step["result"]) for step in first["steps"] + rest["steps"]] == [(f"n{at}#1", at) for at in range(5)]
    assert rest["next_cursor"] is None


async def test_what_has_ended_is_removed(client, farm):
    run_id = await begun(client, farm.editor, **MIRA)
    assert (await client.delete(f"{URL}/{run_id}", headers=farm.editor.headers)).status_code == 409
    data(await post(client, farm.editor, run_id, "cancel"))
    assert data(await client.delete(f"{URL}/{run_id}", headers=farm.editor.headers)) is None
    assert (await client.get(f"{URL}/{run_id}", headers=farm.editor.headers)).status_code == 404


async def test_only_who_began_it_and_admins_steer_a_run(client, farm):
    run_id = await begun(client, farm.viewer, **MIRA)
    checkpoint = str(uuid.uuid4())
    for what, body in (("cancel", {}), ("pause", {}), ("resume", {}), ("retry", {}), ("fork", {"checkpoint": checkpoint})):
        refused = await post(client, farm.editor, run_id, what, **body)
        assert refused.status_code == 403, what
        assert "admin" in error_of(refused)["message"]
    assert (await client.delete(f"{URL}/{run_id}", headers=farm.editor.headers)).status_code == 403
    assert data(await post(client, farm.admin, run_id, "pause"))["state"] == "paused"
    assert data(await post(client, farm.viewer, run_id, "resume"))["state"] == "queued"


async def test_another_organisation_sees_and_steers_nothing(client, farm):
    run_id = await begun(client, farm.viewer, **MIRA)
    for path in ("", "/steps", "/events", "/checkpoints"):
        assert (await client.get(f"{URL}/{run_id}{path}", headers=farm.stranger.headers)).status_code == 404, path
    for what, body in (
        ("cancel", {}),
        ("pause", {}),
        ("resume", {}),
        ("retry", {}),
        ("fork", {"checkpoint": "x"}),
        ("answer", {"answer": 1}),
    ):
        assert (await post(client, farm.stranger, run_id, what, **body)).status_code == 404, what
    assert (await client.delete(f"{URL}/{run_id}", headers=farm.stranger.headers)).status_code == 404
    assert (await page(client, farm.viewer, run_id))["state"] == "queued"


async def test_a_run_is_followed_from_its_beginning_and_behind_what_arrived(client, farm, carried):
    run_id = await begun(client, farm.editor, **MIRA)
    whole = (await client.get(f"{URL}/{run_id}/events", headers=farm.viewer.headers)).text
    numbers = [int(line.removeprefix("id: ")) for line in whole.splitlines() if line.startswith("id: ")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert '"type":"step"' in whole
    assert whole.rindex('"state":"succeeded"') > whole.rindex('"type":"step"')
    rest = (await client.get(f"{URL}/{run_id}/events", headers=farm.viewer.headers | {"Last-Event-ID": "2"})).text
    assert rest == whole[whole.index("id: 3") :]
    over = await client.get(f"{URL}/{run_id}/events", headers=farm.viewer.headers | {"Last-Event-ID": str(numbers[-1])})
    assert (over.status_code, over.content) == (204, b"")
    for number in ("x", "-1", "99999999999"):
        answer = await client.get(f"{URL}/{run_id}/events", headers=farm.viewer.headers | {"Last-Event-ID": number})
        assert answer.status_code == 400
