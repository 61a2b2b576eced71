"""Vectors, search, chunks and duplicates."""

from __future__ import annotations

import uuid
from dataclasses import replace
from itertools import pairwise

import pytest

from cluster.contracts.models import ModelKind, ModelState
from cluster.contracts.retrieval import ChunkRecord, Point, Space, Span
from cluster.fakes.answers import DIMENSIONS, vectors
from cluster.fakes.gateway import FakeGateway, fake_model
from cluster.settings import LimitSettings, SemanticSettings, Settings

URL = "/api/v1/semantic"


async def test_the_first_embedding_model_that_is_ready_is_taken_unless_one_is_named(in_process):
    sleepy = fake_model("sleepy", ModelKind.EMBEDDING, state=ModelState.IDLE)
    gateway = FakeGateway(served=(sleepy, *FakeGateway().served))
    async with in_process(gateway) as client:
        chosen = (await client.post(f"{URL}/embed", json={"texts": ["a goat", "a hill"]})).json()["data"]
        named = (await client.post(f"{URL}/embed", json={"texts": ["a goat"], "model": "sleepy"})).json()["data"]
    assert (chosen["model"], chosen["dimensions"], len(chosen["embeddings"])) == ("fake-embedder", DIMENSIONS, 2)
    assert named["model"] == "sleepy"


async def test_a_model_of_another_machine_is_never_chosen_by_itself(in_process, error):
    away = replace(fake_model("away/embedder", ModelKind.EMBEDDING), device="remote")
    gateway = FakeGateway(served=(away,))
    async with in_process(gateway) as client:
        refused = await client.post(f"{URL}/embed", json={"texts": ["a goat"]})
    assert (refused.status_code, error(refused)["code"]) == (404, "model_not_found")


async def test_what_lies_above_the_threshold_comes_best_first(client):
    texts = ["goats climb", "clocks tick", "goats climb"]
    found = (await client.post(f"{URL}/search", json={"query": "goats climb", "texts": texts, "threshold": 0.99})).json()["data"]
    assert [(hit["index"], round(hit["score"], 3)) for hit in found["hits"]] == [(0, 1.0), (2, 1.0)]
    everything = (await client.post(f"{URL}/search", json={"query": "x", "texts": texts, "threshold": -1, "limit": 2})).json()["data"]
    scores = [hit["score"] for hit in everything["hits"]]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)


async def test_chunks_are_exact_spans_of_whole_sentences_that_share_200_characters(client):
    text = " ".join(f"Sentence number {number} is about goats." for number in range(100))
    chunks = (await client.post(f"{URL}/chunk", json={"text": text})).json()["data"]["chunks"]
    assert all(one["text"] == text[one["start"] : one["end"]] and one["text"].endswith("goats.") for one in chunks)
    assert all(100 < one["end"] - other["start"] <= 200 for one, other in pairwise(chunks))


async def test_duplicates_have_a_tier_a_confidence_and_a_reason(client):
    long = [f"word{number}" for number in range(200)]
    nearly = [*long[:-1], "other"]
    texts = ["Goats climb.", "goats  CLIMB!", " ".join(long), " ".join(nearly), "Clocks tick."]
    pairs = (await client.post(f"{URL}/detect-duplicates", json={"texts": texts, "semantic": False})).json()["data"]["pairs"]
    assert [(pair["first"], pair["second"]) for pair in pairs] == [(0, 1), (2, 3)]
    assert (pairs[0]["tier"], pairs[0]["confidence"]) == ("exact", 1.0)
    assert pairs[1]["tier"] in {"exact", "near_exact"}
    assert all(pair["reason"] for pair in pairs)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("embed", {"texts": []}),
        ("embed", {"texts": ["a", ""]}),
        ("embed", {"texts": ["a"], "modell": "x"}),
        ("search", {"query": "x"}),
        ("search", {"query": "x", "texts": ["a"], "collection": str(uuid.uuid4())}),
        ("search", {"query": "x", "texts": ["a"], "threshold": 2}),
        ("search", {"query": "x", "collection": "goats"}),
        ("chunk", {"text": "a", "size": 100, "overlap": 100}),
        ("chunk", {"text": "a", "strategy": "words"}),
        ("detect-duplicates", {"texts": ["alone"]}),
    ],
)
async def test_what_cannot_be_meant_is_refused(client, error, path, body):
    refused = await client.post(f"{URL}/{path}", json=body)
    assert refused.status_code in {400, 422}
    assert error(refused)["message"]


async def test_chunks_by_tokens_are_as_long_as_the_embedding_model_counts(client):
    text = " ".join(f"Goat{number} climbs." for number in range(200))
    body = {"text": text, "strategy": "tokens", "size": 60, "overlap": 10, "model": "fake-embedder"}
    chunks = (await client.post(f"{URL}/chunk", json=body)).json()["data"]["chunks"]
    assert {len(one["text"].split()) for one in chunks[:-1]} == {60}
    assert all(text[one["start"] : one["end"]] == one["text"] for one in chunks)
    assert chunks[1]["text"].split()[:10] == chunks[0]["text"].split()[-10:]


async def test_too_many_or_too_long_texts_are_refused_naming_the_setting(in_process, gateway, error):
    settings = Settings(limits=LimitSettings(text_chars=10, embedding_inputs=2), semantic=SemanticSettings(texts=2))
    async with in_process(gateway, settings) as client:
        assert "limits.embedding_inputs" in error(await client.post(f"{URL}/embed", json={"texts": ["a"] * 3}))["message"]
        assert "semantic.texts" in error(await client.post(f"{URL}/detect-duplicates", json={"texts": ["a"] * 3}))["message"]
        assert "limits.text_chars" in error(await client.post(f"{URL}/search", json={"query": "a" * 11, "texts": ["a"]}))["message"]


async def test_white_space_alone_is_near_to_nothing(client):
    found = await client.post(f"{URL}/search", json={"query": " ", "texts": ["goats"], "threshold": 0.1})
    assert found.json()["data"]["hits"] == []


async def test_a_collection_is_searched_through_the_index_by_its_own_organisation_only(library):
    mira, other, collection = library.mira, library.other, library.collection
    space = Space("fake-embedder", "fake-float32", DIMENSIONS)
    record = ChunkRecord(str(mira.organisation_id), collection, "doc", 1, 0, "goats climb", Span(3, 14), page=2)
    await library.vectors.upsert(str(mira.organisation_id), space, [Point(record, vectors([b"goats climb"])[0])])
    body = {"query": "goats climb", "collection": collection, "threshold": 0.9}
    hit = (await mira.client.post(f"{URL}/search", json=body)).json()["data"]["hits"][0]
    assert (hit["document"], hit["chunk"], hit["start"], hit["end"], hit["page"]) == ("doc", 0, 3, 14, 2)
    assert (await mira.client.post(f"{URL}/search", json=body | {"model": "other"})).status_code == 400
    assert (await other.client.post(f"{URL}/search", json=body)).status_code == 404
