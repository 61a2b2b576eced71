from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from cluster.contracts.models import ModelKind, ModelState
from cluster.errors import Unavailable
from cluster.fakes.gateway import FakeGateway, fake_model
from cluster.serving.vectors import ServeVectors
from cluster.settings import Settings
from cluster.stores.clients import connect


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_alive_asks_nothing_else(in_process):
    async with in_process(FakeGateway(failures={"residency": RuntimeError("gone")})) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_ready_names_each_pinned_model_and_the_policy(client):
    response = await client.get("/readyz")
    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "ready"
    assert [found["name"] for found in body["dependencies"]][-4:] == ["model fake-reranker", "residency", "database", "cache"]


async def test_not_ready_while_a_pinned_model_loads(in_process):
    served = [fake_model("a", ModelKind.LLM), fake_model("b", ModelKind.CLIP, state=ModelState.LOADING)]
    async with in_process(FakeGateway(served=served)) as client:
        response = await client.get("/readyz")
    assert response.status_code == 503
    assert {found["name"]: found["ready"] for found in response.json()["dependencies"]} == {
        "model a": True,
        "model b": False,
        "residency": True,
        "database": True,
        "cache": True,
    }


async def test_not_ready_when_the_policy_does_not_answer(in_process):
    for failure in (Unavailable("Not there; retry in 3 s."), ConnectionError("secret address")):
        async with in_process(FakeGateway(failures={"residency": failure})) as client:
            response = await client.get("/readyz")
        assert response.status_code == 503
        assert "secret" not in response.text


async def test_not_ready_without_the_stores(tmp_path):
    settings = Settings(home=tmp_path)
    stores = connect(settings)
    transport = httpx.ASGITransport(create_app(FakeGateway(), settings, stores, ServeVectors(settings.vectors)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.get("/readyz")
    await stores.close()
    assert response.status_code == 503
    assert {found["name"] for found in response.json()["dependencies"] if not found["ready"]} == {"database", "cache"}


async def test_a_database_that_does_not_answer_is_unavailable_and_no_failure_of_the_server(store_settings, tmp_path, error):
    address = tmp_path / "elsewhere"
    address.touch(mode=0o600)
    address.write_text("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    storage = store_settings.storage.model_copy(update={"database_url_file": address})
    settings = store_settings.model_copy(update={"storage": storage})
    stores = connect(settings)
    transport = httpx.ASGITransport(create_app(FakeGateway(), settings, stores, ServeVectors(settings.vectors)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.post("/api/v1/auth/login", json={"email": "ada@example.org", "password": "correct horse battery"})
    await stores.close()
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert error(response)["code"] == "unavailable"


async def test_metrics_count_requests_tokens_and_models(client):
    body = {"model": "fake-llm", "messages": [{"role": "user", "content": "hello there"}]}
    await client.post("/v1/chat/completions", json=body | {"stream": True})
    await client.get("/v1/models/fake-llm")
    await client.get("/nowhere/17")
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    found = samples(response.text)
    llm = frozenset({("model", "fake-llm")})
    assert found["hearth_completion_tokens_total", llm] == 4
    assert found["hearth_prompt_tokens_total", llm] == 2
    assert found["hearth_first_token_seconds_count", llm] == 1
    assert found["hearth_inter_token_seconds_count", llm] == 3
    assert found["hearth_streams_open", llm] == 0
    requests = {labels for name, labels in found if name == "hearth_http_requests_total"}
    assert frozenset({("method", "GET"), ("path", "/v1/models/{model}"), ("status", "200")}) in requests
    assert frozenset({("method", "GET"), ("path", "unmatched"), ("status", "404")}) in requests
    on_device = frozenset({("model", "fake-llm"), ("device", "cpu")})
    assert found["hearth_model_resident", on_device] == 1
    assert found["hearth_model_budget_bytes", on_device] == 2**20
    assert found["hearth_swaps_total", frozenset()] == 0
    assert found["hearth_device_measured_bytes", frozenset({("device", "cpu"), ("name", "fake card")})] == 2**20


async def test_labels_do_not_grow_with_what_callers_invent(client):
    for number in range(5):
        await client.get(f"/nowhere/{number}")
        await client.request(f"VERB{number}", "/v1/models")
        await client.post("/v1/chat/completions", json={"model": f"no-{number}", "messages": [{"role": "user", "content": "x"}]})
    text = (await client.get("/metrics")).text
    assert "nowhere" not in text
    assert "VERB" not in text
    assert "no-1" not in text


async def test_metrics_are_there_even_when_the_policy_does_not_answer(in_process):
    async with in_process(FakeGateway(failures={"residency": Unavailable("Not there; retry in 3 s.")})) as client:
        found = samples((await client.get("/metrics")).text)
    assert found["hearth_residency_up", frozenset()] == 0
    assert ("hearth_model_resident", frozenset({("model", "fake-llm"), ("device", "cpu")})) not in found
