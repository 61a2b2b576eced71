"""LangGraph's own client against the application: graphs as assistants, who may do what, and what there is not."""

from __future__ import annotations

import uuid

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    UnprocessableEntityError,
)

from api.web.principal import Role
from tests.api.fixtures.graphing import GREETING
from tests.api.fixtures.people import add_person
from tests.api.langgraph.conftest import ASKS


async def test_graphs_are_assistants(client):
    found = {one["graph_id"]: one for one in await client.assistants.search(limit=100)}
    assert {"greeting", "answer", "research"} <= set(found)
    assert found["answer"]["metadata"] == {"created_by": "system"}
    for name in ("greeting", "answer"):
        assert await client.assistants.get(found[name]["assistant_id"]) == await client.assistants.get(name) == found[name]
    page = await client.assistants.search(limit=1, sort_by="name", response_format="object")
    assert (len(page["assistants"]), page["next"]) == (1, "1")
    assert await client.assistants.count() == len(found)
    assert [one["graph_id"] for one in await client.assistants.search(name="a greet")] == ["greeting"]
    assert await client.assistants.search(graph_id="greeting", select=["graph_id", "version"]) == [{"graph_id": "greeting", "version": 1}]
    assert await client.assistants.search(metadata={"created_by": "nobody"}) == []


async def test_an_assistant_is_drawn_and_described(client):
    drawing = await client.assistants.get_graph("asks")
    assert [node["id"] for node in drawing["nodes"]] == ["__start__", "told", "__end__"]
    assert [(edge["source"], edge["target"]) for edge in drawing["edges"]] == [("__start__", "told"), ("told", "__end__")]
    schemas = await client.assistants.get_schemas("greeting")
    assert schemas["input_schema"] == GREETING["input"]
    assert schemas["output_schema"]["required"] == ["said"]
    assert list(await client.assistants.get_subgraphs("outer")) == ["inner"]
    assert list(await client.assistants.get_subgraphs("outer", namespace="other")) == []
    assert [one["version"] for one in await client.assistants.get_versions("asks")] == [1]
    with pytest.raises(NotFoundError, match="did you mean 'greeting'"):
        await client.assistants.get("gretting")


async def test_an_assistant_is_run_by_its_id_and_version(client):
    for called in ((await client.assistants.get("greeting"))["assistant_id"], "greeting@1"):
        assert (await client.runs.wait(None, called, input={"who": "Mira"}))["said"] == "Good day, Mira."
    with pytest.raises(NotFoundError, match="no version 2"):
        await client.runs.create(None, "greeting@2", input={"who": "Mira"})


async def test_another_organisation_has_threads_of_its_own(client, client_of, stores):
    thread = (await client.threads.create(metadata={"secret": "goats"}))["thread_id"]
    run = await client.runs.create(thread, "asks", input={})
    await client.runs.join(thread, run["run_id"])
    alone = await client.runs.create(None, "greeting", input={"who": "Mira"})
    stranger = client_of(await add_person(stores))
    assert await stranger.threads.search() == []
    assert await stranger.threads.count() == 0
    assert "greeting" not in {one["graph_id"] for one in await stranger.assistants.search(limit=100)}
    calls = (
        stranger.threads.get(thread),
        stranger.threads.update(thread, metadata={}),
        stranger.threads.delete(thread),
        stranger.threads.copy(thread),
        stranger.threads.get_state(thread),
        stranger.threads.update_state(thread, {}),
        stranger.threads.get_history(thread),
        stranger.runs.list(thread),
        stranger.runs.get(thread, run["run_id"]),
        stranger.runs.get(alone["thread_id"], alone["run_id"]),
        stranger.runs.cancel(thread, run["run_id"]),
        stranger.runs.delete(thread, run["run_id"]),
        stranger.runs.create(thread, "answer", command={"resume": 3}),
        stranger.runs.create(thread, "answer", input={"question": "x"}),
    )
    for call in calls:
        with pytest.raises(NotFoundError):
            await call
    with pytest.raises(ConflictError, match="taken"):
        await stranger.runs.create(thread, "answer", input={"question": "x"}, if_not_exists="create")
    with pytest.raises(NotFoundError):
        await anext(stranger.runs.join_stream(thread, run["run_id"]))
    await stranger.runs.cancel_many(status="all")
    assert (await client.threads.get(thread))["status"] == "interrupted"


async def test_a_thread_is_its_owner_s_and_an_editor_answers(client, client_of, stores, person):
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, "asks", input={})
    await client.runs.join(thread, run["run_id"])
    viewer, editor = [client_of(await add_person(stores, role, person)) for role in (Role.VIEWER, Role.EDITOR)]
    assert (await viewer.threads.get(thread))["status"] == "interrupted"
    for call in (
        viewer.threads.update(thread, metadata={"x": 1}),
        viewer.threads.delete(thread),
        viewer.runs.create(thread, "asks", input={}),
        viewer.runs.create(thread, "asks", command={"resume": 3}),
        viewer.runs.cancel(thread, run["run_id"]),
        editor.runs.delete(thread, run["run_id"]),
        editor.threads.update_state(thread, {"told": 3}),
    ):
        with pytest.raises(PermissionDeniedError):
            await call
    assert (await editor.runs.wait(thread, "asks", command={"resume": 3}))["answer"] == "3 goats"
    own = (await viewer.threads.create())["thread_id"]
    assert (await viewer.runs.wait(own, "greeting", input={"who": "Mira"}))["said"] == "Good day, Mira."
    await client.threads.delete(own)


