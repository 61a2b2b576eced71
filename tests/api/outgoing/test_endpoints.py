"""Asking other servers over HTTP, and what people see of it afterwards."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.web.principal import Role
from cluster.fakes.outside import Outside
from cluster.outgoing.journal import Asker, Journal
from cluster.settings import OutgoingSettings, Settings
from tests.api.fixtures.people import add_person
from tests.patience import PATIENCE_S

REQUESTS = "/api/v1/http/requests"


@pytest.fixture
async def outside():
    async with Outside(pages={"/dot.png": ("image/png", b"\x89PNG\r\n\x1a\n" + bytes(32))}) as server:
        yield server


@pytest.fixture
async def client(in_process, gateway, outside):
    allowed = OutgoingSettings(allowed=(f"127.0.0.1:{outside.port}",), first_wait_s=0.01, timeout_s=10)
    async with in_process(gateway, Settings(outgoing=allowed, offline=True)) as client:
        yield client


def ok(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def send(client: httpx.AsyncClient, url: str, **given: Any) -> httpx.Response:
    headers = given.pop("shown", None)
    return await client.post(REQUESTS, json={"url": url, **given}, headers=headers)


async def test_text_comes_back_as_text_and_anything_else_encoded(client, outside):
    page = ok(await send(client, f"{outside.url}/html"))
    assert page["text"].startswith("<!doctype html>")
    assert (page["base64"], page["request"]["found_type"]) == (None, "text/html")
    picture = ok(await send(client, f"{outside.url}/dot.png"))
    assert picture["text"] is None
    assert base64.b64decode(picture["base64"]).startswith(b"\x89PNG")


async def test_an_answer_with_an_error_status_is_given_on_and_none_is_424(client, outside, error):
    assert ok(await send(client, f"{outside.url}/status/500", method="POST"))["request"]["status"] == 500
    answer = await send(client, f"{outside.url}/silent", timeout_s=0.2)
    assert (answer.status_code, error(answer)["code"]) == (424, "remote_failed")
    assert (await send(client, f"{outside.url}/bomb/4", max_bytes=1000)).status_code == 413
    assert (await send(client, f"{outside.url}/lie")).status_code == 415


async def test_an_address_that_may_not_be_asked_is_422_and_stands_in_the_journal(client, error):
    answer = await send(client, "http://127.0.0.1:22/")
    assert (answer.status_code, error(answer)["code"]) == (422, "address_refused")
    newest = ok(await client.get(REQUESTS))["items"][0]
    assert (newest["error"], newest["url"], newest["hops"][0]["error"]) == ("address_refused", "http://127.0.0.1:22/", "address_refused")
    assert ok(await client.get(f"{REQUESTS}/{newest['id']}")) == newest


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": ""},
        {"url": "ftp://example.org"},
        {"url": "http://a:b@example.org"},
        {"url": "http://example.org", "method": "CONNECT"},
        {"url": "http://example.org", "headers": {"X": "a\nb"}},
        {"url": "http://example.org", "headers": {"Host": "b"}},
        {"url": "http://example.org", "timeout_s": 0},
        {"url": "http://example.org", "expect": ["anything"]},
    ],
)
async def test_what_cannot_be_sent_is_422(client, body):
    assert (await client.post(REQUESTS, json=body)).status_code == 422


async def test_an_admin_has_a_secret_sent_and_nobody_sees_it(client, outside, stores):
    admin = await add_person(stores)
    made = await client.post("/api/v1/secrets", json={"name": "TIDES", "value": "hush/hush"}, headers=admin.headers)
    ok(made)
    headers = {"Authorization": "Bearer secret:TIDES"}
    ok(await send(client, f"{outside.url}/echo", headers=headers, shown=admin.headers))
    assert outside.seen[-1][1]["Authorization"] == "Bearer hush/hush"
    assert "hush" not in (await client.get(REQUESTS, headers=admin.headers)).text
    actions = [event["action"] for event in ok(await client.get("/api/v1/audit", headers=admin.headers))["events"]]
    assert "secret.used" in actions
    editor = await add_person(stores, Role.EDITOR, admin)
    refused = await send(client, f"{outside.url}/echo", headers=headers, shown=editor.headers)
    assert refused.status_code == 403
    missing = await send(client, f"{outside.url}/echo", headers={"X": "secret:NONE"}, shown=admin.headers)
    assert missing.status_code == 404
    assert len(outside.seen) == 1


async def test_an_editor_sees_their_own_requests_an_admin_all_and_others_none(client, outside, stores):
    admin = await add_person(stores)
    editor = await add_person(stores, Role.EDITOR, admin)
    stranger = await add_person(stores)
    for person in (admin, editor):
        ok(await send(client, f"{outside.url}/text", shown=person.headers))

    async def seen(person: Any) -> list[str]:
        return [item["user_id"] for item in ok(await client.get(REQUESTS, headers=person.headers))["items"]]

    assert await seen(admin) == [str(editor.user_id), str(admin.user_id)]
    assert await seen(editor) == [str(editor.user_id)]
    assert await seen(stranger) == []
    first = ok(await client.get(REQUESTS, headers=admin.headers))["items"][1]["id"]
    assert (await client.get(f"{REQUESTS}/{first}", headers=editor.headers)).status_code == 404
    assert (await client.get(f"{REQUESTS}/{first}", headers=stranger.headers)).status_code == 404


async def test_the_journal_is_paged_and_filtered(client, outside, stores):
    admin = await add_person(stores)
    for path in ("text", "status/404", "status/404", "lie"):
        await send(client, f"{outside.url}/{path}", shown=admin.headers)

    async def found(**wanted: Any) -> list[str]:
        paths, cursor = [], None
        while True:
            asked = wanted | ({"cursor": cursor} if cursor else {})
            page = ok(await client.get(REQUESTS, params=asked, headers=admin.headers))
            paths += [item["url"].rpartition("/")[2] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return paths

    assert await found(limit=1) == ["lie", "404", "404", "text"]
    assert await found(status=404) == ["404", "404"]
    assert await found(error="unsupported_media", method="GET", host="127.0.0.1", purpose="http") == ["lie"]
    assert await found(until=(datetime.now(UTC) - timedelta(hours=1)).isoformat()) == []
    assert (await client.get(REQUESTS, params={"cursor": "x"}, headers=admin.headers)).status_code == 400


async def test_hosts_are_counted(client, outside, stores):
    admin = await add_person(stores)
    for url in (f"{outside.url}/text", f"{outside.url}/status/404", f"{outside.url}/lie", "http://10.0.0.1/"):
        await send(client, url, shown=admin.headers)
    hosts = {host["host"]: host for host in ok(await client.get("/api/v1/http/statistics", headers=admin.headers))["hosts"]}
    ours = hosts["127.0.0.1"]
    assert (ours["requests"], ours["failed"], ours["refused"]) == (3, 2, 0)
    assert ours["bytes"] > 0
    assert ours["p95_ms"] >= ours["p50_ms"] >= 0
    assert (hosts["10.0.0.1"]["failed"], hosts["10.0.0.1"]["refused"]) == (0, 1)


async def test_an_admin_removes_their_organisation_s_entries_and_that_is_written_down(client, outside, stores):
    admin, other = await add_person(stores), await add_person(stores)
    for person in (admin, other):
        ok(await send(client, f"{outside.url}/text", shown=person.headers))
    assert ok(await client.delete(REQUESTS, params={"older_than_days": 1}, headers=admin.headers)) == {"removed": 0}
    assert ok(await client.delete(REQUESTS, headers=admin.headers)) == {"removed": 1}
    assert len(ok(await client.get(REQUESTS, headers=other.headers))["items"]) == 1
    newest = ok(await client.get("/api/v1/audit", headers=admin.headers))["events"][0]
    assert (newest["action"], newest["detail"]) == ("http.requests_removed", {"count": 1})


async def test_what_is_past_its_time_is_swept_by_itself(in_process, gateway, stores):
    admin = await add_person(stores)
    journal = Journal(stores.database)
    row = await journal.begin(Asker(admin.organisation_id, admin.user_id, "http"), "GET", "http://old.example/", "old.example", 0)
    async with stores.database.session() as session:
        from sqlalchemy import update

        from cluster.outgoing.tables import OutgoingRequest

        old = datetime.now(UTC) - timedelta(days=8)
        await session.execute(update(OutgoingRequest).where(OutgoingRequest.id == row).values(created_at=old))
    quick = Settings(outgoing=OutgoingSettings(log_days=7, sweep_s=0.05), offline=True)
    async with in_process(gateway, quick) as client, asyncio.timeout(PATIENCE_S):
        while ok(await client.get(REQUESTS, headers=admin.headers))["items"]:  # noqa: ASYNC110 - the sweep tells nobody
            await asyncio.sleep(0.02)
