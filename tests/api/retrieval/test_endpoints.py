from __future__ import annotations

import dataclasses
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from api.retrieval.schemas import SearchBody
from api.retrieval.service import Knowledge
from api.web.exchange import Exchange
from cluster.errors import Unavailable
from cluster.fakes.gateway import FakeGateway
from cluster.knowledge.tables import Collection, DocumentRow, DocumentState
from tests.api.fixtures.knowing import Library
from tests.api.fixtures.people import add_person

URL = "/api/v1/retrieval/search"
WORDS = {"settings": "keywords"}


async def found(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(URL, json={"question": "goats", **WORDS, **body})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def paths(client: httpx.AsyncClient, **body: Any) -> set[str]:
    return {hit["path"] for hit in (await found(client, **body))["hits"]}


async def test_a_hit_says_where_it_stands_and_why_it_is_there(client, library):
    data = await found(client, question="climb hills")
    (hit,) = data["hits"]
    assert data["settings"] == "keywords@1"
    assert (hit["document_id"], hit["path"], hit["version"]) == (library.documents["animals/goats.pdf"], "animals/goats.pdf", 1)
    assert (hit["text"], hit["span"]) == ("Goats climb steep hills at dawn.", {"start": 0, "end": 32})
    assert (hit["page"], hit["heading_path"]) == (1, ["Goats"])
    assert hit["found"] == {"document_id": hit["document_id"], "chunk": 0, "span": {"start": 0, "end": 32}, "page": 1}
    assert [score["part"] for score in hit["scores"]] == ["sparse"]
    assert hit["reason"].startswith("Found by words")


async def test_the_default_searches_everything_by_meaning_and_by_words(client):
    answer = await client.post(URL, json={"question": "Wool of goats is spun after shearing."})
    data = answer.json()["data"]
    assert data["settings"] == "default@2"
    assert data["hits"][0]["path"] == "wool.md"
    assert [score["part"] for score in data["hits"][0]["scores"]] == ["dense", "sparse"]


async def test_collections_are_named_by_name_or_id(client, library):
    assert await paths(client) == {"animals/goats.pdf", "wool.md"}
    assert await paths(client, collections=["farm"]) == {"animals/goats.pdf"}
    empty = await library.collection("empty")
    assert await paths(client, collections=["crafts", empty.upper()]) == {"wool.md"}
    assert await paths(client, collections=[empty]) == set()


async def test_filters_narrow_a_search(client, library):
    question = {"question": "goats tide"}
    assert await paths(client, **question, filters={"tags": ["sea", "hills"]}) == {"tides.txt"}
    assert await paths(client, **question, filters={"documents": [library.documents["wool.md"]]}) == {"wool.md"}
    assert await paths(client, **question, filters={"attributes": {"year": [2020, 2021]}}) == {"wool.md"}
    assert await paths(client, **question, filters={"kinds": ["image"]}) == set()


async def test_settings_can_be_overridden_for_one_search(client):
    data = await found(client, question="goats climb steep", overrides={"rerank": {"model": "fake-reranker", "minimum": 0.9}})
    assert data["overridden"] == ["rerank"]
    assert [hit["text"] for hit in data["hits"]] == ["Goats climb steep hills at dawn."]
    assert len((await found(client, limit=1))["hits"]) == 1


async def test_a_search_without_its_reranker_notes_why(client):
    data = await found(client, overrides={"rerank": {"model": "bge-reranker-v2-m3"}})
    assert data["hits"]
    assert "There is no reranker model 'bge-reranker-v2-m3'" in data["notes"][0]


async def test_a_collection_brings_its_own_settings(client, library):
    await library.collection("codes", retrieval="keywords")
    answer = await client.post(URL, json={"question": "goats", "collections": ["codes"]})
    assert answer.json()["data"]["settings"] == "keywords@1"
    both = await client.post(URL, json={"question": "goats", "collections": ["codes", "farm"]})
    assert both.json()["data"]["settings"] == "default@2"


async def test_what_is_being_removed_is_found_nowhere(client, library, stores):
    async with stores.database.session() as session:
        gone = update(DocumentRow).where(DocumentRow.path == "wool.md", DocumentRow.organisation_id == library.person.organisation_id)
        await session.execute(gone.values(state=DocumentState.REMOVING.value))
    assert await paths(client) == {"animals/goats.pdf"}
    async with stores.database.session() as session:
        going = update(Collection).where(Collection.name == "farm", Collection.organisation_id == library.person.organisation_id)
        await session.execute(going.values(is_removing=True))
    assert await paths(client) == set()
    assert (await client.post(URL, json={"question": "goats", "collections": ["farm"]})).status_code == 404


async def test_another_organisation_finds_nothing_of_it(client, library, stores, vectors):
    stranger = await add_person(stores)
    theirs = Library(stores, vectors, stranger)
    barn = await theirs.collection("barn")
    await theirs.add(barn, "theirs.txt", "Goats climb steep hills in secret.")
    assert await paths(client, question="goats climb hills") == {"animals/goats.pdf", "wool.md"}
    for name in ("barn", barn):
        answer = await client.post(URL, json={"question": "goats", "collections": [name]})
        assert (answer.status_code, "theirs" in answer.text) == (404, False)
    their_filter = {"documents": [theirs.documents["theirs.txt"]]}
    assert await paths(client, filters=their_filter) == set()
    seen = await client.post(URL, json={"question": "goats climb hills"}, headers=stranger.headers)
    assert {hit["path"] for hit in seen.json()["data"]["hits"]} == {"theirs.txt"}


async def test_what_models_read_is_put_on_the_account(app, library):
    exchange = Exchange("asked", 0.0, 60.0)
    body = SearchBody.model_validate({"question": "do goats climb", "overrides": {"rerank": {"model": "fake-reranker"}}})
    await Knowledge(app.state.parts, exchange, library.person.organisation_id).search(body)
    assert [model for model, _ in exchange.spent] == ["fake-embedder", "fake-reranker"]
    assert exchange.spent[0][1].input_tokens == 3


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"question": ""}, 422, "question"),
        ({"question": " \n"}, 400, "question"),
        ({"question": 5}, 422, "question"),
        ({"collections": []}, 422, "collections"),
        ({"collections": ["fram"]}, 404, "collections.0"),
        ({"settings": "keyword"}, 404, "settings"),
        ({"limit": 0}, 422, "limit"),
        ({"limit": 101}, 422, "limit"),
        ({"overrides": {"mode": "fuzzy"}}, 422, "overrides.mode"),
        ({"overrides": {"candidates": "60"}}, 422, "overrides.candidates"),
        ({"overrides": {"candidates": 2}}, 422, "overrides"),
        ({"overrides": {"limt": 2}}, 422, "overrides.limt"),
        ({"overrides": {"rerank": {"model": ""}}}, 422, "overrides.rerank.model"),
        ({"filters": {"tag": ["sea"]}}, 422, "filters.tag"),
        ({"filters": {"attributes": {"Year": [1]}}}, 422, "filters.attributes"),
    ],
)
async def test_what_cannot_be_meant_is_refused_naming_the_field(client, error, change, status, param):
    answer = await client.post(URL, json={"question": "goats", **change})
    assert answer.status_code == status, answer.text
    assert error(answer)["param"].startswith(param)


