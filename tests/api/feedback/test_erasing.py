"""What stays and what goes when a conversation is deleted, when a person is erased, and when somebody takes back what they said."""

from __future__ import annotations

import uuid

import pytest

from api.people.repository import People
from tests.api.feedback.saying import CHAT, FEEDBACK, Saying
from tests.api.fixtures.talking import Person


@pytest.fixture
async def admin(saying: Saying, person) -> Person:
    """An admin beside Mira, who lets everybody's feedback be learned from."""
    made: Person = await person("admin", saying.person.organisation_id)
    await saying.agrees(made)
    return made


async def test_with_a_conversation_go_the_texts_and_the_counts_stay(saying: Saying, admin: Person):
    question = await saying.asked()
    kept = await saying.says(message_id=await saying.answered("3", question), correction="4", comment="One more.")
    assert [example.chosen for example in await saying.learned()] == ["4"]
    assert (await saying.person.client.delete(f"{CHAT}/{question[0]}")).status_code == 200
    assert (await saying.learned(), await saying.gone()) == ([], {}), "in the bin, from which it can come back"
    deleted = await saying.person.client.delete(f"{CHAT}/{question[0]}", params={"hard_delete": "true"})
    assert deleted.status_code == 200, deleted.text
    left = (await saying.person.client.get(f"{FEEDBACK}/{kept['id']}")).json()["data"]
    assert [left[name] for name in ("shown", "answered", "correction", "comment", "provenance")] == [None] * 5
    assert (left["signal"], left["model"], left["is_example"]) == ("correction", "nano-llm", False)
    assert await saying.gone() == {kept["id"]: "erased"}
    counted = (await admin.client.get(f"{FEEDBACK}/stats")).json()["data"]["totals"]
    assert [row["corrections"] for row in counted] == [1]


async def test_with_a_person_goes_what_they_said_and_it_is_noted(saying: Saying, person, admin: Person):
    run = await saying.ran()
    mine = await saying.says(run_id=run, correction="4")
    hers = Saying(await person("viewer", saying.person.organisation_id), saying.stores)
    other = await hers.says(run_id=run, correction="5")
    done = await hers.says(run_id=run, did="copy")
    async with saying.stores.database.session() as session:
        await People(session).erase(hers.person.user_id)
    assert await saying.gone() == {other["id"]: "erased"}
    assert [example.source.id for example in await saying.learned()] == [mine["id"]]
    listed = await Saying(admin, saying.stores).listed(organisation="true")
    assert {row["id"] for row in listed} & {mine["id"], other["id"], done["id"]} == {mine["id"]}


async def test_with_a_person_go_their_words_in_what_others_said(saying: Saying, person, admin: Person):
    hers = Saying(await person("editor", saying.person.organisation_id), saying.stores)
    kept = await saying.says(run_id=await hers.ran("Where do I live?", "In Velmhaven."), correction="On the hill.")
    async with saying.stores.database.session() as session:
        await People(session).erase(hers.person.user_id)
    left = (await saying.person.client.get(f"{FEEDBACK}/{kept['id']}")).json()["data"]
    assert (left["shown"], left["correction"], await saying.learned()) == (None, None, [])
    assert await saying.gone() == {kept["id"]: "erased"}


async def test_what_is_taken_back_is_counted_no_longer_and_noted(saying: Saying, admin: Person):
    kept = await saying.says(message_id=await saying.answered(), correction="4")
    one = f"{FEEDBACK}/{kept['id']}"
    assert (await saying.person.client.delete(one)).json()["data"]["done"] == "removed"
    assert (await saying.person.client.delete(one)).status_code == (await saying.person.client.get(one)).status_code == 404
    assert (await saying.listed(), await saying.learned(), await saying.gone()) == ([], [], {kept["id"]: "erased"})
    assert (await admin.client.get(f"{FEEDBACK}/stats")).json()["data"]["totals"] == []


async def test_what_was_only_done_is_no_example_whose_end_is_noted(saying: Saying):
    kept = await saying.says(message_id=await saying.answered(), did="abandon")
    assert (await saying.person.client.delete(f"{FEEDBACK}/{kept['id']}")).status_code == 200
    assert await saying.gone() == {}
    assert (await saying.person.client.delete(f"{FEEDBACK}/{uuid.uuid4()}")).status_code == 404