async def test_the_key_stands_in_its_own_header_or_as_a_bearer_token(base, person, stores):
    async with get_client(url=f"{base}/langgraph", api_key=None, headers=person.headers) as shown:
        assert await shown.threads.count() == 0
    async with get_client(url=f"{base}/langgraph", api_key="hearth_wrong") as wrong:
        with pytest.raises(AuthenticationError):
            await wrong.threads.search()
    async with get_client(url=f"{base}/langgraph", api_key=person.key, headers=person.headers) as twice:
        with pytest.raises(AuthenticationError, match="Say once"):
            await twice.threads.search()
    reader = await add_person(stores, Role.ADMIN, person, scopes=("read",))
    async with get_client(url=f"{base}/langgraph", api_key=reader.key) as reads:
        assert await reads.threads.search() == []
        with pytest.raises(PermissionDeniedError, match="scope 'write'"):
            await reads.threads.create()
    async with httpx.AsyncClient(base_url=base, headers={"x-api-key": person.key}) as elsewhere:
        assert (await elsewhere.get("/api/v1/workflows/runs")).status_code == 401


async def test_what_there_is_not_says_what_to_do(client):
    for call, hint in (
        (client.store.put_item(("a",), "b", {"c": 1}), "collections"),
        (client.store.get_item(("a",), "b"), "collections"),
        (client.store.search_items(("a",)), "collections"),
        (client.crons.create("greeting", schedule="* * * * *"), "after_seconds"),
        (client.crons.search(), "after_seconds"),
        (client.crons.create_for_thread(str(uuid.uuid4()), "greeting", schedule="* * * * *"), "after_seconds"),
        (client.assistants.create("greeting"), "/api/v1/workflows/definitions"),
        (client.assistants.update("greeting", name="x"), "/api/v1/workflows/definitions"),
        (client.assistants.delete("greeting"), "/api/v1/workflows/definitions"),
        (client.assistants.set_latest("greeting", 1), "/api/v1/workflows/definitions"),
    ):
        with pytest.raises(NotFoundError, match=hint):
            await call
    with pytest.raises(NotFoundError, match="join_stream"):
        await anext(await client.threads.join_stream(str(uuid.uuid4())))


async def test_a_run_that_cannot_be_had_is_refused_before_anything_is_done(client):
    thread = (await client.threads.create())["thread_id"]
    refused = (
        ({"interrupt_before": ["told"]}, "'human'"),
        ({"interrupt_after": "*"}, "'human'"),
        ({"webhook": "https://example.com"}, "join it"),
        ({"langsmith_tracing": {"project_name": "x"}}, "tracing.endpoint"),
        ({"on_completion": "delete"}, "kept_days"),
        ({"multitask_strategy": "rollback"}, "not taken back"),
        ({"command": {"goto": "told"}}, "only resume"),
        ({"command": {"update": {"told": 1}}}, "'state' first"),
        ({"config": {"configurable": {"temperature": 1}}}, "'model'"),
        ({"context": {"model": 7}}, "name of a model"),
        ({"input": {"who": 7}}, "who"),
    )
    for more, hint in refused:
        with pytest.raises(UnprocessableEntityError, match=hint):
            await client.runs.create(thread, "greeting", **({"input": {"who": "Mira"}} | more))
    with pytest.raises(UnprocessableEntityError, match="no-such-model"):
        await client.runs.create(thread, "speaks", input={"question": "x"}, config={"configurable": {"model": "no-such-model"}})
    with pytest.raises(UnprocessableEntityError, match="no feedback"):
        await anext(client.runs.stream(thread, "greeting", input={"who": "Mira"}, feedback_keys=["x"]))
    assert await client.runs.list(thread) == []


async def test_bad_input_is_named(client, base, person):
    with pytest.raises(BadRequestError):
        await client.threads.get("no-id")
    with pytest.raises(UnprocessableEntityError, match="sort_by"):
        await client.threads.search(sort_by="colour")
    with pytest.raises(UnprocessableEntityError, match="as_node"):
        await client.threads.update_state((await client.threads.create())["thread_id"], {}, as_node="told")
    with pytest.raises(ConflictError, match="Nothing was run"):
        await client.threads.update_state((await client.threads.create())["thread_id"], {"x": 1})
    with pytest.raises(UnprocessableEntityError, match="ttl"):
        await client.threads.create(ttl=60)
    with pytest.raises(UnprocessableEntityError, match="Only a run in a thread"):
        await client.runs.create(None, "asks", command={"resume": 1})
    with pytest.raises(UnprocessableEntityError, match="'status', one of them"):
        await client.runs.cancel_many()
    async with httpx.AsyncClient(base_url=f"{base}/langgraph", headers=person.headers) as plain:
        unknown = await plain.post("/runs", json={"assistant_id": "greeting", "inputs": {}})
        assert (unknown.status_code, "did you mean 'input'" in unknown.text) == (422, True)
        assert (await plain.get("/info")).json()["flags"]["crons"] is False
        assert (await plain.get("/ok")).json() == {"ok": True}


async def test_the_sync_client_does_the_same(base, person):
    from asyncio import to_thread

    from langgraph_sdk import get_sync_client

    def go() -> list[str]:
        with get_sync_client(url=f"{base}/langgraph", api_key=person.key) as client:
            thread = client.threads.create()["thread_id"]
            asked = client.runs.wait(thread, ASKS["name"], input={})
            assert isinstance(asked, dict)
            assert asked["__interrupt__"]
            return [part.event for part in client.runs.stream(thread, ASKS["name"], command={"resume": 3}, stream_mode="updates")]

    assert await to_thread(go) == ["metadata", "updates", "end"]
