"""Saying something of an answer: what is kept with it, and what is refused."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from tests.api.feedback.saying import CHAT, FEEDBACK, Saying
from tests.api.fixtures.talking import Person

UNCLEAR: list[tuple[dict[str, Any], int, str]] = [
    ({}, 422, "Nothing is said"),
    ({"stars": 0}, 422, "stars"),
    ({"stars": 6}, 422, "stars"),
    ({"thumb": "sideways"}, 422, "thumb"),
    ({"thumb": "up", "stars": 5}, 422, "one thing at a time"),
    ({"thumb": "up", "did": "copy"}, 422, "send the other by itself"),
    ({"did": "copy", "comment": "x"}, 422, "send the other by itself"),
    ({"did": "pray"}, 422, "did"),
    ({"correction": " \n"}, 422, "correction"),
    ({"correction": "3"}, 422, "thumb up"),
    ({"correction": "x" * 201}, 413, "feedback.text_chars"),
    ({"comment": "x" * 101}, 413, "feedback.comment_chars"),
    ({"reasons": ["Two words"]}, 422, "reasons"),
    ({"reasons": [f"r{n}" for n in range(11)]}, 422, "reasons"),
    ({"thumb": "up", "task": ""}, 422, "task"),
    ({"thumb": "up", "run_id": str(uuid.uuid4())}, 422, "exactly one"),
    ({"thumb": "up", "mood": "fine"}, 422, "mood"),
    ({"comment": "a\x00b"}, 400, "NUL"),
]


async def test_a_correction_is_kept_with_all_that_makes_it_an_example(saying: Saying):
    made = await saying.person.client.post("/api/v1/prompts", json={"name": "farm", "text": "You help $farmer."})
    prompt = f"/api/v1/prompts/{made.json()['data']['id']}"
    question = await saying.asked(prompt_id=made.json()["data"]["id"], prompt_variables={"farmer": "Mira"})
    answer = await saying.answered("3", question)
    assert (await saying.person.client.patch(prompt, json={"text": "Another, later."})).status_code == 200
    kept = await saying.says(message_id=answer, correction="4", reasons=["wrong-number", "wrong-number"], comment="She bought one.")
    assert kept["shown"] == [{"role": "system", "content": "You help Mira."}, {"role": "user", "content": "How many goats?"}]
    assert (kept["answered"], kept["correction"], kept["comment"]) == ("3", "4", "She bought one.")
    assert (kept["model"], kept["adapter"], kept["prompt"], kept["prompt_version"]) == ("nano-llm", "farmer", "farm", 1)
    assert (kept["kind"], kept["signal"], kept["task"], kept["reasons"]) == ("explicit", "correction", "chat", ["wrong-number"])
    assert kept["provenance"]["conversation_id"] == question[0]


async def test_said_again_it_replaces_what_was_said(saying: Saying):
    answer = await saying.answered()
    up = await saying.says(message_id=answer, thumb="up", comment="Good.")
    down = await saying.says(message_id=answer, thumb="down")
    assert (down["id"], down["value"], down["comment"]) == (up["id"], -1, None)
    stars = await saying.says(message_id=answer, stars=2)
    assert {row["id"] for row in await saying.listed()} == {up["id"], stars["id"]}


async def test_said_by_many_requests_at_once_it_is_there_once(saying: Saying):
    answer = await saying.answered()
    told = await asyncio.gather(*(saying.says(message_id=answer, stars=stars) for stars in (1, 2, 3, 4, 5)))
    assert len({kept["id"] for kept in told}) == len(await saying.listed()) == 1


async def test_what_was_done_is_counted_without_texts(saying: Saying):
    answer = await saying.answered()
    for did in ("regenerate", "copy", "edit", "abandon"):
        kept = await saying.says(message_id=answer, did=did)
        assert (kept["kind"], kept["signal"], kept["shown"], kept["answered"]) == ("implicit", did, None, None)
    assert len(await saying.listed()) == 4


async def test_a_comment_alone_says_something(saying: Saying):
    kept = await saying.says(message_id=await saying.answered(), comment="Too dry.", task="poetry")
    assert (kept["signal"], kept["comment"], kept["task"]) == ("remark", "Too dry.", "poetry")


async def test_what_says_nothing_clear_is_refused(saying: Saying):
    answer = await saying.answered()
    for body, status, told in UNCLEAR:
        assert told in (await saying.says(status, message_id=answer, **body))["message"], body
    assert await saying.listed() == []


async def test_it_is_about_something(saying: Saying):
    assert "exactly one" in (await saying.says(422, thumb="up"))["message"]
    assert (await saying.says(422, thumb="up", message_id="goat"))["param"] == "message_id"
    assert (await saying.says(404, thumb="up", message_id=str(uuid.uuid4())))["param"] == "message_id"
    _, question = await saying.asked()
    assert "assistant" in (await saying.says(422, thumb="up", message_id=question))["message"]


async def test_an_answer_is_seen_by_who_takes_part_and_by_nobody_else(saying: Saying, person):
    question = await saying.asked()
    answer = await saying.answered("3", question)
    reader = await person("viewer", saying.person.organisation_id)
    others = [reader, await person("admin", saying.person.organisation_id), await person("admin")]
    for other in others:
        await Saying(other, saying.stores).says(404, message_id=answer, thumb="up")
    part = {"user_id": str(reader.user_id), "role": "reader"}
    assert (await saying.person.client.post(f"{CHAT}/{question[0]}/participants", json=part)).status_code == 200
    await Saying(reader, saying.stores).says(message_id=answer, thumb="up")
    assert (await saying.person.client.delete(f"{CHAT}/{question[0]}")).status_code == 200
    await saying.says(404, message_id=answer, thumb="up")


async def test_of_a_long_conversation_the_latest_is_kept_with_the_instructions(saying: Saying):
    question = await saying.asked("a" * 150, system_prompt="Be brief.")
    await saying.answered("b" * 150, question)
    question = await saying.asked("c" * 150, question[0])
    kept = await saying.says(message_id=await saying.answered("3", question), thumb="up")
    assert [message["content"][:9] for message in kept["shown"]] == ["Be brief.", "c" * 9]
    assert kept["is_example"] is False


async def test_what_was_shown_with_a_picture_is_no_example(saying: Saying, person):
    await saying.agrees(await person("admin", saying.person.organisation_id))
    conversation = (await saying.person.new())["id"]
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image", "url": f"data:image/png;base64,{pixel}"}]
    said = await saying.person.client.post(f"{CHAT}/{conversation}/messages", json={"role": "user", "content": parts})
    assert said.status_code == 200, said.text
    seen = await saying.answered("A dot.", (conversation, said.json()["data"]["id"]))
    kept = await saying.says(message_id=seen, correction="A pixel.")
    assert (kept["is_example"], kept["shown"]) == (False, [{"role": "user", "content": "What is it?"}])
    assert (await saying.says(message_id=await saying.answered(), correction="4"))["is_example"] is True


async def test_lists_are_one_s_own_and_an_admin_s_of_everybody_without_texts(saying: Saying, person):
    kept = await saying.says(message_id=await saying.answered(), correction="4")
    admin: Person = await person("admin", saying.person.organisation_id)
    outsider: Person = await person("admin")
    one = f"{FEEDBACK}/{kept['id']}"
    assert await Saying(admin, saying.stores).listed() == []
    assert [row["id"] for row in await Saying(admin, saying.stores).listed(organisation="true")] == [kept["id"]]
    seen = (await admin.client.get(one)).json()["data"]
    assert (seen["signal"], seen["correction"], seen["shown"], seen["provenance"]) == ("correction", None, None, None)
    assert (await saying.person.client.get(one)).json()["data"]["correction"] == "4"
    assert (await saying.person.client.get(FEEDBACK, params={"organisation": "true"})).status_code == 403
    editor = await person("editor", saying.person.organisation_id)
    for other in (outsider, editor):
        assert (await other.client.get(one)).status_code == (await other.client.delete(one)).status_code == 404
    assert (await admin.client.delete(one)).status_code == 200
    assert await saying.listed() == []


async def test_a_list_is_narrowed_and_has_pages(saying: Saying):
    answers = [await saying.answered(str(n), model="a" if n < 3 else "b", served_by=None) for n in range(5)]
    ids = [
        (await saying.says(message_id=answer, thumb="up", task="even" if n % 2 == 0 else "odd"))["id"] for n, answer in enumerate(answers)
    ]
    await saying.says(message_id=answers[0], did="copy")

    async def found(**query: str) -> list[int]:
        return [ids.index(row["id"]) for row in await saying.listed(signal="thumb", **query)]

    assert (await found(model="a"), await found(task="even"), await found(model="b", task="odd")) == ([2, 1, 0], [4, 2, 0], [3])
    assert (await found(target_id=answers[1]), await found(adapter="other"), await found(target="run")) == ([1], [], [])
    assert (await found(since="2100-01-01T00:00:00Z"), len(await found(until="2100-01-01T00:00:00Z"))) == ([], 5)
    seen, cursor = list[str](), None
    while True:
        query = {"limit": "2", "signal": "thumb"} | ({"cursor": cursor} if cursor else {})
        page = (await saying.person.client.get(FEEDBACK, params=query)).json()["data"]
        seen += [row["id"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]
    assert (await saying.person.client.get(FEEDBACK, params={"cursor": "goat"})).status_code == 400
    assert (await saying.person.client.get(FEEDBACK, params={"signal": "goat"})).status_code == 400
