"""LangGraph's own client against the application: what it is told of runs while they go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langgraph_sdk.errors import UnprocessableEntityError
from langgraph_sdk.schema import StreamPart

from tests.patience import PATIENCE_S


async def told(stream: AsyncIterator[StreamPart]) -> list[tuple[str, Any]]:
    """By event, in order."""
    return [(part.event, part.data) async for part in stream]


async def test_values_and_updates_of_a_run(client):
    thread = (await client.threads.create())["thread_id"]
    made: list[Any] = []
    modes = ["values", "updates"]
    parts = await told(client.runs.stream(thread, "steps", input={"number": 3}, stream_mode=modes, on_run_created=made.append))
    assert parts == [
        ("metadata", {"run_id": made[0]["run_id"], "thread_id": thread, "attempt": 1}),
        ("values", {"number": 3}),
        ("updates", {"twice": {"twice": 6}}),
        ("values", {"number": 3, "twice": 6}),
        ("updates", {"more": {"more": 7}}),
        ("values", {"number": 3, "twice": 6, "more": 7}),
        ("values", {"number": 3, "twice": 6, "more": 7, "sum": 13}),
        ("end", None),
    ]


async def test_the_second_form_of_parts(client):
    parts = [part async for part in client.runs.stream(None, "asks", input={}, stream_mode=["values", "updates"], version="v2")]
    assert [part["type"] for part in parts] == ["metadata", "values", "values", "updates"]
    assert [one["value"]["ask"] for one in parts[2]["interrupts"]] == ["How many?"]


async def test_a_question_ends_the_stream_and_an_answer_begins_another(client):
    thread = (await client.threads.create())["thread_id"]
    asked = await told(client.runs.stream(thread, "asks", input={}, stream_mode="updates"))
    assert [event for event, _ in asked] == ["metadata", "updates", "end"]
    (question,) = asked[1][1]["__interrupt__"]
    answered = await told(client.runs.stream(thread, "asks", command={"resume": {question["id"]: 3}}, stream_mode=["updates", "values"]))
    assert [event for event, _ in answered] == ["metadata", "values", "updates", "values", "values", "end"]
    assert answered[2][1] == {"told": {"told": 3}}
    assert answered[-2][1] == {"told": 3, "answer": "3 goats"}
    assert answered[0][1]["run_id"] == asked[0][1]["run_id"], "it is the run that asked which goes on"


async def test_a_stream_is_read_on_behind_its_last_event(client):
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, "steps", input={"number": 3})
    await client.runs.join(thread, run["run_id"])
    whole = [part async for part in client.runs.join_stream(thread, run["run_id"], stream_mode=["values", "updates"])]
    assert [part.event for part in whole] == ["metadata", "values", "updates", "values", "updates", "values", "values", "end"]
    for last in dict.fromkeys(part.id for part in whole[:-1] if part.id is not None):
        behind = next(place for place, part in enumerate(whole) if part.id == last)
        rest = client.runs.join_stream(thread, run["run_id"], stream_mode=["values", "updates"], last_event_id=last)
        assert await told(rest) == [(part.event, part.data) for part in whole[behind + 1 :]]


async def test_what_a_model_says_is_told_while_it_speaks(client):
    thread = (await client.threads.create())["thread_id"]
    modes = ["messages-tuple", "messages", "values"]
    parts = await told(client.runs.stream(thread, "speaks", input={"question": "Hello?"}, stream_mode=modes))
    answer = next(data["answer"] for event, data in reversed(parts) if event == "values")
    tuples = [data for event, data in parts if event == "messages"]
    assert "".join(message["content"] for message, _ in tuples) == answer
    assert {about["langgraph_node"] for _, about in tuples} == {"said"}
    assert len({message["id"] for message, _ in tuples}) == 1
    complete = [data for event, data in parts if event == "messages/complete"]
    assert [[one["content"] for one in data] for data in complete] == [[answer]]


async def test_events_and_tasks_of_nodes(client):
    parts = await told(client.runs.stream(None, "steps", input={"number": 3}, stream_mode=["events", "tasks"]))
    assert [(data["event"], data["name"]) for event, data in parts if event == "events"] == [
        ("on_chain_start", "twice"),
        ("on_chain_end", "twice"),
        ("on_chain_start", "more"),
        ("on_chain_end", "more"),
    ]
    assert [(data["name"], "result" in data) for event, data in parts if event == "tasks"] == [
        ("twice", False),
        ("twice", True),
        ("more", False),
        ("more", True),
    ]


async def test_nodes_of_a_graph_within_the_graph(client):
    updates = await told(client.runs.stream(None, "outer", input={}, stream_mode="updates", stream_subgraphs=True))
    assert updates[1:-1] == [
        ("updates|inner", {"greeting": {"greeting": "Good day, Mira."}}),
        ("updates", {"inner": {"inner": {"said": "Good day, Mira."}}}),
    ]
    outer = await told(client.runs.stream(None, "outer", input={}, stream_mode="updates"))
    assert [data for event, data in outer if event.startswith("updates")] == [{"inner": {"inner": {"said": "Good day, Mira."}}}]


async def test_a_failure_and_a_cancellation_end_the_stream_with_an_error(client):
    failed = await told(client.runs.stream(None, "fails", input={"by": 0}))
    assert [event for event, _ in failed] == ["metadata", "values", "error", "end"]
    assert failed[2][1]["error"] == "NodeFailed"
    assert "Node 'part' failed" in failed[2][1]["message"]
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, "waits", input={})
    reading = asyncio.create_task(told(client.runs.join_stream(thread, run["run_id"])))
    await client.runs.cancel(thread, run["run_id"])
    assert (await reading)[-2] == ("error", {"error": "UserInterrupt", "message": "The run was cancelled."})


async def test_who_leaves_may_have_the_run_cancelled(client):
    for mode, then in (("cancel", "interrupted"), ("continue", "running")):
        thread = (await client.threads.create())["thread_id"]
        body = {"assistant_id": "waits", "input": {}, "on_disconnect": mode}
        async with client.http.client.stream("POST", f"/threads/{thread}/runs/stream", json=body) as answer:
            await anext(answer.aiter_lines())
        (run,) = await client.runs.list(thread)
        async with asyncio.timeout(PATIENCE_S):
            while (await client.runs.get(thread, run["run_id"]))["status"] != then:  # noqa: ASYNC110 - it is the other side that changes
                await asyncio.sleep(0.05)


async def test_a_mode_that_there_is_not(client):
    with pytest.raises(UnprocessableEntityError, match="no stream of 'debug'"):
        await told(client.runs.stream(None, "steps", input={"number": 3}, stream_mode="debug"))
