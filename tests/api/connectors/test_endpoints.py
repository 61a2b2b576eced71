"""Connectors over HTTP: what there is, looking, fetching, checking, and jobs that bring a source in."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api.web.principal import Role
from cluster.fakes.bucket import Bucket
from cluster.fakes.outside import Outside
from cluster.jobs.table import Job
from cluster.settings import ConnectorSettings, OutgoingSettings, Settings
from tests.api.fixtures.people import add_person

CONNECTORS = "/api/v1/connectors"
PAGE = "<!doctype html><html><head><title>Tides</title></head><body><script>steal()</script><p>High at noon.</p></body></html>"


@pytest.fixture
async def outside():
    async with Outside(pages={"/tides.html": ("text/html", PAGE), "/bad.json": ("application/json", "{broken")}) as server:
        yield server


@pytest.fixture
async def client(in_process, gateway, tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "a.txt").write_text("words")
    places = OutgoingSettings(allowed=("127.0.0.1",), ports=tuple(range(1024, 65536)), first_wait_s=0.01)
    limits = ConnectorSettings(folders=(tmp_path / "open",), delay_s=0, look_timeout_s=20)
    async with in_process(gateway, Settings(outgoing=places, connectors=limits, offline=True)) as client:
        yield client


def ok(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def post(client: httpx.AsyncClient, path: str, headers: Any = None, **body: Any) -> httpx.Response:
    return await client.post(f"{CONNECTORS}/{path}", json=body, headers=headers)


async def test_the_registry_says_what_each_connector_wants(client):
    entries = {entry["name"]: entry for entry in ok(await client.get(CONNECTORS))["connectors"]}
    assert set(entries) == {"folder", "web", "site", "feed", "imap", "s3", "git"}
    assert entries["web"]["options"]["properties"]["urls"]["type"] == "array"
    assert all(entry["description"] and entry["options"]["additionalProperties"] is False for entry in entries.values())


async def test_a_source_is_looked_at_and_an_item_fetched_and_read_again(client, outside, stores):
    options = {"urls": [f"{outside.url}/tides.html"]}
    (item,) = ok(await post(client, "web/discover", options=options))["items"]
    fetched = ok(await post(client, "web/fetch", options=options, item=item["id"]))
    assert (fetched["title"], fetched["text"], fetched["media_type"]) == ("Tides", "High at noon.", "text/html")
    again = ok(await post(client, "web/fetch", options=options, item=item["id"]))
    assert again["id"] == fetched["id"]
    read = ok(await client.get(f"/api/v1/content/{fetched['id']}"))
    assert (read["text"], read["reads"]) == ("High at noon.", 1)
    original = await client.get(f"/api/v1/content/{fetched['id']}", params={"form": "original"})
    assert original.text == PAGE
    assert original.headers["content-disposition"].startswith("attachment")
    assert original.headers["content-type"] == "application/octet-stream"
    stranger = await add_person(stores)
    assert (await client.get(f"/api/v1/content/{fetched['id']}", headers=stranger.headers)).status_code == 404
    requests = ok(await client.get("/api/v1/http/requests", params={"purpose": "connector:web"}))["items"]
    assert len([request for request in requests if request["url"] == f"{outside.url}/tides.html"]) == 2


async def test_only_so_many_items_are_listed_and_that_is_said(client, outside):
    urls = [f"{outside.url}/{number}" for number in range(3)]
    found = ok(await post(client, "web/discover", options={"urls": urls}, limit=2))
    assert (len(found["items"]), found["is_complete"]) == (2, False)
    assert ok(await post(client, "web/discover", options={"urls": urls}, limit=3))["is_complete"] is True


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("lie", 415, "unsupported_media"),
        ("bad.json", 422, "unprocessable"),
        ("none", 404, "not_found"),
        ("status/500", 424, "remote_failed"),
    ],
)
async def test_what_cannot_be_fetched_says_why(client, outside, error, path, status, code):
    url = f"{outside.url}/{path}"
    answer = await post(client, "web/fetch", options={"urls": [url]}, item=url)
    assert (answer.status_code, error(answer)["code"]) == (status, code)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("web", {}),
        ("web", {"urls": []}),
        ("web", {"urls": ["ftp://a"]}),
        ("web", {"urls": ["http://127.1/"]}),
        ("web", {"urls": ["http://a/"], "color": 1}),
        ("web", {"urls": ["http://a/"], "bearer": "in the clear"}),
        ("site", {"url": "http://127.0.0.1/", "depth": "2"}),
        ("folder", {"folder": "/etc"}),
        ("folder", {"folder": "../open"}),
        ("imap", {"host": "a/b", "username": "a", "password": "secret:A"}),
        ("s3", {"bucket": "../other"}),
        ("git", {"url": "file:///etc"}),
    ],
)
async def test_options_that_cannot_be_are_422_wherever_they_are_given(client, name, options):
    assert (await post(client, f"{name}/discover", options=options)).status_code in {404, 422}
    assert (await post(client, "process", connector=name, options=options, collection_id=str(uuid.uuid4()))).status_code in {404, 422}
    told = ok(await post(client, "validate", connector=name, options=options))
    assert told["valid"] is False
    assert told["problems"][0]["message"]


async def test_a_connector_that_there_is_not_is_404_with_the_nearest(client, error):
    answer = await post(client, "webb/discover", options={})
    assert answer.status_code == 404
    assert "did you mean 'web'" in error(answer)["message"]


async def test_a_check_says_whether_the_source_answers(client, outside, tmp_path):
    good = await post(client, "validate", connector="folder", options={"folder": str(tmp_path / "open")})
    assert ok(good) == {"valid": True, "problems": []}
    bad = ok(await post(client, "validate", connector="feed", options={"url": f"{outside.url}/tides.html"}))
    assert (bad["valid"], bad["problems"][0]["code"]) == (False, "unprocessable")
    refused = ok(await post(client, "validate", connector="feed", options={"url": "http://10.0.0.1/feed"}))
    assert refused["problems"][0]["code"] == "address_refused"


async def test_a_secret_is_used_by_an_admin_only_and_stays_one(client, stores):
    admin = await add_person(stores)
    editor = await add_person(stores, Role.EDITOR, admin)
    ok(await client.post("/api/v1/secrets", json={"name": "S3", "value": "hush-hush"}, headers=admin.headers))
    async with Bucket({"a.txt": b"one"}, access_key="AKIA") as bucket:
        options = {"endpoint": bucket.url, "bucket": "tides", "access_key": "AKIA", "secret_key": "secret:S3"}
        assert (await post(client, "s3/discover", editor.headers, options=options)).status_code == 403
        assert (await post(client, "validate", editor.headers, connector="s3", options=options)).status_code == 403
        body = {"connector": "s3", "options": options, "collection_id": str(uuid.uuid4())}
        assert (await post(client, "process", editor.headers, **body)).status_code == 403
        found = await post(client, "s3/discover", admin.headers, options=options)
        assert [item["id"] for item in ok(found)["items"]] == ["a.txt"]
        missing = await post(client, "s3/discover", admin.headers, options=options | {"secret_key": "secret:NONE"})
        assert missing.status_code == 404
    requests = await client.get("/api/v1/http/requests", headers=admin.headers)
    assert "hush" not in found.text + requests.text
    events = ok(await client.get("/api/v1/audit", headers=admin.headers))["events"]
    assert {"action": "secret.used", "target": "secret:S3"}.items() <= events[1].items()


async def test_bringing_a_source_in_is_a_job_without_secrets_in_it(client, stores, outside):
    collection = ok(await client.post("/api/v1/collections", json={"name": uuid.uuid4().hex}))["id"]
    options = {"urls": [f"{outside.url}/tides.html"]}
    started = ok(await post(client, "process", connector="web", options=options, collection_id=collection, limit=10**6))
    async with stores.database.session() as session:
        job = await session.scalar(select(Job).where(Job.id == uuid.UUID(started["job_id"])))
    assert (job.kind, job.spec) == (
        "connect",
        {"connector": "web", "options": options, "collection": collection, "items": [], "most": 10_000},
    )
    assert outside.seen == []
    missing = await post(client, "process", connector="web", options=options, collection_id=str(uuid.uuid4()))
    assert missing.status_code == 404
    other = await add_person(stores)
    theirs = await post(client, "process", other.headers, connector="web", options=options, collection_id=collection)
    assert theirs.status_code == 404
    assert json.dumps(job.spec)
