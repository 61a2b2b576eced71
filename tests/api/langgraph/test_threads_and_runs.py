"""LangGraph's own client against the application: threads, and runs in them."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError, UnprocessableEntityError


async def test_a_run_in_a_thread_is_waited_for_and_its_state_read(client):
    thread = await client.threads.create(metadata={"customer": "Mira"})
    values = await client.runs.wait(thread["thread_id"], "steps", input={"number": 3})
    assert values == {"number": 3, "twice": 6, "more": 7, "sum": 13}
    state = await client.threads.get_state(thread["thread_id"])
    assert (state["values"], state["next"], state["interrupts"]) == (values, [], [])
    kept = await client.threads.get(thread["thread_id"])
    assert (kept["status"], kept["values"]) == ("idle", values)
    assert kept["metadata"] == {"customer": "Mira", "graph_id": "steps", "assistant_id": "steps"}


async def test_a_run_is_created_joined_listed_and_removed(client):
    thread = (await client.threads.create())["thread_id"]
    made: list[Any] = []
    run = await client.runs.create(thread, "greeting", input={"who": "Mira"}, metadata={"try": 1}, on_run_created=made.append)
    assert made == [{"run_id": run["run_id"], "thread_id": thread}]
    assert (await client.runs.join(thread, run["run_id"]))["said"] == "Good day, Mira."
    assert (await client.runs.get(thread, run["run_id"]))["status"] == "success"
    listed = await client.runs.list(thread, status="success", select=["run_id", "metadata"])
    assert listed == [{"run_id": run["run_id"], "metadata": {"try": 1}}]
    assert await client.runs.list(thread, status="error") == []
    await client.runs.delete(thread, run["run_id"])
    with pytest.raises(NotFoundError):
        await client.runs.get(thread, run["run_id"])


async def test_runs_without_a_thread(client):
    assert (await client.runs.wait(None, "greeting", input={"who": "Mira"}))["said"] == "Good day, Mira."
    run = await client.runs.create(None, "greeting", input={"who": "Okan"})
    assert (await client.runs.join(run["thread_id"], run["run_id"]))["said"] == "Good day, Okan."
    both = await client.runs.create_batch([{"assistant_id": "steps", "input": {"number": number}} for number in (1, 2)])
    assert [(await client.runs.join(one["thread_id"], one["run_id"]))["sum"] for one in both] == [5, 9]
    assert await client.threads.search() == []


async def test_a_person_s_answer_resumes_the_run(client):
    thread = (await client.threads.create())["thread_id"]
    values = await client.runs.wait(thread, "asks", input={})
    (asked,) = values["__interrupt__"]
    assert (asked["value"]["ask"], asked["value"]["show"], asked["response_schema"]) == ("How many?", "goats", {"type": "integer"})
    state = await client.threads.get_state(thread)
    assert (state["next"], state["interrupts"], state["tasks"][0]["interrupts"]) == (["told"], [asked], [asked])
    kept = await client.threads.get(thread)
    assert kept["status"] == "interrupted"
    assert list(kept["interrupts"].values()) == [[asked]]
    with pytest.raises(UnprocessableEntityError, match="whole number"):
        await client.runs.create(thread, "asks", command={"resume": "many"})
    with pytest.raises(ConflictError, match="waits for an answer"):
        await client.runs.create(thread, "asks")
    assert (await client.runs.wait(thread, "asks", command={"resume": 3}))["answer"] == "3 goats"
    with pytest.raises(ConflictError, match="asks nothing now"):
        await client.runs.create(thread, "asks", command={"resume": 4})


async def test_several_questions_are_answered_by_their_ids(client):
    thread = (await client.threads.create())["thread_id"]
    asked = {one["value"]["ask"]: one["id"] for one in (await client.runs.wait(thread, "asks_twice", input={}))["__interrupt__"]}
    with pytest.raises(UnprocessableEntityError, match=asked["left"]):
        await client.runs.create(thread, "asks_twice", command={"resume": 1})
    resumed = await client.runs.wait(thread, "asks_twice", command={"resume": {asked["left"]: 1, asked["right"]: 2}})
    assert resumed["answer"] == 3


async def test_what_was_said_in_a_thread_is_given_to_the_next_run(client):
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "listens", input={"messages": [{"role": "user", "content": "Good day."}]})
    again = {"messages": [{"type": "human", "content": [{"type": "text", "text": "And you?"}]}]}
    values = await client.runs.wait(thread, "listens", input=again)
    assert values["answer"] == "user:Good day. | assistant:user:Good day. | user:And you?"
    assert [(one["type"], one["content"]) for one in values["messages"]] == [
        ("human", "Good day."),
        ("ai", "user:Good day."),
        ("human", "And you?"),
        ("ai", values["answer"]),
    ]
    replaced = await client.runs.wait(thread, "listens", input={"messages": [values["messages"][2] | {"content": "And she?"}]})
    assert replaced["answer"].startswith("user:Good day. | assistant:user:Good day. | user:And she? | assistant:")
    assert (await client.runs.wait(thread, "echo", input={"messages": [{"role": "user", "content": "Hello"}]}))["answer"] == "Hello"
    with pytest.raises(UnprocessableEntityError, match="takes no messages"):
        await client.runs.create(thread, "greeting", input={"who": "x", "messages": ["y"]})


async def test_a_run_under_way_is_cancelled(client):
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, "waits", input={})
    assert (await client.threads.get(thread))["status"] == "busy"
    await client.runs.cancel(thread, run["run_id"], wait=True)
    assert (await client.runs.get(thread, run["run_id"]))["status"] == "interrupted"
    assert (await client.threads.get(thread))["status"] == "idle"
    other = await client.runs.create(thread, "waits", input={})
    await client.runs.cancel(thread, other["run_id"], action="rollback")
    assert [one["run_id"] for one in await client.runs.list(thread)] == [run["run_id"]]
    third = await client.runs.create(thread, "waits", input={})
    await client.runs.cancel_many(status="all")
    await client.runs.join(thread, third["run_id"])
    assert (await client.runs.get(thread, third["run_id"]))["status"] == "interrupted"


async def test_what_happens_while_a_run_is_under_way(client):
    thread = (await client.threads.create())["thread_id"]
    first = await client.runs.create(thread, "waits", input={})
    assert (await client.threads.get(thread))["status"] == "busy"
    with pytest.raises(ConflictError, match="under way"):
        await client.runs.create(thread, "greeting", input={"who": "Mira"}, multitask_strategy="reject")
    second = await client.runs.create(thread, "greeting", input={"who": "Mira"}, multitask_strategy="enqueue")
    third = await client.runs.create(thread, "greeting", input={"who": "Okan"})
    assert [(await client.runs.get(thread, run["run_id"]))["status"] for run in (second, third)] == ["pending", "pending"]
    await client.runs.cancel(thread, first["run_id"])
    assert (await client.runs.join(thread, third["run_id"]))["said"] == "Good day, Okan."
    assert (await client.runs.get(thread, second["run_id"]))["status"] == "success"
    slow = await client.runs.create(thread, "waits", input={})
    values = await client.runs.wait(thread, "greeting", input={"who": "Edda"}, multitask_strategy="interrupt")
    assert values["said"] == "Good day, Edda."
    assert (await client.runs.get(thread, slow["run_id"]))["status"] == "interrupted"


async def test_a_new_input_takes_the_place_of_what_is_asked(client):
    thread = (await client.threads.create())["thread_id"]
    asked = await client.runs.create(thread, "asks", input={})
    await client.runs.join(thread, asked["run_id"])
    assert (await client.runs.wait(thread, "greeting", input={"who": "Mira"}))["said"] == "Good day, Mira."
    assert (await client.runs.get(thread, asked["run_id"]))["status"] == "interrupted"


async def test_a_run_may_begin_later(client):
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, "greeting", input={"who": "Mira"}, after_seconds=3600)
    assert (await client.runs.get(thread, run["run_id"]))["status"] == "pending"
    assert (await client.threads.get(thread))["status"] == "busy"


async def test_a_failure_is_told_and_tried_again(client):
    thread = (await client.threads.create())["thread_id"]
    with pytest.raises(Exception, match="NodeFailed: Node 'part' failed"):
        await client.runs.wait(thread, "fails", input={"by": 0})
    values = await client.runs.wait(thread, "fails", raise_error=False)
    assert "__error__" in values
    (run,) = await client.runs.list(thread)
    assert run["status"] == "error"
    assert (await client.threads.get(thread))["status"] == "error"


async def test_a_changed_state_is_what_the_next_run_begins_with(client):
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "steps", input={"number": 3})
    history = await client.threads.get_history(thread)
    assert [one["next"] for one in history] == [[], ["more"], ["twice"], ["__start__"]]
    assert [one["values"].get("twice") for one in history] == [6, 6, None, None]
    assert history[0]["parent_checkpoint"]["checkpoint_id"] == history[1]["checkpoint"]["checkpoint_id"]
    assert await client.threads.get_history(thread, limit=1, before=history[0]["checkpoint"]) == [history[1]]
    there = history[1]["checkpoint"]
    assert (await client.threads.get_state(thread, checkpoint=there))["next"] == ["more"]
    assert (await client.threads.get_state(thread, checkpoint_id=there["checkpoint_id"]))["next"] == ["more"]
    changed = await client.threads.update_state(thread, {"twice": 10}, checkpoint=there)
    state = await client.threads.get_state(thread)
    assert (state["values"]["twice"], state["next"], state["checkpoint"]) == (10, ["more"], changed["checkpoint"])
    assert (await client.runs.wait(thread, "steps", checkpoint_id=changed["checkpoint"]["checkpoint_id"]))["sum"] == 21
    assert (await client.runs.wait(thread, "steps", checkpoint=there))["sum"] == 13
    assert len(await client.runs.list(thread)) == 3
    with pytest.raises(NotFoundError, match="no checkpoint"):
        await client.threads.get_state(thread, checkpoint_id="none")
    with pytest.raises(ConflictError, match="has ended"):
        await client.runs.create(thread, "steps")


async def test_a_copy_stands_where_the_thread_does(client):
    thread = (await client.threads.create(metadata={"customer": "Mira"}))["thread_id"]
    values = await client.runs.wait(thread, "listens", input={"messages": ["Good day."]})
    copy = await client.threads.copy(thread)
    assert (copy["values"], copy["metadata"]["customer"]) == (values, "Mira")
    said = await client.runs.wait(copy["thread_id"], "listens", input={"messages": ["And you?"]})
    assert said["answer"] == "user:Good day. | assistant:user:Good day. | user:And you?"
    assert (await client.threads.get(thread))["values"] == values


async def test_threads_are_found_changed_and_removed(client):
    ids = [(await client.threads.create(metadata={"number": number}))["thread_id"] for number in range(3)]
    await client.runs.wait(ids[1], "greeting", input={"who": "Mira"})
    await client.runs.wait(ids[2], "asks", input={})
    assert [one["thread_id"] for one in await client.threads.search()] == [ids[2], ids[1], ids[0]]
    assert [one["thread_id"] for one in await client.threads.search(sort_by="created_at", sort_order="asc", limit=2)] == ids[:2]
    assert [one["thread_id"] for one in await client.threads.search(metadata={"number": 0})] == ids[:1]
    assert [one["thread_id"] for one in await client.threads.search(status="interrupted")] == ids[2:]
    assert [one["thread_id"] for one in await client.threads.search(values={"said": "Good day, Mira."})] == ids[1:2]
    assert await client.threads.search(ids=ids[:1], select=["thread_id", "status"]) == [{"thread_id": ids[0], "status": "idle"}]
    assert await client.threads.count(status="idle") == 2
    changed = await client.threads.update(ids[0], metadata={"colour": "green"})
    assert changed["metadata"] == {"number": 0, "colour": "green"}
    await client.threads.delete(ids[0])
    with pytest.raises(ConflictError, match="cancel it first"):
        await client.threads.delete(ids[2])
    assert await client.threads.prune(ids[1:2]) == {"pruned_count": 1}
    assert [one["thread_id"] for one in await client.threads.search()] == ids[2:]


async def test_a_thread_may_have_to_be_there(client):
    made = "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11"[:-12] + "5d1f9f6f2c12"
    with pytest.raises(NotFoundError, match="if_not_exists"):
        await client.runs.create(made, "greeting", input={"who": "Mira"})
    values = await client.runs.wait(made, "greeting", input={"who": "Mira"}, if_not_exists="create")
    assert values["said"] == "Good day, Mira."
    with pytest.raises(ConflictError, match="already"):
        await client.threads.create(thread_id=made)
    assert (await client.threads.create(thread_id=made, if_exists="do_nothing"))["values"] == values
    await client.threads.delete(made)
