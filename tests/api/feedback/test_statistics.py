"""Counting feedback over time and by what gave the answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from cluster.learning.feedback.table import Feedback
from tests.api.feedback.saying import FEEDBACK, Saying

# Weeks begin on Monday, so that the day before some day is not always in its week.
TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
LAST_WEEK = TODAY - timedelta(days=7)


async def test_each_kind_is_counted_and_approval_is_a_share_of_what_judges(saying: Saying, person):
    colleague = Saying(await person("viewer", saying.person.organisation_id), saying.stores)
    run, other = await saying.ran(answer="3"), await saying.ran(answer="4")
    for body in ({"thumb": "up"}, {"stars": 5}, {"correction": "5"}, {"preferred_to": other}, {"comment": "Hm."}):
        await saying.says(run_id=run, reasons=["short"], **body)
    for did in ("regenerate", "copy", "edit", "abandon"):
        await saying.says(run_id=run, did=did)
    await colleague.says(run_id=run, thumb="down", reasons=["wrong", "short"])
    await colleague.says(run_id=run, stars=3)
    found = await _counted(saying)
    assert found["totals"] == [
        {
            "group": None,
            "given": 11,
            "people": 2,
            "up": 1,
            "down": 1,
            "stars": 2,
            "mean_stars": 4.0,
            "corrections": 1,
            "preferences": 1,
            "remarks": 1,
            "regenerated": 1,
            "copied": 1,
            "edited": 1,
            "abandoned": 1,
            "approval": 2 / 3,
        }
    ]
    assert found["buckets"] == [found["totals"][0] | {"begins": datetime.now(UTC).date().isoformat()}]
    assert found["reasons"] == [{"reason": "short", "given": 6}, {"reason": "wrong", "given": 1}]


async def test_results_are_told_apart_by_what_gave_the_answers(saying: Saying):
    for adapter, model, thumb in (("a", "m", "up"), ("a", "m", "up"), ("b", "m", "down"), (None, "n", "up")):
        answer = await saying.answered(adapter=adapter, model=model, served_by=None)
        await saying.says(message_id=answer, thumb=thumb)
    await saying.says(run_id=await saying.ran(), thumb="down")
    shares = {by: {row["group"]: (row["given"], row["approval"]) for row in (await _counted(saying, by=by))["totals"]} for by in GROUPS}
    assert shares["adapter"] == {"a": (2, 1.0), "b": (1, 0.0), None: (2, 0.5)}
    assert shares["model"] == {"m": (3, 2 / 3), "n": (1, 1.0), "nano-llm": (1, 0.0)}
    assert shares["prompt"] == {"echo@4": (1, 0.0), None: (4, 0.75)}
    assert shares["task"] == {"chat": (4, 0.75), "counting": (1, 0.0)}
    assert shares["target"] == {"message": (4, 0.75), "run": (1, 0.0)}
    only = await _counted(saying, by="adapter", model="m", adapter="b")
    assert [(row["group"], row["given"]) for row in only["totals"]] == [("b", 1)]


async def test_days_and_weeks_are_told_apart_and_old_ones_left_out(saying: Saying):
    for when in (TODAY, LAST_WEEK, LAST_WEEK):
        await _given(saying, when)
    days = (await _counted(saying))["buckets"]
    assert [(row["begins"], row["given"]) for row in days] == [(TODAY.date().isoformat(), 1), (LAST_WEEK.date().isoformat(), 2)]
    weeks = (await _counted(saying, bucket="week"))["buckets"]
    mondays = [(when - timedelta(days=when.weekday())).date().isoformat() for when in (TODAY, LAST_WEEK)]
    assert [(row["begins"], row["given"]) for row in weeks] == [(mondays[0], 1), (mondays[1], 2)]
    assert [row["given"] for row in (await _counted(saying, days=7))["totals"]] == [1]


async def test_they_are_one_organisation_s_and_an_editor_s_to_see(saying: Saying, person):
    await saying.says(message_id=await saying.answered(), thumb="up")
    other = Saying(await person(), saying.stores)
    assert await _counted(other) == {"totals": [], "buckets": [], "reasons": [], "is_complete": True}
    viewer = await person("viewer", saying.person.organisation_id)
    assert (await viewer.client.get(f"{FEEDBACK}/stats")).status_code == 403
    for wrong in ({"days": "0"}, {"bucket": "year"}, {"by": "person"}, {"goat": "1"}):
        assert (await saying.person.client.get(f"{FEEDBACK}/stats", params=wrong)).status_code == 400


async def test_more_rows_than_the_setting_says_are_cut_and_it_is_said(saying: Saying):
    for task in "abcde":
        await saying.says(message_id=await saying.answered(), thumb="up", task=task)
    found = await _counted(saying, by="task")
    assert (len(found["totals"]), len(found["buckets"]), found["is_complete"]) == (4, 4, False)
    assert (await _counted(saying))["is_complete"] is True


GROUPS = ("adapter", "model", "prompt", "task", "target")


async def _counted(saying: Saying, **query: Any) -> dict[str, Any]:
    answer = await saying.person.client.get(f"{FEEDBACK}/stats", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def _given(saying: Saying, when: datetime) -> None:
    kept = await saying.says(message_id=await saying.answered(), thumb="up")
    async with saying.stores.database.session() as session:
        await session.execute(update(Feedback).where(Feedback.id == kept["id"]).values(created_at=when))
