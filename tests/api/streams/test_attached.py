"""Documents attached to a conversation: what every answer in it is written from."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cluster.knowledge.tables import Collection
from cluster.retrieval.briefing import NOT_FOUND
from tests.api.fixtures.knowing import Library, Saying
from tests.api.fixtures.saying import CHAT, answered, conversation_of, events, prepare, refusal
from tests.api.fixtures.talking import Person

ASKING = {"content": "When do goats climb hills?"}
GOATS = "Goats climb steep hills at dawn."
FARM: dict[str, Any] = {"collections": ["farm"], "settings": "keywords"}


@pytest.fixture
def gateway() -> Saying:
    return Saying(says="Goats climb hills at dawn [1].")


@pytest.fixture
async def library(shelves: Library) -> Library:
    await shelves.add(await shelves.collection("farm"), "goats.pdf", GOATS)
    await shelves.add(await shelves.collection("sea"), "tides.txt", "Tides turn when goats climb hills.")
    return shelves


async def told(someone: Person, conversation: str, **fields: Any) -> dict[str, Any]:
    """What the stream of an answer says of the documents."""
    prepared = await prepare(someone, conversation, **ASKING, **fields)
    found = events((await someone.client.get(prepared["stream_url"])).text)
    knowledge: dict[str, Any] = next(event for event in found if event["type"] == "citations")["knowledge"]
    return knowledge


async def remove(library: Library, collection: str) -> None:
    async with library.stores.database.session() as session:
        row = await session.get(Collection, uuid.UUID(collection))
        assert row is not None
        row.is_removing = True


async def test_answers_of_a_conversation_cite_what_is_attached_to_it(mira, library):
    made = await mira.new(knowledge=FARM)
    (farm,) = made["knowledge"]["collections"]
    assert made["knowledge"] == {"collections": [farm], "settings": "keywords", "limit": None, "require": False}
    assert uuid.UUID(farm)
    message = await answered(mira, made["id"], **ASKING)
    assert [(citation["quote"], citation["collection_id"]) for citation in message["citations"]] == [(GOATS, farm)]
    again = await answered(mira, made["id"], content=None, regenerates=message["id"])
    assert [citation["quote"] for citation in again["citations"]] == [GOATS]


async def test_a_request_says_otherwise_for_itself_alone(mira, library):
    conversation = (await mira.new(knowledge=FARM))["id"]
    elsewhere = await told(mira, conversation, knowledge={"collections": ["sea"], "settings": "keywords"})
    assert {one["path"] for one in elsewhere["passages"]} == {"tides.txt"}
    assert (await answered(mira, conversation, **ASKING, knowledge=None))["citations"] == []
    assert {one["path"] for one in (await told(mira, conversation))["passages"]} == {"goats.pdf"}


async def test_documents_are_attached_changed_and_detached(mira, library):
    conversation = (await mira.new())["id"]
    assert (await conversation_of(mira, conversation))["knowledge"] is None
    path = f"{CHAT}/{conversation}"
    changed = (await mira.client.patch(path, json={"knowledge": {"settings": "keywords"}})).json()["data"]
    assert changed["knowledge"]["collections"] is None
    assert {one["path"] for one in (await told(mira, conversation))["passages"]} == {"goats.pdf", "tides.txt"}
    assert (await mira.client.patch(path, json={"title": "Goats"})).json()["data"]["knowledge"] == changed["knowledge"]
    assert (await mira.client.patch(path, json={"knowledge": None})).json()["data"]["knowledge"] is None
    assert (await answered(mira, conversation, **ASKING))["citations"] == []


async def test_a_session_and_an_export_have_it_too(mira, library):
    body = {"user_id": str(mira.user_id), "type": "general", "knowledge": FARM}
    made = (await mira.client.post("/api/v1/chat/sessions", json=body)).json()["data"]
    exported = (await mira.client.get(f"{CHAT}/{made['id']}/export")).json()
    assert exported["conversation"]["knowledge"] == made["knowledge"]


async def test_a_removed_collection_is_reported_and_the_others_answer(mira, library):
    made = await mira.new(knowledge={"collections": ["farm", "sea"], "settings": "keywords"})
    farm, sea = made["knowledge"]["collections"]
    await remove(library, farm)
    knowledge = await told(mira, made["id"])
    assert {one["path"] for one in knowledge["passages"]} == {"tides.txt"}
    assert knowledge["notes"][0] == f"The collection {farm} is attached, and is not there any more."
    await remove(library, sea)
    knowledge = await told(mira, made["id"])
    assert (knowledge["passages"], len(knowledge["notes"])) == ([], 2)


async def test_where_everything_is_gone_nothing_else_is_searched(mira, library, gateway):
    made = await mira.new(knowledge=FARM | {"require": True})
    await remove(library, made["knowledge"]["collections"][0])
    assert (await answered(mira, made["id"], **ASKING))["text"] == NOT_FOUND
    assert gateway.told == []


@pytest.mark.parametrize(
    ("knowledge", "status", "param"),
    [
        ({"collections": ["fram"]}, 404, "knowledge.collections.0"),
        ({"settings": "keyword"}, 404, "knowledge.settings"),
        ({"collections": []}, 422, "knowledge.collections"),
        ({"colections": ["farm"]}, 422, "knowledge.colections"),
    ],
)
async def test_what_is_not_there_is_not_attached(mira, library, knowledge, status, param):
    conversation = (await mira.new())["id"]
    for method, path in (("POST", CHAT), ("PATCH", f"{CHAT}/{conversation}")):
        answer = await mira.client.request(method, path, json={"knowledge": knowledge})
        assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert (await conversation_of(mira, conversation))["knowledge"] is None


async def test_another_organisation_s_collection_cannot_be_attached(mira, person, library):
    farm = (await mira.new(knowledge=FARM))["knowledge"]["collections"][0]
    stranger: Person = await person()
    answer = await stranger.client.post(CHAT, json={"knowledge": {"collections": [farm]}})
    assert refusal(answer)[0] == 404


async def test_whoever_reads_by_a_link_sees_the_answer_and_nothing_of_the_documents(mira, person, library, stranger):
    conversation = (await mira.new(knowledge=FARM))["id"]
    message = await answered(mira, conversation, **ASKING)
    reader: Person = await person(organisation_id=mira.organisation_id)
    await mira.client.post(f"{CHAT}/{conversation}/participants", json={"user_id": str(reader.user_id), "role": "reader"})
    assert refusal(await reader.client.post(f"{CHAT}/{conversation}/prepare-stream", json={"model": "fake-llm", **ASKING}))[0] == 403
    token = (await mira.client.post(f"{CHAT}/{conversation}/share", json={})).json()["data"]["token"]
    shared = await stranger.get(f"/api/v1/chat/shared/{token}")
    assert message["text"] in shared.text
    assert not any(word in shared.text for word in ("knowledge", "citations", "goats.pdf", library.documents["goats.pdf"]))


async def test_an_answer_in_json_cites_nothing_and_says_what_to_do(mira, library):
    conversation = (await mira.new(knowledge=FARM))["id"]
    body = {"model": "fake-llm", **ASKING, "response_format": {"type": "json_object"}}
    answer = await mira.client.post(f"{CHAT}/{conversation}/prepare-stream", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "response_format")
    assert (await answered(mira, conversation, **body, knowledge=None))["citations"] == []


async def test_a_picture_alone_is_answered_without_a_search(mira, library, gateway):
    conversation = (await mira.new(knowledge=FARM))["id"]
    picture = [{"type": "image", "url": "https://example.org/goat.png", "text": " "}]
    assert (await answered(mira, conversation, content=picture))["citations"] == []
