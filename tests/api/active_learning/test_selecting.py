from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.conversations.tables import Conversation, Message
from cluster.contracts.generation import GenerationRequest
from cluster.contracts.perception import EmbeddingRequest
from cluster.errors import EngineError, TooLarge, Unavailable, Unprocessable
from cluster.graphs.resolved import ResolvedGraph
from cluster.graphs.runs import NewRun, Runs
from cluster.graphs.table import GraphStep
from cluster.settings import GraphSettings
from cluster.specs.graph import GraphSpec
from tests.api.fixtures.graphing import ECHO

SELECT = "/select-samples"
QUESTIONS = ["When do goats eat?", "Who milks the cow?", "Where is the hay?", "Is the barn red?", "What does wool cost?"]


def given(*texts: Any, **more: Any) -> Any:
    return {"source": "samples", "samples": [{"id": str(at), "text": text} for at, text in enumerate(texts)]} | more


async def talk(
    stores: Any, person: Any, question: Any = "When do goats eat?", answer: Any = "At noon.", metadata: Any = None, author: Any = None
) -> Any:
    """A conversation of one question and its answer; the id of the answer."""
    async with stores.database.session() as session:
        conversation = Conversation(
            id=uuid.uuid4(),
            organisation_id=person.organisation_id,
            owner_id=person.user_id,
            type="general",
            status="active",
            title="",
            expires_at=datetime.now(UTC) + timedelta(days=1),
            details=metadata or {},
        )
        session.add(conversation)
        await session.flush()
        asked = Message(id=uuid.uuid4(), conversation_id=conversation.id, role="user", parts=[], text=question)
        asked.author_id = author or person.user_id
        session.add(asked)
        await session.flush()
        said = Message(id=uuid.uuid4(), conversation_id=conversation.id, role="assistant", parts=[], text=answer, parent_id=asked.id)
        said.model = "fake-llm"
        session.add(said)
        return str(said.id)


async def ended_step(stores: Any, person: Any, value: Any) -> Any:
    spec = ResolvedGraph(GraphSpec.model_validate(ECHO)).to_json()
    new = NewRun("echo", 1, spec, {"question": "When?"}, person.organisation_id, person.user_id, "viewer", task_type="echo")
    async with stores.database.session() as session:
        runs = Runs(session, GraphSettings())
        await runs.cancel(await runs.enqueue(new))
    step = GraphStep(id=uuid.uuid4(), run_id=new.id, key="a#1", node="a", kind="llm", state="succeeded", result={"value": value})
    async with stores.database.session() as session:
        session.add(step)
    return str(step.id)


async def test_given_samples_are_scored_by_parts_with_a_reason_and_compared_with_a_random_choice(ask, editor):
    found = await ask(editor, "POST", SELECT, json=given(*QUESTIONS, limit=2, model="fake-llm"))
    assert (found["candidates"], len(found["samples"]), found["strategy"], found["queued"]) == (5, 2, "active", 0)
    first = found["samples"][0]
    assert first["score"] >= found["samples"][1]["score"]
    assert set(first["parts"]) == {"uncertainty", "diversity", "novelty", "value"}
    assert first["measured"]["entropy"] > 0
    assert first["measured"]["doubt"] > 0
    assert first["answer"]
    assert first["reason"].endswith(".")
    assert set(found["chosen"]) == set(found["at_random"])
    assert first["item_id"] is None


async def test_the_gateway_is_asked_for_log_probabilities_at_temperature_0(ask, editor, gateway):
    await ask(editor, "POST", SELECT, json=given(*QUESTIONS, model="fake-llm:pirate", compare_model="fake-llm"))
    asked = gateway.asked_for(GenerationRequest)
    assert {(request.adapter, request.sampling.top_logprobs) for request in asked} == {("pirate", 5), (None, None)}
    assert {request.sampling.temperature for request in asked} == {0.0}
    assert len(asked) == 2 * len(QUESTIONS)


