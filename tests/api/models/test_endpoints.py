from __future__ import annotations

import pytest

from cluster.contracts.models import ModelKind, ModelState
from cluster.fakes.gateway import FakeGateway, fake_model

SERVED = [
    fake_model("here", ModelKind.LLM),
    fake_model("away", ModelKind.LLM, state=ModelState.NOT_PULLED),
    fake_model("large", ModelKind.CLIP, state=ModelState.REJECTED),
]


async def test_openais_list_holds_what_can_be_asked_adapters_included(in_process):
    async with in_process(FakeGateway(served=SERVED)) as client:
        answer = (await client.get("/v1/models")).json()
    # Behind them stand graphs: see tests/api/chat/test_agents.py.
    assert [entry["id"] for entry in answer["data"] if not entry["id"].startswith("agent/")] == ["here", "here:pirate"]
    assert answer["data"][1]["parent"] == "here"


async def test_the_detailed_list_holds_everything_with_its_reason(in_process):
    async with in_process(FakeGateway(served=SERVED)) as client:
        data = (await client.get("/api/v1/models")).json()["data"]
        one = (await client.get("/api/v1/models/away")).json()["data"]
    assert [model["state"] for model in data if model["kind"] != "agent"] == ["ready", "not_pulled", "rejected"]
    assert one["reason"] == "A fake: it needs no weights."
    assert {"capabilities", "engine", "device", "budget_bytes", "state"} <= set(one)


@pytest.mark.parametrize("path", ["/v1/models/hre", "/api/v1/models/hre"])
async def test_an_unknown_model_is_answered_with_the_nearest(in_process, error, path):
    async with in_process(FakeGateway(served=SERVED)) as client:
        response = await client.get(path)
    assert response.status_code == 404
    assert "did you mean 'here'?" in error(response)["message"]


async def test_a_model_that_does_not_serve_is_answered_with_the_reason(in_process, error):
    async with in_process(FakeGateway(served=SERVED)) as client:
        response = await client.get("/v1/models/away")
    assert response.status_code == 404
    assert "does not serve: A fake" in error(response)["message"]


async def test_an_endless_name_is_refused(client, error):
    response = await client.get("/api/v1/models/" + "x" * 201)
    assert response.status_code == 400
    assert error(response)["param"] == "model"
