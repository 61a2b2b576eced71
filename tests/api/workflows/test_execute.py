"""Running graphs: everything is checked before a run is written down, and a run that is written down is carried out."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import httpx
import pytest

from cluster.contracts.models import ModelKind, ModelState
from cluster.fakes.gateway import ONE_OF_EACH, FakeGateway, fake_model
from tests.api.conftest import error_of
from tests.api.fixtures.graphing import ECHO, GREETING
from tests.api.fixtures.people import Person
from tests.api.workflows.conftest import data

URL = "/api/v1/workflows/execute"
MIRA = {"spec": GREETING, "input": {"who": "Mira"}}
ASKING = {
    "name": "asking",
    "input": {"type": "object", "properties": {"question": {"type": "string"}}},
    "output": {"answer": "state.said"},
    "start": "said",
    "nodes": {"said": {"kind": "llm", "user": "{{ input.question }}", "max_tokens": 5}},
}


async def execute(client: httpx.AsyncClient, person: Person, **body: Any) -> httpx.Response:
    return await client.post(URL, json=body, headers=person.headers)


async def test_a_run_that_ends_in_time_is_answered_whole(client, farm, carried):
    run = data(await execute(client, farm.viewer, **MIRA, wait_s=60))
    assert (run["state"], run["output"], run["error"]) == ("succeeded", {"said": "Good day, Mira."}, None)
    assert [(step["node"], step["state"], step["result"]) for step in run["steps"]] == [("greeting", "succeeded", "Good day, Mira.")]
    assert run["spent"]["steps"] == 1
    assert "class n0 succeeded" in run["diagram"]
    assert run["limits"] == {"steps": 1000, "tokens": 2_000_000, "seconds": 86400.0, "money": 10.0}


async def test_a_run_goes_on_where_nobody_waits_for_it(client, farm, carried):
    run = data(await execute(client, farm.editor, **MIRA), 202)
    assert run["state"] in {"queued", "running", "succeeded"}
    events = await client.get(f"/api/v1/workflows/runs/{run['id']}/events", headers=farm.viewer.headers)
    assert '"state":"succeeded"' in events.text
    assert data(await client.get(f"/api/v1/workflows/runs/{run['id']}", headers=farm.viewer.headers))["output"] == {
        "said": "Good day, Mira."
    }


async def test_a_kept_graph_is_run_by_name_by_version_and_by_id(client, farm, carried):
    kept = data(await client.post("/api/v1/workflows/definitions", json={"spec": GREETING}, headers=farm.editor.headers))
    other = GREETING | {"nodes": {"greeting": {"kind": "transform", "value": "'Hello, ' + input.who"}}}
    data(await client.put("/api/v1/workflows/definitions/greeting", json={"spec": other}, headers=farm.editor.headers))
    said = {}
    for name in ("greeting", "greeting@1", kept["id"]):
        run = data(await execute(client, farm.viewer, workflow=name, input={"who": "Mira"}, wait_s=60))
        said[name] = (run["version"], run["output"]["said"])
    assert said == {"greeting": (2, "Hello, Mira"), "greeting@1": (1, "Good day, Mira."), kept["id"]: (2, "Hello, Mira")}


async def test_the_model_is_asked_and_what_it_used_is_counted(client, farm, carried):
    run = data(await execute(client, farm.editor, spec=ASKING, input={"question": "one two three"}, model="fake-llm", wait_s=60))
    assert run["state"] == "succeeded"
    assert run["spent"]["tokens"] == run["spent"]["prompt_tokens"] + run["spent"]["completion_tokens"] > 3
    assert run["steps"][0]["model"] == "fake-llm"


async def test_a_run_that_fails_says_where_and_why(client, farm, carried):
    broken = GREETING | {"nodes": {"greeting": {"kind": "transform", "value": "1 / (size(input.who) - size(input.who))"}}}
    run = data(await execute(client, farm.editor, spec=broken, input={"who": "Mira"}, wait_s=60))
    assert (run["state"], run["failed_node"]) == ("failed", "greeting")
    assert run["error"]
    assert "class n0 failed" in run["diagram"]


async def test_limits_of_the_request_hold(client, farm, carried):
    chain = {f"n{at}": {"kind": "transform", "value": "1", "then": f"n{at + 1}"} for at in range(5)} | {
        "n5": {"kind": "transform", "value": "1"}
    }
    long = GREETING | {"start": "n0", "nodes": chain, "output": {"said": "state.n5"}}
    run = data(await execute(client, farm.editor, spec=long, input={"who": "x"}, limits={"steps": 3}, wait_s=60))
    assert run["state"] == "failed"
    assert "3" in run["error"]
    assert run["limits"]["steps"] == 3


async def test_the_same_key_is_the_same_run(client, farm):
    first = data(await execute(client, farm.editor, **MIRA, idempotency_key="k1"), 202)
    again = await client.post(URL, json=MIRA, headers=farm.editor.headers | {"Idempotency-Key": "k1"})
    assert data(again, 202)["id"] == first["id"]
    other = await execute(client, farm.editor, spec=GREETING, input={"who": "Ben"}, idempotency_key="k1")
    assert other.status_code == 409
    both = await client.post(URL, json=MIRA | {"idempotency_key": "a"}, headers=farm.editor.headers | {"Idempotency-Key": "b"})
    assert both.status_code == 400
    elsewhere = data(await execute(client, farm.stranger, **MIRA, idempotency_key="k1"), 202)
    assert elsewhere["id"] != first["id"]


async def test_a_run_has_the_id_that_was_asked_for(client, farm):
    run_id = str(uuid.uuid4())
    assert data(await execute(client, farm.editor, **MIRA, run_id=run_id), 202)["id"] == run_id
    for person in (farm.editor, farm.stranger):
        again = await execute(client, person, **MIRA, run_id=run_id)
        assert again.status_code == 409
        assert error_of(again)["param"] == "run_id"


async def test_what_the_input_leaves_out_is_as_its_schema_says(client, farm, carried):
    shape = {"type": "object", "properties": {"who": {"type": "string", "default": "you"}}}
    run = data(await execute(client, farm.editor, spec=GREETING | {"input": shape}, wait_s=60))
    assert (run["input"], run["output"]) == ({"who": "you"}, {"said": "Good day, you."})


async def test_tools_above_the_role_are_not_called_for_anybody(client, farm):
    calls = {"said": {"kind": "tool", "tool": "files_write", "arguments": {"path": "a.txt", "content": "a"}}}
    spec = ASKING | {"name": "writes", "nodes": calls}
    refused = await execute(client, farm.viewer, spec=spec, input={"question": "x"})
    assert refused.status_code == 403
    assert "files_write" in error_of(refused)["message"]
    assert data(await execute(client, farm.editor, spec=spec, input={"question": "x"}), 202)["state"] == "queued"
    unknown = await execute(client, farm.editor, spec=ASKING | {"nodes": {"said": {"kind": "tool", "tool": "files_wrte"}}})
    assert unknown.status_code == 422
    assert "files_write" in error_of(unknown)["message"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (MIRA | {"run_id": "x"}, 422, "run_id"),
        ({}, 422, "'workflow' or 'spec'"),
        ({"workflow": "x", "spec": GREETING}, 422, "'workflow' or 'spec'"),
        ({"workflow": "nothing-of-the-kind"}, 404, "nothing-of-the-kind"),
        ({"workflow": "greeting@x"}, 404, "greeting"),
        ({"spec": GREETING}, 422, "who"),
        ({"spec": GREETING, "input": {"who": 7}}, 422, "who"),
        ({"spec": GREETING, "input": {"who": ""}}, 422, "who"),
        ({"spec": GREETING, "input": {"who": "a", "more": 1}}, 422, "more"),
        ({"spec": GREETING, "input": []}, 422, "input"),
        ({"spec": GREETING | {"start": "nowhere"}, "input": {"who": "a"}}, 422, "nowhere"),
        ({"spec": GREETING | {"extra": 1}, "input": {"who": "a"}}, 422, "extra"),
        (MIRA | {"priority": 101}, 422, "priority"),
        (MIRA | {"priority": "1"}, 422, "priority"),
        (MIRA | {"wait_s": -1}, 422, "wait_s"),
        (MIRA | {"wait_s": 1e9}, 422, "wait_s"),
        (MIRA | {"limits": {"steps": 0}}, 422, "steps"),
        (MIRA | {"limits": {"stepz": 1}}, 422, "stepz"),
        (MIRA | {"idempotency_key": "a b"}, 422, "idempotency_key"),
        (MIRA | {"model": ""}, 422, "model"),
        ({"spec": ASKING, "model": "no-such-model"}, 422, "no-such-model"),
        ({"spec": ASKING | {"nodes": {"said": {"kind": "llm", "user": "x", "model": "fake-lm"}}}}, 422, "fake-llm"),
        ({"spec": ASKING | {"nodes": {"said": {"kind": "llm", "user": "x", "prompt": "none-such"}}}}, 422, "none-such"),
        ({"spec": ASKING | {"nodes": {"said": {"kind": "graph", "graph": "none-such"}}}}, 422, "none-such"),
        ({"spec": ASKING | {"nodes": {"said": {"kind": "graph", "graph": "asking"}}}}, 422, "asking"),
    ],
)
async def test_what_could_not_run_is_refused_before_anything_is_written(client, farm, body, status, says):
    answer = await execute(client, farm.editor, **body)
    assert answer.status_code == status, answer.text
    assert says in error_of(answer)["message"]
    assert data(await client.get("/api/v1/workflows/runs", headers=farm.editor.headers))["runs"] == []


async def test_what_is_no_json_is_refused(client, farm):
    for content, kind, status in ((b"{", "application/json", 400), (b"", "application/json", 400), (b"a=1", "text/plain", 415)):
        answer = await client.post(URL, content=content, headers=farm.editor.headers | {"Content-Type": kind})
        assert answer.status_code == status
        assert error_of(answer)["message"]


async def test_a_model_that_cannot_be_served_here_is_named_with_the_reason(in_process, farm, quick):
    rejected = replace(fake_model("too-large", ModelKind.LLM, state=ModelState.REJECTED), reason="It needs 90 GiB, and the card has 24.")
    away = fake_model("away", ModelKind.OCR, state=ModelState.NOT_PULLED)
    rest = tuple(status for status in ONE_OF_EACH if status.kind not in {ModelKind.OCR, ModelKind.CLIP})
    async with in_process(FakeGateway(served=(rejected, away, *rest)), quick) as client:
        answer = await execute(client, farm.editor, spec=ASKING, input={"question": "x"}, model="too-large")
        assert answer.status_code == 409
        assert "90 GiB" in error_of(answer)["message"]
        reading = ASKING | {"nodes": {"said": {"kind": "vision", "image": "input.question"}}}
        answer = await execute(client, farm.editor, spec=reading, input={"question": "x"})
        assert answer.status_code == 409
        assert "away" in error_of(answer)["message"]
        embedding = ASKING | {"nodes": {"said": {"kind": "vision", "do": "embed", "image": "input.question"}}}
        answer = await execute(client, farm.editor, spec=embedding, input={"question": "x"})
        assert answer.status_code == 409
        assert "clip" in error_of(answer)["message"]


async def test_a_graph_that_is_not_asked_a_model_needs_none(in_process, farm, quick, carried):
    async with in_process(FakeGateway(served=()), quick) as client:
        run = data(await execute(client, farm.editor, spec=ECHO, input={"question": "hello", "loud": True}, wait_s=60))
        assert run["output"] == {"answer": "HELLO"}
