"""Who decides that models learn from feedback: the organisation, and everybody of their own."""

from __future__ import annotations

from tests.api.feedback.saying import FEEDBACK, Saying

CONSENT = f"{FEEDBACK}/consent"
SAID = ("organisation", "yours", "may_learn")


async def test_at_first_feedback_is_only_counted(saying: Saying):
    kept = await saying.says(message_id=await saying.answered(), correction="4")
    told = (await saying.person.client.get(CONSENT)).json()["data"]
    assert [told[name] for name in SAID] == [False, None, False]
    assert (kept["is_example"], await saying.learned()) == (False, [])
    mine = await saying.person.client.put(CONSENT, json={"may_learn": True})
    assert [mine.json()["data"][name] for name in SAID] == [False, True, False]
    assert await saying.learned() == []


async def test_an_admin_agrees_for_all_and_everybody_can_except_their_own(saying: Saying, person):
    admin = await person("admin", saying.person.organisation_id)
    hers = Saying(await person("viewer", saying.person.organisation_id), saying.stores)
    run = await saying.ran()
    mine, theirs = await saying.says(run_id=run, correction="4"), await hers.says(run_id=run, correction="5")
    await saying.agrees(admin)
    assert {example.source.id for example in await saying.learned()} == {mine["id"], theirs["id"]}
    assert (await hers.person.client.put(CONSENT, json={"may_learn": False})).json()["data"]["may_learn"] is False
    assert [example.source.id for example in await saying.learned()] == [mine["id"]]
    assert await saying.gone() == {theirs["id"]: "consent"}
    assert (await hers.person.client.put(CONSENT, json={"may_learn": None})).json()["data"]["may_learn"] is True
    assert (len(await saying.learned()), await saying.gone()) == (2, {})


async def test_an_organisation_takes_its_consent_back_but_agrees_for_nobody_who_refused(saying: Saying, person):
    admin = await person("admin", saying.person.organisation_id)
    await saying.agrees(admin)
    hers = Saying(await person("viewer", saying.person.organisation_id), saying.stores)
    run = await saying.ran()
    mine, theirs = await saying.says(run_id=run, correction="4"), await hers.says(run_id=run, correction="5")
    assert (await hers.person.client.put(CONSENT, json={"may_learn": False})).status_code == 200
    await admin.client.put(f"{CONSENT}/organisation", json={"may_learn": False})
    assert await saying.gone() == {mine["id"]: "consent", theirs["id"]: "consent"}
    await saying.agrees(admin)
    assert (await saying.gone(), [one.source.id for one in await saying.learned()]) == ({theirs["id"]: "consent"}, [mine["id"]])


async def test_what_was_erased_does_not_come_back_with_consent(saying: Saying, person):
    admin = await person("admin", saying.person.organisation_id)
    await saying.agrees(admin)
    kept = await saying.says(message_id=await saying.answered(), correction="4")
    await saying.person.client.put(CONSENT, json={"may_learn": False})
    await saying.person.client.delete(f"{FEEDBACK}/{kept['id']}")
    await saying.person.client.put(CONSENT, json={"may_learn": True})
    assert await saying.gone() == {kept["id"]: "erased"}


async def test_consent_is_said_in_so_many_words(saying: Saying):
    for body in ({}, {"may_learn": "yes"}, {"may_learn": 1}):
        assert (await saying.person.client.put(CONSENT, json=body)).status_code == 422
    assert (await saying.person.client.put(f"{CONSENT}/organisation", json={"may_learn": True})).status_code == 403


async def test_what_each_promise_allows_is_told_in_one_place_and_neither_holds_for_the_other(saying: Saying, person):
    async def given() -> dict[str, tuple[int, int]]:
        promises = (await saying.person.client.get(CONSENT)).json()["data"]["promises"]
        assert all(one["allows"] and one["said_by"] for one in promises)
        return {one["what"]: (one["given"], one["of"]) for one in promises}

    await saying.says(message_id=await saying.answered(), correction="4")
    await saying.asked(metadata={"consent_to_learning": True})
    await saying.asked(metadata={"consent_to_learning": False})
    assert await given() == {"feedback": (0, 1), "conversations": (1, 3)}
    await saying.agrees(await person("admin", saying.person.organisation_id))
    assert await given() == {"feedback": (1, 1), "conversations": (1, 3)}
    somebody = Saying(await person("viewer", saying.person.organisation_id), saying.stores)
    told = (await somebody.person.client.get(CONSENT)).json()["data"]["promises"]
    assert [(one["given"], one["of"]) for one in told] == [(0, 0), (0, 0)], "one's own"
