"""What an answer adds to its conversation, once."""

from __future__ import annotations

import asyncio
import uuid

from tests.api.fixtures.saying import CHAT, answered, conversation_of, messages, prepare
from tests.patience import PATIENCE_S


async def test_totals_are_the_sum_of_all_answers_and_kept_for_each_model(mira, app, gateway):
    conversation = (await mira.new())["id"]
    await answered(mira, conversation, content="one two")
    await answered(mira, conversation, model="fake-llm:pirate", content="three")
    totals, rows = await conversation_of(mira, conversation), await messages(mira, conversation)
    replies = [row for row in rows if row["role"] == "assistant"]
    for ours, theirs in (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens"), ("cached_tokens", "cached_tokens")):
        whole = sum(row[theirs] for row in replies)
        assert totals[ours] == totals["usage_by_model"]["fake-llm"][ours] == whole > 0
    assert totals["usage_by_model"]["fake-llm"]["answers"] == 2
    assert [(row["model"], row["adapter"]) for row in replies] == [("fake-llm", None), ("fake-llm", "pirate")]


async def test_whoever_accounts_is_told_once_for_each_answer(mira, app):
    conversation = (await mira.new())["id"]
    reply = await answered(mira, conversation)
    runner = app.state.streams.runner
    for _ in range(3):
        runner.start(uuid.UUID(reply["id"]))
        await asyncio.sleep(0.05)
    (told,) = app.state.answered
    assert (told.organisation_id, told.user_id, told.key_id, told.model) == (mira.organisation_id, mira.user_id, None, "fake-llm")
    assert (told.usage.prompt_tokens, told.usage.completion_tokens) == (reply["prompt_tokens"], reply["completion_tokens"])
    assert (await conversation_of(mira, conversation))["usage_by_model"]["fake-llm"]["answers"] == 1


async def test_a_stopped_answer_costs_its_whole_prompt_and_what_was_seen(mira, app, gateway):
    gateway.pace_s = 0.05
    conversation = (await mira.new())["id"]
    prepared = await prepare(mira, conversation, content="word " * 500)
    journal = app.state.streams.runner.journal(uuid.UUID(prepared["generation_id"]))
    async with asyncio.timeout(PATIENCE_S):
        while len(await journal.read()) < 5:  # noqa: ASYNC110 - what is waited for does not know that anybody waits
            await asyncio.sleep(0.02)
    await mira.client.post(f"{CHAT}/{conversation}/stop", json={})
    async with asyncio.timeout(PATIENCE_S):
        while not app.state.answered:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    reply = (await messages(mira, conversation))[-1]
    assert (reply["status"], reply["prompt_tokens"], reply["tokens_exact"]) == ("stopped", 500, False)
    assert 0 < reply["completion_tokens"] < 500
    assert app.state.answered[0].usage.estimated
