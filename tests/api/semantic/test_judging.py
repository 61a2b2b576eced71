"""Labels and weight."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cluster.contracts.generation import GenerationRequest
from cluster.contracts.models import ModelKind
from cluster.fakes.gateway import FakeGateway

URL = "/api/v1/semantic"
LABELS = ["animals", {"name": "clocks", "description": "What tells the time."}]


async def test_the_model_chooses_among_the_labels_and_nothing_else(client, gateway):
    gateway.scripted.append(json.dumps({"labels": "clocks"}))
    found = (await client.post(f"{URL}/classify", json={"text": "It ticks.", "labels": LABELS})).json()["data"]
    assert found["labels"] == ["clocks"]
    assert found["scores"][0]["label"] == "clocks"
    assert sum(score["score"] for score in found["scores"]) == pytest.approx(1, abs=1e-3)
    asked = gateway.asked_for(GenerationRequest)[0]
    assert asked.response_format.schema["properties"]["labels"]["enum"] == ["animals", "clocks"]


async def test_several_labels_may_hold(client, gateway):
    gateway.scripted.append(json.dumps({"labels": ["clocks", "animals", "clocks"]}))
    found = (await client.post(f"{URL}/classify", json={"text": "A cuckoo clock.", "labels": LABELS, "multiple": True})).json()["data"]
    assert found["labels"] == ["clocks", "animals"]


async def test_an_answer_that_is_no_label_leaves_the_choice_to_the_vectors(client, gateway):
    gateway.scripted.append(json.dumps({"labels": "goats"}))
    found = (await client.post(f"{URL}/classify", json={"text": "animals", "labels": ["animals", "clocks"]})).json()["data"]
    assert (found["labels"], found["scores"][0]["label"]) == (["animals"], "animals")


async def test_labels_are_chosen_without_an_embedding_model_too(in_process):
    gateway = FakeGateway(served=tuple(status for status in FakeGateway().served if status.kind is not ModelKind.EMBEDDING))
    async with in_process(gateway) as client:
        found = (await client.post(f"{URL}/classify", json={"text": "x", "labels": LABELS})).json()["data"]
    assert (found["labels"], found["embedding_model"]) == (["animals"], None)


async def test_importance_names_the_reasons_that_it_is_made_of(client, gateway):
    gateway.scripted.append(json.dumps({"importance": "critical", "reason": "The goats may leave."}))
    body = {"text": "The gate of Velmhaven is open.", "context": "The gate of Velmhaven is open.", "known": ["Clocks tick."]}
    found = (await client.post(f"{URL}/score-importance", json=body)).json()["data"]
    reasons = {reason["name"]: reason for reason in found["reasons"]}
    assert (reasons["judgement"]["score"], reasons["judgement"]["says"]) == (1.0, "The goats may leave.")
    assert reasons["relevance"]["score"] == pytest.approx(1)
    assert set(reasons) == {"judgement", "substance", "relevance", "novelty"}
    weight = sum(reason["weight"] for reason in found["reasons"])
    mean = sum(reason["score"] * reason["weight"] for reason in found["reasons"]) / weight
    assert found["score"] == pytest.approx(mean, abs=1e-4)


async def test_what_is_known_already_or_old_matters_less(client):
    text = "The gate is open."
    today = datetime.now(UTC).date()

    async def score(**fields: object) -> float:
        answer = await client.post(f"{URL}/score-importance", json={"text": text} | fields)
        assert answer.status_code == 200, answer.text
        return float(answer.json()["data"]["score"])

    assert await score(known=[text]) < await score(known=["Clocks tick in every room."])
    assert await score(written_at=str(today - timedelta(days=4000))) < await score(written_at=str(today))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("classify", {"text": "a", "labels": ["one"]}),
        ("classify", {"text": "a", "labels": ["same", "same"]}),
        ("classify", {"text": "a", "labels": ["a", ""]}),
        ("classify", {"text": "a" * 30_000, "labels": LABELS}),
        ("score-importance", {"text": ""}),
        ("score-importance", {"text": "a", "written_at": "soon"}),
        ("score-importance", {"text": "a", "half_life_days": 0}),
    ],
)
async def test_what_cannot_be_meant_is_refused(client, error, path, body):
    refused = await client.post(f"{URL}/{path}", json=body)
    assert 400 <= refused.status_code < 500
    assert error(refused)["message"]


async def test_an_answer_that_keeps_no_form_is_the_engines_fault(client, gateway, error):
    gateway.scripted.append("I think it is clocks")
    refused = await client.post(f"{URL}/classify", json={"text": "a", "labels": LABELS})
    assert (refused.status_code, error(refused)["code"]) == (500, "engine_error")


async def test_a_model_with_a_small_context_reads_what_fits_and_answers(in_process):
    small = tuple(replace(status, context_tokens=512) if status.kind is ModelKind.LLM else status for status in FakeGateway().served)
    gateway, text = FakeGateway(served=small), "Goats climb the hills of Velmhaven. " * 100
    async with in_process(gateway) as client:
        for path, body in (("classify", {"labels": LABELS}), ("score-importance", {}), ("extract-relations", {})):
            answer = await client.post(f"{URL}/{path}", json={"text": text} | body)
            assert answer.status_code == 200, answer.text
    asked = gateway.asked_for(GenerationRequest)
    assert len(asked) > 5
    for request in asked:
        chars = sum(len(message.content or "") for message in request.messages)
        assert chars / 3 + (request.sampling.max_tokens or 0) < 512
