from __future__ import annotations

import re

import pytest

from tests.api.fixtures.application import application, operations


@pytest.mark.parametrize(("path", "method", "operation"), operations(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_operation_is_described_with_examples_and_errors(path, method, operation):
    assert operation["summary"]
    assert len(operation["description"]) > 30
    assert operation["tags"]
    good = operation["responses"]["200"]["content"]
    assert all("example" in content for content in good.values())
    assert "500" in operation["responses"]
    for status, answer in operation["responses"].items():
        if int(status) >= 400 and path != "/readyz":
            example = answer["content"]["application/json"]["example"]["error"]
            assert {"message", "type", "code"} <= set(example)  # FastAPI leaves the null "param" out
    if "requestBody" in operation:
        contents = operation["requestBody"]["content"]
        # What is only a file names nothing that might not be there.
        expected = {"400", "413", "415", "429", "503"} | ({"404"} if "application/json" in contents else set())
        assert method != "post" or expected <= set(operation["responses"])
        assert all("schema" in content for content in contents.values())
        if "application/json" in contents:
            assert "example" in contents["application/json"]
        elif not {"multipart/form-data", "application/octet-stream"} & set(contents):
            assert all("example" in content for content in contents.values())


def test_every_reference_in_the_document_leads_somewhere():
    document = application().openapi()
    names = set(re.findall(r"'#/components/schemas/([^']+)'", str(document)))
    assert names
    assert names <= set(document["components"]["schemas"])
    assert "$defs" not in str(document)


def test_every_tag_is_described():
    document = application().openapi()
    used = {tag for _, _, operation in operations() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"]}


async def test_the_docs_page_loads_nothing_from_elsewhere(client):
    page = await client.get("/docs")
    assert "http://" not in page.text
    assert "https://" not in page.text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(sources) == 3
    for source in sources:
        assert (await client.get(source)).status_code == 200
    policy = page.headers["content-security-policy"]
    assert "script-src 'self' 'sha256-" in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]


async def test_examples_in_the_docs_are_answered(client):
    for path, method, operation in operations():
        example = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        # Examples of batches and trainings name a file of somebody's.
        if method == "post" and example and path.startswith("/v1/") and path not in {"/v1/batches", "/v1/fine_tuning/jobs"}:
            model = {"/v1/embeddings": "fake-embedder", "/v1/rerank": "fake-reranker"}.get(path, "fake-llm")
            assert (await client.post(path, json=example | {"model": model})).status_code == 200
