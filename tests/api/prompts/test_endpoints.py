from __future__ import annotations

from cluster.contracts.generation import GenerationRequest
from tests.api.fixtures.talking import Person

PROMPTS = "/api/v1/prompts"


async def keep(someone: Person, **fields: object) -> dict[str, object]:
    answer = await someone.client.post(PROMPTS, json={"name": "farm", "text": "You help $farmer."} | fields)
    assert answer.status_code == 200, answer.text
    made: dict[str, object] = answer.json()["data"]
    return made


async def test_a_new_text_is_a_new_version_and_an_old_one_can_be_had_again(mira):
    prompt = await keep(mira)
    path = f"{PROMPTS}/{prompt['id']}"
    assert (await mira.client.patch(path, json={"text": "Shorter."})).json()["data"]["version"] == 2
    assert (await mira.client.patch(path, json={"description": "For the farm."})).json()["data"]["version"] == 2
    assert (await mira.client.get(f"{path}/versions/1")).json()["data"]["text"] == "You help $farmer."
    reverted = (await mira.client.post(f"{path}/revert", json={"version": 1})).json()["data"]
    assert (reverted["version"], reverted["text"]) == (3, "You help $farmer.")
    assert [row["version"] for row in (await mira.client.get(f"{path}/versions")).json()["data"]] == [3, 2, 1]
    assert (await mira.client.delete(path)).status_code == 200
    assert (await mira.client.get(path)).status_code == 404


async def test_variables_are_filled_in_and_a_missing_one_is_named(mira):
    path = f"{PROMPTS}/{(await keep(mira))['id']}/render"
    assert (await mira.client.post(path, json={"variables": {"farmer": "$Mira {{7*7}}"}})).json()["data"][
        "text"
    ] == "You help $Mira {{7*7}}."
    refused = await mira.client.post(path, json={})
    assert (refused.status_code, "farmer" in refused.json()["error"]["message"]) == (400, True)
    assert (await mira.client.post(PROMPTS, json={"name": "x", "text": "5 $ a goat"})).status_code == 400


async def test_the_closest_pattern_wins(mira):
    for name, pattern in (("all", "*"), ("fakes", "fake*"), ("one", "fake-llm"), ("other", "qwen*")):
        await keep(mira, name=name, text=name, pattern=pattern)
    for model, name in (("fake-llm", "one"), ("fake-llm:pirate", "one"), ("FAKE-x", "fakes"), ("gpt", "all")):
        assert (await mira.client.get(f"{PROMPTS}/match", params={"model": model})).json()["data"]["name"] == name


async def test_a_conversation_is_led_by_its_own_words_then_its_prompt_then_the_pattern(mira, stranger, gateway):
    await keep(mira, name="all", text="Pattern.", pattern="*")
    named = await keep(mira, name="named")
    cases = [
        ({}, "Pattern."),
        ({"prompt_id": named["id"], "prompt_variables": {"farmer": "Mira"}}, "You help Mira."),
        ({"prompt_id": named["id"], "system_prompt": "Own."}, "Own."),
    ]
    for fields, told in cases:
        conversation = (await mira.new(**fields))["id"]
        body = {"model": "fake-llm", "content": "hello"}
        prepared = await mira.client.post(f"/api/chat/conversations/{conversation}/prepare-stream", json=body)
        await stranger.get(prepared.json()["data"]["stream_url"])
        assert gateway.asked_for(GenerationRequest)[-1].messages[0].content == told


async def test_names_are_one_organisations_and_nobody_elses(mira, person):
    prompt = await keep(mira)
    assert (await mira.client.post(PROMPTS, json={"name": "farm", "text": "x"})).status_code == 409
    other = await person("admin")
    await keep(other)
    assert (await other.client.get(f"{PROMPTS}/{prompt['id']}")).status_code == 404
    assert (await other.client.post("/api/v1/chat/conversations", json={"prompt_id": prompt["id"]})).status_code == 404
    assert len((await mira.client.get(PROMPTS)).json()["data"]["items"]) == 1
