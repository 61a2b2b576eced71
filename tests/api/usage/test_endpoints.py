"""``/api/v1/usage``: everybody sees their own, an admin the organisation's, nobody another's."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.usage.ledger import UsageLedger
from api.web.principal import Principal, Role
from cluster.settings import QuotaSettings
from cluster.specs.prices import Consumption
from tests.api.fixtures.metering import PRICES

URL = "/api/v1/usage"
EXPORT = f"{URL}/export"


def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.fixture
async def farm(make_person, used):
    """An admin, and an editor and a viewer of theirs; each has used something."""
    admin = await make_person()
    editor, viewer = await make_person(Role.EDITOR, admin), await make_person(Role.VIEWER, admin)
    await used(admin, "fake-llm", Consumption(1, 1))
    await used(editor, "fake-llm", Consumption(10, 10, 5))
    await used(editor, "fake-clip", Consumption(images=2))
    await used(viewer, "fake-whisper", Consumption(audio_seconds=60))
    return admin, editor, viewer


async def test_everybody_sees_what_they_used(client, farm):
    _, editor, viewer = farm
    report = data(await client.get(URL, headers=editor.headers))
    assert report["total"] == {
        "requests": 2,
        "input_tokens": 10,
        "output_tokens": 10,
        "cached_tokens": 5,
        "estimated": 0,
        "audio_seconds": 0.0,
        "images": 2,
        "cost": 20.0,
    }
    today = datetime.now(UTC).date()
    assert [group["group"] for group in report["groups"]] == [today.isoformat()]
    assert (report["currency"], report["group_by"], report["last_day"]) == ("EUR", "day", today.isoformat())
    assert data(await client.get(URL, headers=viewer.headers))["total"]["audio_seconds"] == 60.0


async def test_an_admin_sees_the_organisations_by_user_and_model(client, farm):
    admin, editor, viewer = farm
    by_user = data(await client.get(URL, params={"group_by": "user"}, headers=admin.headers))
    assert {group["group"]: group["requests"] for group in by_user["groups"]} == {
        str(admin.user_id): 1,
        str(editor.user_id): 2,
        str(viewer.user_id): 1,
    }
    assert by_user["groups"][0]["group"] == str(editor.user_id), "the dearest first"
    by_model = data(await client.get(URL, params={"group_by": "model", "limit": 1}, headers=admin.headers))
    assert [group["group"] for group in by_model["groups"]] == ["fake-llm"]
    assert by_model["total"]["requests"] == 4
    by_key = data(await client.get(URL, params={"group_by": "key"}, headers=admin.headers))
    assert [group["group"] for group in by_key["groups"]] == [None]


async def test_filters_choose(client, farm):
    admin, editor, _ = farm
    asked = {"user_id": str(editor.user_id), "model": "fake-clip"}
    assert data(await client.get(URL, params=asked, headers=admin.headers))["total"]["images"] == 2
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    assert data(await client.get(URL, params={"from": tomorrow, "to": "9999-12-31"}, headers=admin.headers))["total"]["requests"] == 0
    assert data(await client.get(URL, params={"key_id": str(uuid.uuid4())}, headers=admin.headers))["groups"] == []


@pytest.mark.parametrize("path", [URL, EXPORT])
async def test_who_is_no_admin_sees_nobody_elses(client, farm, error, path):
    admin, editor, viewer = farm
    for somebody in (editor, viewer):
        refused = await client.get(path, params={"user_id": str(admin.user_id)}, headers=somebody.headers)
        assert refused.status_code == 403
        assert error(refused)["param"] == "user_id"


@pytest.mark.parametrize("path", [URL, EXPORT])
async def test_another_organisation_sees_nothing(client, farm, make_person, path):
    admin, *_ = farm
    stranger = await make_person()
    asked = await client.get(path, params={"user_id": str(admin.user_id)}, headers=stranger.headers)
    assert asked.status_code == 200
    assert "fake-" not in asked.text
    assert "fake-" not in (await client.get(path, headers=stranger.headers)).text


async def test_nobody_sees_anything_without_saying_who_they_are(client):
    for path in (URL, EXPORT):
        assert (await client.get(path)).status_code == 401


async def test_the_export_is_a_table_of_everything(client, farm):
    admin, editor, viewer = farm
    answer = await client.get(EXPORT, headers=admin.headers)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="usage.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 4
    sound = next(row for row in rows if row["model"] == "fake-whisper")
    assert (sound["user_id"], sound["key_id"], sound["audio_seconds"]) == (str(viewer.user_id), "", "60.000")
    assert (float(sound["cost"]), sound["currency"]) == (6.0, "EUR")
    theirs = list(csv.DictReader(io.StringIO((await client.get(EXPORT, headers=editor.headers)).text)))
    assert {row["user_id"] for row in theirs} == {str(editor.user_id)}


async def test_a_name_that_is_a_formula_does_not_run_in_a_spreadsheet(client, make_person, used):
    person = await make_person()
    for model in ("=1+1", "+1", "-1", "@SUM(A1)", 'a,"b'):
        await used(person, model, Consumption(1))
    rows = list(csv.DictReader(io.StringIO((await client.get(EXPORT, headers=person.headers)).text)))
    assert {row["model"] for row in rows} == {"'=1+1", "'+1", "'-1", "'@SUM(A1)", 'a,"b'}


async def test_an_export_of_many_pages_is_whole(client, make_person, stores):
    person = await make_person()
    ledger = UsageLedger(stores, QuotaSettings(), PRICES)
    who = Principal(person.user_id, person.organisation_id, Role.ADMIN)
    for number in range(1100):
        ledger.note(who, f"model-{number}", Consumption(1))
    await ledger.sent()
    await ledger.flush()
    rows = list(csv.DictReader(io.StringIO((await client.get(EXPORT, headers=person.headers)).text)))
    assert len({row["model"] for row in rows}) == len(rows) == 1100


@pytest.mark.parametrize(
    "asked",
    [
        {"from": "2026-02-30"},
        {"from": "2026-02-02", "to": "2026-02-01"},
        {"to": "yesterday"},
        {"group_by": "planet"},
        {"limit": 0},
        {"user_id": "';DROP TABLE usage_days;--"},
        {"model": "a\x00b"},
        {"since": "2026-01-01"},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(client, make_person, error, asked):
    person = await make_person()
    answer = await client.get(URL, params=asked, headers=person.headers)
    assert answer.status_code == 400
    assert error(answer)["message"]
