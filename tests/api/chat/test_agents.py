"""Graphs and agents as models: in chat completions, in prepared streams, and where models are listed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from cluster.graphs.runs import Runs, Wanted
from tests.api.conftest import error_of
from tests.api.fixtures.carrying import QUICK, carrying
from tests.api.fixtures.graphing import ECHO, GREETING
from tests.api.fixtures.people import Person, add_person
from tests.deployments.agents.place import Shelf
from tests.patience import PATIENCE_S

URL = "/v1/chat/completions"
ASKS: dict[str, Any] = ECHO | {
    "name": "asks",
    "start": "told",
    "nodes": {"told": {"kind": "human", "ask": "May I?", "then": "said"}, "said": {"kind": "transform", "value": "'Thank you.'"}},
}
FAILS = ECHO | {"name": "fails", "nodes": {"said": {"kind": "transform", "value": "string(1 / (size(input.question) * 0))"}}}
SAYS = ECHO | {"name": "says", "nodes": {"said": {"kind": "llm", "user": "{{ input.question }}", "stream": True}}}


@pytest.fixture
def quick(store_settings):
    return store_settings.model_copy(update={"graphs": QUICK})


@pytest.fixture
def shelf():
    return Shelf({"handbooks": ["Mira has three goats.", "Ben has a boat."]})


@pytest.fixture
async def client(in_process, gateway, quick, stores, shelf):
    async with in_process(gateway, quick) as client, carrying(quick, stores, gateway, shelf=shelf):
        yield client


@pytest.fixture
async def person(client, stores):
    """An editor of an organisation of their own, with a few graphs."""
    person = await add_person(stores)
    for spec in (ECHO, GREETING, ASKS, FAILS, SAYS):
        kept = await client.post("/api/v1/workflows/definitions", json={"spec": spec}, headers=person.headers)
        assert kept.status_code == 200, kept.text
    return person


async def ask(client: httpx.AsyncClient, person: Person, model: str, text: str = "hello there", **more: Any) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": text}]} | more
    return await client.post(URL, json=body, headers=person.headers)


def chunks(text: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


async def test_a_graph_answers_as_a_model(client, person):
    answer = (await ask(client, person, "agent/echo")).json()
    choice = answer["choices"][0]
    assert (answer["model"], choice["message"]["content"], choice["finish_reason"]) == ("agent/echo", "hello there", "stop")
    run = choice["hearth"]["run"]
    assert (run["graph"], run["state"], run["citations"]) == ("echo", "succeeded", [])
    page = (await client.get(f"/api/v1/workflows/runs/{run['id']}", headers=person.headers)).json()["data"]
    assert (page["state"], page["task_type"], page["input"]["question"]) == ("succeeded", "chat", "hello there")


async def test_other_fields_of_its_input_stand_in_the_extension(client, person):
    answer = (await ask(client, person, "agent/echo", hearth={"input": {"loud": True}})).json()
    assert answer["choices"][0]["message"]["content"] == "HELLO THERE"
    for body, model in (({"loud": 7}, "agent/echo"), ({"question": 7, "loud": "x"}, "agent/echo")):
        assert (await ask(client, person, model, hearth={"input": body})).status_code == 422
    refused = await ask(client, person, "fake-llm", hearth={"input": {"loud": True}})
    assert refused.status_code == 400
    assert "agent/" in error_of(refused)["message"]


async def test_what_its_models_say_is_streamed_while_they_say_it(client, person, gateway):
    gateway.pace_s = 0.05
    streamed = chunks((await ask(client, person, "agent/says", "one two three", stream=True, stream_options={"include_usage": True})).text)
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in streamed if chunk["choices"]]
    whole = (await ask(client, person, "agent/says", "one two three")).json()
    assert "".join(pieces) == whole["choices"][0]["message"]["content"]
    assert len([piece for piece in pieces if piece]) > 1
    last = [chunk for chunk in streamed if chunk["choices"]][-1]["choices"][0]
    assert (last["finish_reason"], last["hearth"]["run"]["state"]) == ("stop", "succeeded")
    assert streamed[-1]["usage"] == whole["usage"]
    assert whole["usage"]["total_tokens"] > 3


async def test_a_graph_that_streams_nothing_gives_its_answer_at_the_end(client, person):
    streamed = chunks((await ask(client, person, "agent/echo", stream=True)).text)
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in streamed) == "hello there"


async def test_an_agent_cites_what_it_was_shown(client, person, gateway, shelf):
    body = {"name": "reader", "instructions": "You answer from the handbooks.", "model": "fake-llm", "collections": ["handbooks"]}
    assert (await client.post("/api/v1/agents", json=body, headers=person.headers)).status_code == 200
    answer = (await ask(client, person, "agent/reader", "Three goats [1]")).json()
    choice = answer["choices"][0]
    assert shelf.asked == [("Three goats [1]", ("handbooks",), 6)]
    cited = [citation["text"] for citation in choice["hearth"]["run"]["citations"]]
    expected = [text for number, text in enumerate(shelf.passages["handbooks"], 1) if f"[{number}]" in choice["message"]["content"]]
    assert cited == expected
    assert "Mira has three goats." in str(gateway.asked[-1])


async def test_a_graph_that_waits_for_a_person_says_what_is_asked_and_where(client, person):
    for stream in (False, True):
        answer = await ask(client, person, "agent/asks", stream=stream)
        choices = [chunk["choices"][0] for chunk in chunks(answer.text)] if stream else answer.json()["choices"]
        told = "".join(choice["delta"].get("content", "") for choice in choices) if stream else choices[0]["message"]["content"]
        run = choices[-1]["hearth"]["run"]
        assert choices[-1]["finish_reason"] == "stop"
        assert run["state"] == "waiting"
        assert "May I?" in told
        assert f"/api/v1/workflows/runs/{run['id']}/answer" in told
        kept = (await client.get(f"/api/v1/workflows/runs/{run['id']}", headers=person.headers)).json()["data"]
        assert kept["state"] == "waiting", "it still waits"


async def test_a_graph_that_fails_is_an_error_that_names_its_run(client, person):
    answer = await ask(client, person, "agent/fails")
    assert answer.status_code == 500
    error = error_of(answer)
    assert error["code"] == "engine_error"
    assert "run " in error["message"]


async def test_whoever_leaves_cancels_the_run(client, person, gateway, stores, quick, eventually):
    gateway.pace_s = 60
    asking = asyncio.ensure_future(ask(client, person, "agent/says", stream=True))
    await eventually(lambda: gateway.opened == 1)
    asking.cancel()
    await asyncio.wait((asking,))
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with stores.database.session() as session:
                runs = await Runs(session, quick.graphs).page(person.organisation_id, Wanted(graph="says"), 10)
            if [run.state for run in runs] == ["cancelled"]:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("model", "more", "status", "says"),
    [
        ("agent/nothing-of-the-kind", {}, 404, "nothing-of-the-kind"),
        ("agent/", {}, 404, "no graph"),
        ("agent/greeting", {}, 404, "cannot be chatted with"),
        ("agent/echo@7", {}, 404, "version"),
        ("agent/echo", {"tools": [{"type": "function", "function": {"name": "f"}}]}, 400, "tools"),
        ("agent/echo", {"response_format": {"type": "json_object"}}, 400, "response_format"),
    ],
)
async def test_what_cannot_be_asked_is_refused(client, person, model, more, status, says):
    for stream in (False, True):
        answer = await ask(client, person, model, stream=stream, **more)
        assert answer.status_code == status, answer.text
        assert says in error_of(answer)["message"]


async def test_nobody_asks_the_graphs_of_others(client, person, stores):
    other = await add_person(stores)
    assert (await ask(client, other, "agent/echo")).status_code == 404
    mine = {one["id"] for one in (await client.get("/v1/models", headers=person.headers)).json()["data"]}
    theirs = {one["id"] for one in (await client.get("/v1/models", headers=other.headers)).json()["data"]}
    assert mine - theirs == {"agent/echo", "agent/asks", "agent/fails", "agent/says"}
    assert "agent/greeting" not in mine, "it cannot be chatted with"
    assert (await client.get("/v1/models/agent/echo", headers=person.headers)).json()["id"] == "agent/echo"
    assert (await client.get("/v1/models/agent/echo", headers=other.headers)).status_code == 404
    details = (await client.get("/api/v1/models", headers=person.headers)).json()["data"]
    assert {one["kind"] for one in details if one["id"].startswith("agent/")} == {"agent"}
    assert (await client.get("/api/v1/models/agent/echo", headers=person.headers)).json()["data"]["kind"] == "agent"


async def test_a_prepared_answer_and_a_direct_one_come_from_a_graph_too(client, person):
    direct = await client.post("/api/v1/chat/quick", json={"model": "agent/echo", "message": "hello"}, headers=person.headers)
    assert direct.json()["data"]["text"] == "hello"
    body = {"model": "agent/echo", "messages": [{"role": "user", "content": "hello"}], "hearth": {"input": {"loud": True}}}
    streamed = await client.post("/api/v1/chat/direct/stream", json=body, headers=person.headers)
    assert '"text":"HELLO"' in streamed.text
    made = (await client.post("/api/v1/chat/conversations", json={}, headers=person.headers)).json()["data"]["id"]
    said = {"model": "agent/echo", "content": [{"type": "text", "text": "hello"}], "hearth": {"input": {"loud": True}}}
    url = f"/api/v1/chat/conversations/{made}"
    prepared = (await client.post(f"{url}/prepare-stream", json=said, headers=person.headers)).json()["data"]
    events = (await client.get(prepared["stream_url"])).text
    assert '"text":"HELLO"' in events
    assert '"type":"run"' in events
    messages = (await client.get(f"{url}/messages", headers=person.headers)).json()["data"]["items"]
    assert [message["text"] for message in messages] == ["hello", "HELLO"]


async def test_what_a_graph_used_goes_on_the_account_of_its_models(client, person):
    whole = (await ask(client, person, "agent/says", "one two three")).json()
    chunks((await ask(client, person, "agent/says", "one two three", stream=True)).text)

    async def groups() -> list[dict[str, Any]]:
        answer = await client.get("/api/v1/usage", params={"group_by": "model"}, headers=person.headers)
        found: list[dict[str, Any]] = answer.json()["data"]["groups"]
        return found

    async with asyncio.timeout(PATIENCE_S):
        while sum(group["requests"] for group in await groups()) < 2:  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.1)
    found = {group["group"]: group for group in await groups()}
    assert set(found) == {"fake-llm"}
    assert found["fake-llm"]["input_tokens"] == 2 * whole["usage"]["prompt_tokens"]
    assert found["fake-llm"]["output_tokens"] == 2 * whole["usage"]["completion_tokens"]
