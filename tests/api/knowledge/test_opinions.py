"""What is proposed by models and neighbours, and confirmed by people."""

from __future__ import annotations

import json

import pytest

from tests.api.fixtures.house import House, Someone
from tests.api.knowledge.keeping import ITEMS, URL, data_of, keep, settled, until


@pytest.fixture
async def mira(house: House) -> Someone:
    return await house.join()


ID = "5e1c7d7e-3d5c-4a5b-9a53-1f6f0a3a7b10"


async def test_model_and_neighbours_propose_and_a_person_confirms(house, mira):
    await keep(mira, category="animals", tags=["goats", "food"])
    await keep(mira, title="Clocks", content="Clocks tick.", category="clocks")
    item = await keep(mira)
    await settled(house.stores, mira.organisation_id)
    house.gateway.scripted.append(json.dumps({"labels": "animals"}))
    proposal = data_of(await mira.client.post(f"{URL}/classify", json={"item_id": item["id"]}))
    assert (proposal["category"]["name"], proposal["category"]["by"]) == ("animals", ["model", "neighbours"])
    assert {"goats", "food"} <= {tag["name"] for tag in proposal["tags"]}
    assert proposal["tags"][0]["name"] == "goats"
    path = f"{ITEMS}/{item['id']}"
    shown = data_of(await mira.client.get(path))
    assert (shown["category"], shown["proposal"]["category"]["name"]) == (None, "animals")
    confirmed = data_of(await mira.client.post(f"{path}/classification", json={"version": 1, "tags": ["goats"]}))
    assert (confirmed["category"], confirmed["tags"], confirmed["proposal"], confirmed["version"]) == ("animals", ["goats"], None, 2)
    assert (await mira.client.post(f"{path}/classification", json={"version": 2})).status_code == 400


async def test_an_item_without_a_category_gets_a_proposal_by_itself(house, mira):
    await keep(mira, category="animals", tags=["goats"])
    await settled(house.stores, mira.organisation_id)
    path = f"{ITEMS}/{(await keep(mira))['id']}"

    async def proposed() -> bool:
        return data_of(await mira.client.get(path))["proposal"] is not None

    await until(proposed)
    proposal = data_of(await mira.client.get(path))["proposal"]
    assert (proposal["category"]["name"], proposal["category"]["by"]) == ("animals", ["neighbours"])


async def test_a_colleague_s_private_items_propose_nothing(house, mira):
    ben = await house.join(colleague=mira)
    await keep(ben, audience="none", category="secret", tags=["hidden"])
    await settled(house.stores, mira.organisation_id)
    answer = await mira.client.post(f"{URL}/classify", json={"text": "Goats\nGoats are fed at six."})
    assert data_of(answer) == {"category": None, "tags": [], "neighbours": []}


async def test_a_text_is_classified_among_the_categories_given(house, mira):
    house.gateway.scripted.append(json.dumps({"labels": "clocks"}))
    answer = await mira.client.post(f"{URL}/classify", json={"text": "It ticks.", "categories": ["animals", "clocks"]})
    assert data_of(answer)["category"]["name"] == "clocks"


@pytest.mark.parametrize("body", [{}, {"text": "a", "item_id": ID}, {"text": "a", "categories": ["one"]}])
async def test_what_cannot_be_classified_is_refused(mira, body):
    assert (await mira.client.post(f"{URL}/classify", json=body)).status_code == 422


async def test_an_assessment_names_reasons_and_problems_and_its_version(house, mira):
    await keep(mira)
    item = await keep(mira)
    await settled(house.stores, mira.organisation_id)
    house.gateway.scripted.append(json.dumps({"grade": "poor", "problems": ["It does not say whose goats."]}))
    poor = data_of(await mira.client.post(f"{ITEMS}/{item['id']}/assessment", json={}))["assessment"]
    assert {"It has no category.", "It is very short.", "It does not say whose goats."} <= set(poor["problems"])
    assert any("nearly the same" in problem for problem in poor["problems"])
    better = {"version": 1, "content": "word " * 30, "fields": {"source": "Mira"}, "category": "animals", "tags": ["goats"]}
    data_of(await mira.client.put(f"{ITEMS}/{item['id']}", json=better))
    data_of(await mira.client.post(f"{ITEMS}/{item['id']}/verdict", json={"version": 2, "verdict": "valid"}))
    good = data_of(await mira.client.post(f"{ITEMS}/{item['id']}/assessment", json={"use_model": False}))["assessment"]
    assert (good["version"], good["problems"]) == (2, [])
    assert good["score"] > 0.95 > poor["score"]


async def test_what_says_something_alike_is_named_beside_relations(house, mira):
    one, two = await keep(mira), await keep(mira)
    await settled(house.stores, mira.organisation_id)
    alike = data_of(await mira.client.get(f"{ITEMS}/{one['id']}/related"))["alike"]
    assert alike[0]["item_id"] == two["id"]
    assert alike[0]["score"] > 0.99
    assert one["id"] not in {near["item_id"] for near in alike}
