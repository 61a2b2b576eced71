from __future__ import annotations

import pytest

from cluster.settings import LimitSettings, Settings

URL = "/v1/rerank"
BODY = {"model": "fake-reranker", "query": "goats eat", "documents": ["clocks tick", "goats eat grass", {"text": "goats climb"}]}


async def test_the_best_document_comes_first_with_its_place_and_text(client):
    answer = (await client.post(URL, json=BODY)).json()
    assert [(result["index"], result["relevance_score"]) for result in answer["results"]] == [(1, 1.0), (2, 0.5), (0, 0.0)]
    assert answer["results"][1]["document"] == {"text": "goats climb"}
    assert answer["usage"] == {"prompt_tokens": 13, "total_tokens": 13}
    assert answer["id"].startswith("rerank-")
    assert answer["truncated"] == []


async def test_only_the_best_without_texts_can_be_asked_for(client):
    answer = (await client.post(URL, json=BODY | {"top_n": 1, "return_documents": False})).json()
    assert [(result["index"], result["document"]) for result in answer["results"]] == [(1, None)]


async def test_documents_that_were_not_read_to_the_end_are_named(client):
    answer = (await client.post(URL, json=BODY | {"max_tokens_per_doc": 2})).json()
    assert answer["truncated"] == [1]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"query": ""}, "query"),
        ({"query": "  "}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": ["a", ""]}, "documents.1"),
        ({"documents": ["a", {"title": "b"}]}, "documents.1"),
        ({"documents": "a"}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"max_tokens_per_doc": 0}, "max_tokens_per_doc"),
        ({"return_documents": "yes"}, "return_documents"),
        ({"truncate": True}, "truncate"),
    ],
)
async def test_what_cannot_be_meant_is_refused_naming_the_field(client, error, change, param):
    response = await client.post(URL, json=BODY | change)
    assert response.status_code == 400
    assert error(response)["param"].startswith(param)


async def test_a_model_of_another_kind_is_no_reranker(client, error):
    response = await client.post(URL, json=BODY | {"model": "fake-embedder"})
    assert response.status_code == 404
    assert "fake-reranker" in error(response)["message"] or "no reranker model" in error(response)["message"]


async def test_too_many_or_too_long_documents_are_refused_naming_the_setting(in_process, gateway, error):
    settings = Settings(limits=LimitSettings(rerank_documents=2, text_chars=10))
    async with in_process(gateway, settings) as client:
        many = await client.post(URL, json=BODY)
        long = await client.post(URL, json=BODY | {"documents": ["a", "elevenchars"]})
    assert "limits.rerank_documents" in error(many)["message"]
    assert error(long)["param"] == "documents.1"