async def test_unknown_names_are_answered_with_the_nearest(client, error):
    wrong = await client.post(URL, json={"question": "goats", "collections": ["craft"]})
    assert "did you mean 'crafts'?" in error(wrong)["message"]
    unknown = await client.post(URL, json={"question": "goats", "settings": "rerank"})
    assert "did you mean 'reranked'?" in error(unknown)["message"]


async def test_a_model_that_is_not_ready_says_when_to_come_back(app, library, error):
    loading = FakeGateway(failures={"fake-embedder": Unavailable("The model is being loaded; retry in 7 s.")})
    app.state.parts = dataclasses.replace(app.state.parts, gateway=loading)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=library.person.headers) as client:
        answer = await client.post(URL, json={"question": "goats"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


async def test_the_ways_to_search_are_listed_and_shown(client, error):
    listed = (await client.get("/api/v1/retrieval/settings")).json()["data"]
    assert {"default", "keywords", "reranked", "semantic"} <= {one["name"] for one in listed}
    one = (await client.get("/api/v1/retrieval/settings/reranked")).json()["data"]
    assert one["rerank"]["model"] == "bge-reranker-v2-m3"
    assert one["rrf_k"] == 2
    unknown = await client.get("/api/v1/retrieval/settings/semantics")
    assert unknown.status_code == 404
    assert "did you mean 'semantic'?" in error(unknown)["message"]