async def test_disagreement_of_two_models_is_measured(ask, editor):
    found = await ask(editor, "POST", SELECT, json=given("one two", model="fake-llm", compare_model="fake-llm"))
    assert found["samples"][0]["measured"]["disagreement"] == 0


async def test_random_is_the_same_for_a_seed_and_asks_nobody(ask, editor, gateway):
    body = given(*QUESTIONS, strategy="random", limit=3)
    first, again, other = [await ask(editor, "POST", SELECT, json=body | {"seed": seed}) for seed in (1, 1, 2)]
    ids = [[sample["id"] for sample in found["samples"]] for found in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    assert first["samples"][0]["reason"] == "Picked at random."
    assert not gateway.asked_for(GenerationRequest)


async def test_without_a_model_uncertainty_does_not_count_and_that_is_said(ask, editor):
    found = await ask(editor, "POST", SELECT, json=given(*QUESTIONS))
    assert found["weights"]["uncertainty"] == 0
    assert found["samples"][0]["parts"]["uncertainty"] is None
    assert "name a 'model'" in found["notes"][-1]


async def test_a_model_that_tells_no_log_probabilities_is_asked_once_and_said_so(ask, editor, gateway):
    gateway.failures = {"fake-llm": Unprocessable("it knows no log probabilities")}
    gateway.breaks_after = {"fake-llm": 0}
    found = await ask(editor, "POST", SELECT, json=given(*QUESTIONS, model="fake-llm"))
    assert len(gateway.asked_for(GenerationRequest)) == 1
    assert any("knows no log probabilities" in note for note in found["notes"])
    refused = await ask(editor, "POST", SELECT, 422, json=given(*QUESTIONS, model="fake-llm", strategy="uncertainty"))
    assert "knows no log probabilities" in refused["message"]


async def test_what_is_too_long_for_the_model_is_not_measured_and_what_fails_is_told(ask, editor, gateway):
    gateway.failures = {"fake-llm": TooLarge("too long")}
    found = await ask(editor, "POST", SELECT, json=given(*QUESTIONS, model="fake-llm"))
    assert any("5 samples could not be measured" in note for note in found["notes"])
    gateway.failures = {"fake-llm": Unavailable("not ready, retry in 3 s")}
    assert (await ask(editor, "POST", SELECT, 503, json=given(*QUESTIONS, model="fake-llm")))["code"] == "unavailable"
    gateway.failures = {"fake-embedder": EngineError("broken")}
    await ask(editor, "POST", SELECT, 500, json=given(*QUESTIONS))


async def test_what_is_chosen_is_put_into_the_queue_once(ask, editor, viewer, campaign):
    body = given(*QUESTIONS, limit=3, campaign_id=campaign["id"])
    found = await ask(editor, "POST", SELECT, json=body)
    assert found["queued"] == 3
    again = await ask(editor, "POST", SELECT, json=body)
    assert (again["candidates"], again["queued"]) == (2, 2)
    assert not {sample["id"] for sample in found["samples"]} & {sample["id"] for sample in again["samples"]}
    assert (await ask(editor, "POST", SELECT, json=body))["samples"] == []
    given_out = await ask(viewer, "POST", f"/campaigns/{campaign['id']}/next", json={"count": 1})
    best = max(found["samples"] + again["samples"], key=lambda sample: sample["score"])
    assert given_out["items"][0]["messages"] == best["messages"]
    assert given_out["remaining"] == 4


async def test_labelled_questions_are_not_novel(ask, editor, viewer, campaign):
    body = given(QUESTIONS[0], campaign_id=campaign["id"])
    await ask(editor, "POST", SELECT, json=body)
    next_one = await ask(viewer, "POST", f"/campaigns/{campaign['id']}/next", json={})
    await ask(viewer, "POST", f"/assignments/{next_one['items'][0]['assignment_id']}/submit", json={"value": "At seven."})
    found = await ask(editor, "POST", SELECT, json=given(*QUESTIONS, limit=5))
    novelty = {sample["id"]: sample["parts"]["novelty"] for sample in found["samples"]}
    assert found["trained"] == 1
    assert novelty["0"] == pytest.approx(0, abs=1e-4)
    assert min(value for name, value in novelty.items() if name != "0") > 0.01


async def test_of_chats_only_one_s_own_and_those_that_consent_are_read(ask, stores, editor, viewer):
    mine = await talk(stores, editor)
    agreed = await talk(stores, viewer, metadata={"consent_to_learning": True})
    await talk(stores, viewer, question="Secret?")
    await talk(stores, viewer, metadata={"consent_to_learning": False})
    await talk(stores, editor, author=viewer.user_id)
    found = await ask(editor, "POST", SELECT, json={})
    assert {sample["id"] for sample in found["samples"]} == {mine, agreed}
    assert found["samples"][0]["messages"] == [{"role": "user", "content": "When do goats eat?"}]
    assert found["samples"][0]["answer"] == "At noon."
    assert (await ask(editor, "POST", SELECT, json={"answered_by": "another"}))["samples"] == []
    assert (await ask(editor, "POST", SELECT, json={"since": "2999-01-01T00:00:00Z"}))["samples"] == []


async def test_an_answer_is_no_candidate_any_more_when_it_is_in_a_campaign(ask, stores, editor, campaign):
    await talk(stores, editor)
    assert (await ask(editor, "POST", SELECT, json={"campaign_id": campaign["id"]}))["queued"] == 1
    found = await ask(editor, "POST", SELECT, json={})
    assert found["samples"] == []
    assert "nothing to choose from" in found["notes"][0]


async def test_steps_of_one_s_own_graphs_are_candidates(ask, stores, editor, viewer):
    step = await ended_step(stores, editor, "At noon.")
    await ended_step(stores, viewer, "Secret.")
    await ended_step(stores, editor, {"not": "a text"})
    found = await ask(editor, "POST", SELECT, json={"source": "graphs"})
    assert [(one["id"], one["answer"]) for one in found["samples"]] == [(step, "At noon.")]
    assert found["samples"][0]["messages"] == [{"role": "user", "content": "When?"}]


async def test_the_texts_are_embedded_by_the_model_that_is_named(ask, editor, gateway):
    await ask(editor, "POST", SELECT, json=given(*QUESTIONS, embedding_model="fake-embedder"))
    assert {request.model for request in gateway.asked_for(EmbeddingRequest)} == {"fake-embedder"}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"source": "samples"}, 422, "go together"),
        (given("x") | {"source": "chat"}, 422, "go together"),
        ({"source": "samples", "samples": [{"id": "1"}]}, 422, "either 'text' or 'messages'"),
        ({"source": "samples", "samples": [{"text": "x", "messages": []}]}, 422, "messages"),
        (given("x", weights={"uncertainty": 0.0, "diversity": 0.0, "novelty": 0.0, "value": 0.0}), 422, "all weights are 0"),
        (given("x", weights={"newness": 1}), 422, "newness"),
        (given("x", weights={}, strategy="random"), 422, "strategy 'active'"),
        (given("x", strategy="uncertainty"), 422, "'model'"),
        (given("x", compare_model="fake-llm"), 422, "needs 'model'"),
        (given("x", model="nothing"), 404, "nothing"),
        (given("x", embedding_model="fake-llm"), 404, "fake-llm"),
        (given("x", campaign_id=str(uuid.uuid4())), 404, "no such campaign"),
        (given("x", limit=0), 422, "limit"),
        (given("x", strategy="best"), 422, "strategy"),
        ({"since": "2026-01-01T00:00:00"}, 422, "since"),
        (given(*map(str, range(501))), 413, "active_learning.candidates"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_a_reason(ask, editor, body, status, said):
    assert said in (await ask(editor, "POST", SELECT, status, json=body))["message"]


async def test_a_closed_campaign_takes_no_samples(ask, editor, campaign):
    await ask(editor, "PATCH", f"/campaigns/{campaign['id']}", json={"state": "closed"})
    refused = await ask(editor, "POST", SELECT, 409, json=given("x", campaign_id=campaign["id"]))
    assert refused["param"] == "campaign_id"
