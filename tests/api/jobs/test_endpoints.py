"""``/api/v1/jobs``: everybody sees the organisation's, editors steer their own, admins all."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from api.web.principal import Role
from tests.api.conftest import error_of
from tests.api.fixtures.people import add_person

URL = "/api/v1/jobs"
HISTORY = "/api/v1/logs/history"


def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.fixture
async def farm(stores):
    """An admin, two editors and a viewer of one organisation."""
    admin = await add_person(stores)
    return admin, *[await add_person(stores, role, admin) for role in (Role.EDITOR, Role.EDITOR, Role.VIEWER)]


async def test_jobs_are_listed_in_pages_and_by_state_and_kind(client, farm, add_job):
    admin, editor, _, viewer = farm
    ids = [await add_job(editor) for _ in range(3)]
    first = data(await client.get(URL, params={"limit": 2}, headers=viewer.headers))
    rest = data(await client.get(URL, params={"limit": 2, "cursor": first["next_cursor"]}, headers=viewer.headers))
    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == ids[::-1]
    assert rest["next_cursor"] is None
    data(await client.post(f"{URL}/{ids[0]}/cancel", headers=admin.headers))
    cancelled = data(await client.get(URL, params={"state": "cancelled"}, headers=viewer.headers))["jobs"]
    assert [job["id"] for job in cancelled] == ids[:1]
    assert data(await client.get(URL, params={"kind": "other"}, headers=viewer.headers))["jobs"] == []


async def test_a_job_shows_what_was_asked_and_what_came_of_it(client, farm, add_job, dispatching):
    _, editor, _, viewer = farm
    job_id = await add_job(editor, most=2)
    await client.get(f"{URL}/{job_id}/events", headers=viewer.headers)
    job = data(await client.get(f"{URL}/{job_id}", headers=viewer.headers))
    assert (job["state"], job["result"], job["spec"]["most"]) == ("succeeded", {"counted": 2, "attempts": 1}, 2)
    assert job["progress"] == {"done": 2, "total": 2, "unit": "numbers", "stage": "counting"}
    lines = data(await client.get(f"{URL}/{job_id}/log", headers=viewer.headers))["lines"]
    assert [line["text"] for line in lines] == ["attempt 1 begins at 0"]
    assert data(await client.get(f"{URL}/{job_id}/log", params={"after": lines[0]["number"]}, headers=viewer.headers))["lines"] == []


async def test_the_history_has_the_lines_of_all_jobs_the_latest_first_and_in_pages(client, stores, farm, add_job, dispatching):
    _, editor, _, viewer = farm
    ids = [await add_job(editor, most=1) for _ in range(3)]
    for job_id in ids:
        await client.get(f"{URL}/{job_id}/events", headers=viewer.headers)
    first = data(await client.get(HISTORY, params={"limit": 2}, headers=viewer.headers))
    rest = data(await client.get(HISTORY, params={"limit": 2, "cursor": first["next_cursor"]}, headers=viewer.headers))
    lines = first["lines"] + rest["lines"]
    assert sorted(line["task_id"] for line in lines) == sorted(ids)
    assert [line["time"] for line in lines] == sorted((line["time"] for line in lines), reverse=True)
    assert {(line["kind"], line["text"]) for line in lines} == {("count", "attempt 1 begins at 0")}
    assert rest["next_cursor"] is None
    one = data(await client.get(f"/api/v1/logs/{ids[0]}", headers=viewer.headers))["lines"]
    assert [line["text"] for line in one] == ["attempt 1 begins at 0"]
    assert data(await client.get(HISTORY, params={"kind": "other"}, headers=viewer.headers))["lines"] == []
    other = await add_person(stores)
    assert data(await client.get(HISTORY, headers=other.headers))["lines"] == []


@pytest.mark.parametrize("cursor", ["1", "x.y", "1.", "-1.MjAyNg==", "9999999999.MjAyNg=="])
async def test_a_cursor_that_no_page_gave_is_refused(client, farm, cursor):
    assert error_of(await client.get(HISTORY, params={"cursor": cursor}, headers=farm[0].headers))["param"] == "cursor"


async def test_editors_steer_their_own_and_admins_all(client, farm, add_job):
    admin, editor, other, viewer = farm
    job_id = await add_job(editor)
    for somebody in (other, viewer):
        for method, path in (("POST", f"{URL}/{job_id}/cancel"), ("POST", f"{URL}/{job_id}/retry"), ("DELETE", f"{URL}/{job_id}")):
            refused = await client.request(method, path, headers=somebody.headers)
            assert refused.status_code == 403
            assert error_of(refused)["message"]
    assert data(await client.post(f"{URL}/{job_id}/cancel", headers=editor.headers))["state"] == "cancelled"
    assert data(await client.post(f"{URL}/{job_id}/cancel", headers=editor.headers))["state"] == "cancelled", "twice is no mistake"
    assert data(await client.post(f"{URL}/{job_id}/retry", headers=admin.headers))["state"] == "queued"


async def test_what_the_state_does_not_allow_is_refused(client, farm, add_job):
    admin, *_ = farm
    job_id = await add_job(admin)
    for method, path in (("POST", f"{URL}/{job_id}/retry"), ("DELETE", f"{URL}/{job_id}")):
        refused = await client.request(method, path, headers=admin.headers)
        assert refused.status_code == 409
        assert "queued" in error_of(refused)["message"]
    data(await client.post(f"{URL}/{job_id}/cancel", headers=admin.headers))
    assert data(await client.delete(f"{URL}/{job_id}", headers=admin.headers)) is None
    assert (await client.get(f"{URL}/{job_id}", headers=admin.headers)).status_code == 404


async def test_another_organisation_sees_and_steers_nothing(client, farm, add_job, stores):
    admin, *_ = farm
    job_id, stranger = await add_job(admin), await add_person(stores)
    assert data(await client.get(URL, headers=stranger.headers))["jobs"] == []
    for method, path in (("GET", ""), ("GET", "/log"), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")):
        answer = await client.request(method, f"{URL}/{job_id}{path}", headers=stranger.headers)
        assert answer.status_code == 404, (method, path)
    assert data(await client.get(f"{URL}/{job_id}", headers=admin.headers))["state"] == "queued"


async def test_nobody_sees_anything_without_saying_who_they_are(client):
    for path in ("", f"/{uuid.uuid4()}", f"/{uuid.uuid4()}/events"):
        assert (await client.get(URL + path)).status_code == 401


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", {"state": "sleeping"}),
        ("", {"kind": "a b"}),
        ("", {"kind": "a\x00"}),
        ("", {"cursor": "nowhere"}),
        ("", {"limit": 0}),
        ("", {"owner": "me"}),
        ("/not-an-id", {}),
        (f"/{uuid.UUID(int=7)}/log", {"after": -1}),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(client, farm, path, asked):
    answer = await client.get(URL + path, params=asked, headers=farm[0].headers)
    assert answer.status_code == 400
    assert error_of(answer)["message"]


async def test_a_running_job_is_cancelled_over_http_and_tried_again(client, farm, add_job, dispatching):
    _, editor, *_ = farm
    job_id = await add_job(editor, most=60, pace_s=0.05)
    following = asyncio.ensure_future(client.get(f"{URL}/{job_id}/events", headers=editor.headers))
    async with asyncio.timeout(60):
        while data(await client.get(f"{URL}/{job_id}", headers=editor.headers))["progress"]["done"] == 0:  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.05)
    asked = data(await client.post(f"{URL}/{job_id}/cancel", headers=editor.headers))
    assert (asked["state"], asked["cancelling"]) == ("running", True)
    assert '"state":"cancelled"' in (await following).text
    assert data(await client.post(f"{URL}/{job_id}/retry", headers=editor.headers))["state"] == "queued"
    assert '"state":"succeeded"' in (await client.get(f"{URL}/{job_id}/events", headers=editor.headers)).text
