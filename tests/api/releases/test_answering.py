"""What a release makes of answers in conversations and from documents, on every replica at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from cluster.contracts.generation import GenerationRequest
from cluster.fakes.gateway import FakeGateway
from cluster.retrieval.briefing import NOTHING_FITS
from cluster.specs.retrieval import RETRIEVAL, RetrievalSettings
from tests.api.adapters.shelf import data_of
from tests.api.fixtures.people import Person
from tests.api.releases.shelf import FORCED, act, ask, make, prompt, roll_back, told, until
from tests.cluster.learning.adapters.folders import BASE

# For both replicas to be asked once; on two quiet cores it is 0.05 s, and much more where everybody computes at once.
TAKES_S = 10.0
CHAT = "/api/v1/chat/conversations"


async def conversation(client: httpx.AsyncClient, person: Person, **fields: Any) -> str:
    return str(data_of(await client.post(CHAT, json=fields, headers=person.headers))["id"])


async def answered(client: httpx.AsyncClient, person: Person, where: str) -> Any:
    """The answer to a new question, as it is kept."""
    body = {"model": BASE, "content": "How many goats?"}
    prepared = data_of(await client.post(f"{CHAT}/{where}/prepare-stream", json=body, headers=person.headers))
    await client.get(prepared["stream_url"])

    async def kept() -> Any:
        messages = data_of(await client.get(f"{CHAT}/{where}/messages", headers=person.headers))["items"]
        return next((message for message in messages if message["id"] == prepared["generation_id"]), None)

    return await until(kept)


async def test_an_answer_in_a_conversation_says_which_release_gave_it(client, admin: Person, gateway: FakeGateway):
    data_of(await act(client, admin, await make(client, admin, "Be brief."), "promote", FORCED))
    await client.post("/api/v1/prompts", json={"name": "fits", "text": "By pattern.", "pattern": "hearth*"}, headers=admin.headers)
    message = await answered(client, admin, await conversation(client, admin))
    assert told(gateway) == ("Be brief.", None), "what a release says comes before what fits a pattern"
    assert (message["release"], message["adapter"], message["served_by"]) == ("support@1", None, BASE)
    own = await answered(client, admin, await conversation(client, admin, system_prompt="Rhyme."))
    assert (told(gateway)[0], own["release"]) == ("Rhyme.", "support@1")
    said = {"message_id": message["id"], "thumb": "up"}
    given = data_of(await client.post("/api/v1/feedback/submit", json=said, headers=admin.headers))
    assert (given["release"], given["prompt"], given["prompt_version"]) == ("support@1", (await _prompt_name(client, admin)), 1)
    assert given["shown"][0] == {"role": "system", "content": "Be brief."}
    (counts,) = data_of(await client.get("/api/v1/feedback/stats?by=release", headers=admin.headers))["totals"]
    assert (counts["group"], counts["up"]) == ("support@1", 1)


async def _prompt_name(client: httpx.AsyncClient, person: Person) -> str:
    (release,) = data_of(await client.get("/api/v1/releases", headers=person.headers))["releases"]
    return str(release["prompt"]["name"])


async def test_documents_are_searched_as_the_release_has_it_unless_a_request_says_how(client, admin: Person, gateway: FakeGateway):
    release = await make(client, admin, "Be brief.", retrieval={"settings": "keywords"})
    data_of(await act(client, admin, release, "promote", FORCED))
    titles = {spec.name: spec.title for spec in RetrievalSettings.load(RETRIEVAL)}
    choice = await ask(client, admin, knowledge={})
    assert choice["hearth"]["knowledge"]["settings"] == titles["keywords"]
    assert told(gateway) == (f"Be brief.\n\n{NOTHING_FITS}", None), "its prompt stands before what is said of documents"
    assert choice["provenance"]["release"] == "support@1"
    other = await ask(client, admin, knowledge={"settings": "semantic"})
    assert other["hearth"]["knowledge"]["settings"] == titles["semantic"]
    plain = await ask(client, admin, f"{BASE}:base", knowledge={})
    assert (plain["hearth"]["knowledge"]["settings"], told(gateway)[0]) == (titles["default"], NOTHING_FITS)


async def test_a_chat_with_tools_goes_the_way_of_the_release_too(client, admin: Person, gateway: FakeGateway):
    release = await make(client, admin, "Be brief.", retrieval={"settings": "keywords"})
    data_of(await act(client, admin, release, "promote", FORCED))
    titles = {spec.name: spec.title for spec in RetrievalSettings.load(RETRIEVAL)}
    where = await conversation(client, admin, knowledge={})
    body = {"model": BASE, "conversation_id": where, "content": "How many goats?", "tools": []}
    said = data_of(await client.post("/api/v1/chat/mcp", json=body, headers=admin.headers))
    assert said["knowledge"]["settings"] == titles["keywords"]
    assert str(told(gateway)[0]).startswith("Be brief.")
    kept = data_of(await client.get(f"{CHAT}/{where}/messages", headers=admin.headers))["items"]
    assert kept[-1]["release"] == "support@1"
    await client.post(
        "/api/v1/chat/mcp", json={"model": BASE, "messages": [{"role": "user", "content": "hello"}], "tools": []}, headers=admin.headers
    )
    assert told(gateway) == ("Be brief.", None)


async def test_all_turns_of_a_chat_with_tools_go_the_way_of_one_release(client, admin: Person, gateway: FakeGateway):
    """Although another is promoted between its first turn and its second."""
    data_of(await act(client, admin, await make(client, admin, "First."), "promote", FORCED))
    gateway.held, gateway.calls = asyncio.Event(), [[("missing", "{}")]]
    body = {"model": BASE, "messages": [{"role": "user", "content": "hello"}]}
    chat = asyncio.create_task(client.post("/api/v1/chat/mcp", json=body, headers=admin.headers))
    await until(_asks(gateway))
    data_of(await act(client, admin, await make(client, admin, "Second."), "promote", FORCED))
    gateway.held.set()
    data_of(await chat)
    assert [turn.messages[0].content for turn in gateway.asked_for(GenerationRequest)] == ["First.", "First."]


async def test_a_promotion_and_a_rollback_hold_on_every_replica_at_once_and_fail_no_request(
    in_process, gateway: FakeGateway, admin: Person
):
    """Two replicas of the API, which share the database and the home."""
    async with in_process(gateway) as one, in_process(gateway) as two:
        first, second = await make(one, admin, "First."), await make(one, admin, "Second.")
        going, found = True, list[str | None]()

        async def load(client: httpx.AsyncClient) -> None:
            while going:
                choice = await ask(client, admin)
                found.append((choice.get("provenance") or {}).get("release"))

        loading = [asyncio.create_task(load(client)) for client in (one, two)]
        took = []
        for change, expected in (
            (act(one, admin, first, "promote", FORCED), "support@1"),
            (act(two, admin, second, "promote", FORCED), "support@2"),
            (one.post("/api/v1/releases/rollback", json={"base": BASE}, headers=admin.headers), "support@1"),
        ):
            data_of(await change)
            decided = time.monotonic()
            for client in (two, one):
                assert (await ask(client, admin))["provenance"]["release"] == expected, "what is asked after it gets it"
            took.append(time.monotonic() - decided)
        going = False
        await asyncio.gather(*loading)
        assert {None, "support@1", "support@2"} >= set(found)
        assert max(took) < TAKES_S
        await roll_back(two, admin)
        assert (await ask(one, admin)).get("provenance") is None


async def test_an_answer_prepared_before_a_promotion_is_written_as_it_was_prepared(client, admin: Person, gateway: FakeGateway):
    """A stream that is taken over later, and documents that were searched already, go with one release."""
    release = await make(client, admin, "First.")
    data_of(await act(client, admin, release, "promote", FORCED))
    gateway.held = asyncio.Event()
    waiting = asyncio.create_task(answered(client, admin, await conversation(client, admin)))
    await until(_asks(gateway))
    data_of(await act(client, admin, await make(client, admin, "Second."), "promote", FORCED))
    gateway.held.set()
    assert (await waiting)["release"] == "support@1"


def _asks(gateway: FakeGateway) -> Any:
    async def asks() -> bool:
        return bool(gateway.opened)

    return asks


async def test_a_prompt_that_changes_later_changes_no_release(client, admin: Person, gateway: FakeGateway):
    name = await prompt(client, admin, "Old.")
    release = await make(client, admin, None, prompt={"name": name})
    data_of(await act(client, admin, release, "promote", FORCED))
    (kept,) = data_of(await client.get("/api/v1/prompts", headers=admin.headers))["items"]
    data_of(await client.patch(f"/api/v1/prompts/{kept['id']}", json={"text": "New."}, headers=admin.headers))
    await ask(client, admin)
    assert told(gateway) == ("Old.", None)
    newer = await make(client, admin, None, prompt={"name": name})
    assert (newer["prompt"]["version"], newer["prompt"]["text"]) == (2, "New.")
    older = await make(client, admin, None, prompt={"name": name, "version": 1})
    assert older["prompt"]["text"] == "Old."
