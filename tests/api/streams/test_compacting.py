"""Summaries that stand for older messages."""

from __future__ import annotations

from api.streams.context import SUMMARY
from cluster.contracts.generation import GenerationRequest
from tests.api.fixtures.saying import CHAT, answered, conversation_of, messages, refusal, written
from tests.api.fixtures.talking import Person


async def talk(someone: Person, conversation: str, *words: str) -> list[str]:
    """Questions and answers in turn, written down."""
    return [await written(someone, conversation, text, "user" if at % 2 == 0 else "assistant") for at, text in enumerate(words)]


async def compact(someone: Person, conversation: str, **fields: object) -> dict[str, object]:
    answer = await someone.client.post(f"{CHAT}/{conversation}/compact", json={"model": "fake-llm"} | fields)
    assert answer.status_code == 200, answer.text
    data: dict[str, object] = answer.json()["data"]
    return data


def told(gateway) -> list[str]:
    return [message.content or "" for message in gateway.asked_for(GenerationRequest)[-1].messages]


async def test_a_summary_stands_for_older_messages_and_they_stay_readable(mira, gateway):
    conversation = (await mira.new(system_prompt="Be brief."))["id"]
    ids = await talk(mira, conversation, "Mira has goats.", "How many?", "Three.", "I see.", "One is grey.", "Nice.")
    made = await compact(mira, conversation, keep=2)
    assert (made["summarised"], made["until_id"]) == (4, ids[3])
    assert "User: Mira has goats.\n\nAssistant: How many?" in told(gateway)[1]
    await answered(mira, conversation, content="Which?")
    assert told(gateway) == [f"Be brief.\n\n{SUMMARY}\n{made['summary']}", "One is grey.", "Nice.", "Which?"]
    listed = await messages(mira, conversation)
    assert [row["text"] for row in listed[:6]] == ["Mira has goats.", "How many?", "Three.", "I see.", "One is grey.", "Nice."]
    assert [row["summary"] is not None for row in listed] == [False, False, False, True, False, False, False, False]


async def test_the_next_summary_goes_on_from_the_last(mira, gateway):
    conversation = (await mira.new())["id"]
    await talk(mira, conversation, "one", "two")
    first = await compact(mira, conversation, keep=0)
    await talk(mira, conversation, "three", "four")
    second = await compact(mira, conversation, keep=0)
    assert second["summarised"] == 2
    assert str(first["summary"]) in told(gateway)[1]
    assert "User: three" in told(gateway)[1]
    assert (await compact(mira, conversation, keep=0))["summarised"] == 0


async def test_what_is_pinned_stays_beside_the_summary(mira, gateway):
    conversation = (await mira.new())["id"]
    ids = await talk(mira, conversation, "remember: 42", "yes", "blah", "blah")
    await mira.client.patch(f"{CHAT}/{conversation}/messages/{ids[0]}", json={"pinned": True})
    await compact(mira, conversation, keep=0)
    await answered(mira, conversation, content="What?")
    assert told(gateway)[1:] == ["remember: 42", "What?"]


async def test_each_branch_has_its_own_summary(mira, gateway):
    conversation = (await mira.new())["id"]
    ids = await talk(mira, conversation, "root", "yes", "left", "left it is")
    await compact(mira, conversation, keep=0)
    await written(mira, conversation, "right", parent_id=ids[1])
    await answered(mira, conversation, content="where?")
    assert told(gateway) == ["root", "yes", "right", "where?"]
    await mira.client.patch(f"{CHAT}/{conversation}", json={"active_leaf_id": ids[3]})
    await answered(mira, conversation, content="where?")
    assert [text.startswith(SUMMARY) for text in told(gateway)] == [True, False]
    # A summary up to the very message that is answered anew would leave nothing to answer.
    await mira.client.patch(f"{CHAT}/{conversation}", json={"active_leaf_id": ids[2]})
    await compact(mira, conversation, keep=0)
    await answered(mira, conversation, content=None, answers=ids[2])
    assert told(gateway) == ["root", "yes", "left"]


async def test_a_full_conversation_compacts_itself_where_it_may(mira, gateway):
    conversation = (await mira.new(auto_compact=True))["id"]
    await talk(mira, conversation, *(f"{name} " * 800 for name in ("one", "two", "three", "four", "five", "six")))
    reply = await answered(mira, conversation, content="and now?")
    assert reply["status"] == "complete"
    assert reply["prompt_tokens"] <= 4096
    assert told(gateway)[0].startswith(SUMMARY)
    assert len(await messages(mira, conversation)) == 8
    body = {"model": "fake-llm", "content": "goat " * 5000}
    assert refusal(await mira.client.post(f"{CHAT}/{conversation}/prepare-stream", json=body))[:2] == (413, "context_length_exceeded")


async def test_what_is_longer_than_the_context_is_summarised_part_by_part(mira, gateway):
    conversation = (await mira.new())["id"]
    await talk(mira, conversation, *(f"{number} " * 3000 for number in range(4)), "x " * 9000)
    made = await compact(mira, conversation, keep=0)
    assert made["summarised"] == 5
    assert len(gateway.asked_for(GenerationRequest)) > 3
    assert all(sum(len((m.content or "").split()) for m in asked.messages) <= 4096 for asked in gateway.asked_for(GenerationRequest))


async def test_a_summary_counts_and_is_told(mira, app):
    conversation = (await mira.new())["id"]
    await talk(mira, conversation, "one", "two")
    await compact(mira, conversation, keep=0)
    totals = await conversation_of(mira, conversation)
    (told_of,) = app.state.answered
    assert totals["usage_by_model"]["fake-llm"]["answers"] == 1
    assert (totals["input_tokens"], totals["output_tokens"]) == (told_of.usage.prompt_tokens, told_of.usage.completion_tokens)
    assert told_of.user_id == mira.user_id


async def test_the_conversations_model_writes_it_or_the_last_that_answered_and_one_must_be_known(mira, person):
    conversation = (await mira.new())["id"]
    await talk(mira, conversation, "one", "two")
    path = f"{CHAT}/{conversation}/compact"
    assert refusal(await mira.client.post(path, json={}))[0] == 400
    await mira.client.patch(f"{CHAT}/{conversation}", json={"model": "fake-llm"})
    assert (await mira.client.post(path, json={"keep": 0})).json()["data"]["model"] == "fake-llm"
    assert (await mira.client.post(path, json={"model": "nobody"})).status_code == 200  # nothing is left to be written
    other = await person(organisation_id=mira.organisation_id)
    assert (await other.client.post(path, json={})).status_code == 404
