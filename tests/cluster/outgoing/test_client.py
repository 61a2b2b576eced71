"""The one client for what goes out: what it sends, repeats, follows and writes down."""

from __future__ import annotations

import asyncio
import json
import ssl
import uuid

import pytest
from sqlalchemy import update

from cluster.errors import ConfigError, RemoteFailed, TooLarge, Unprocessable
from cluster.outgoing.asking import Ask
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Asker, Journal
from cluster.outgoing.tables import OutgoingRequest
from cluster.settings import OutgoingSettings
from tests.patience import PATIENCE_S


async def test_a_request_goes_out_as_it_was_asked_and_is_written_down(going, outside):
    url = f"{outside.url}/echo?page=2&token=hush"
    reply = await going.get(url, method="POST", content=b"goats", headers={"X-Key": "geheim"}, secrets=("geheim",))
    said = json.loads(reply.content)
    assert (said["method"], said["text"], said["query"]) == ("POST", "goats", {"page": "2", "token": "hush"})
    assert said["headers"]["x-key"] == ["geheim"]
    assert said["headers"]["user-agent"] == ["Hearth"]
    assert said["headers"]["host"] == [f"127.0.0.1:{outside.port}"]
    (row,) = await going.rows()
    assert (row.id, row.method, row.status, row.purpose, row.request_id) == (reply.id, "POST", 200, "http", "request-1")
    assert row.url == row.final_url == f"{outside.url}/echo?page=2&token=***"
    assert (row.address, row.media_type, row.found_type) == ("127.0.0.1", "application/json", "text/plain")
    assert (row.sent_bytes, row.bytes) == (5, len(reply.content))
    assert row.finished_at is not None
    assert row.ms is not None
    assert row.error is None
    assert "hush" not in str(row.hops)


async def test_an_answer_with_an_error_status_is_an_answer(going, outside):
    assert (await going.get(f"{outside.url}/status/404")).status == 404
    assert (await going.rows())[0].error is None


async def test_what_fails_for_a_moment_is_asked_again_and_each_try_is_written_down(going, outside):
    assert (await going.get(f"{outside.url}/flaky/2")).status == 200
    (row,) = await going.rows()
    assert [hop["status"] for hop in row.hops] == [503, 503, 200]
    assert (await going.get(f"{outside.url}/status/503")).status == 503
    assert outside.hits["/status/503"] == 3


async def test_a_request_that_may_change_something_is_sent_once(going, outside):
    assert (await going.get(f"{outside.url}/flaky/1", method="POST")).status == 503
    with pytest.raises(RemoteFailed):
        await going.get(f"{outside.url}/cut", method="DELETE")
    assert (outside.hits["/flaky/1"], outside.hits["/cut"]) == (1, 1)


async def test_nobody_who_answers_is_said_to_be_nobody(way):
    async with way("127.0.0.1:1") as going:
        with pytest.raises(RemoteFailed, match="connect error"):
            await going.get("http://127.0.0.1:1/")
        with pytest.raises(RemoteFailed, match="cannot be resolved"):
            await going.get("http://nobody.example/")
        assert [len(row.hops) for row in await going.rows()] == [3, 1]


async def test_redirects_are_followed_and_a_form_is_not_posted_twice(going, outside):
    reply = await going.get(f"{outside.url}/to?code=303&url=/echo", method="POST", content=b"form", headers={"Content-Type": "text/plain"})
    said = json.loads(reply.content)
    assert (said["method"], said["text"], reply.url) == ("GET", "", f"{outside.url}/echo")
    assert "content-type" not in said["headers"]
    again = json.loads((await going.get(f"{outside.url}/to?code=307&url=/echo", method="POST", content=b"form")).content)
    assert (again["method"], again["text"]) == ("POST", "form")


async def test_another_server_gets_nothing_of_what_was_for_the_first(way, outside):
    names = {"one.example": [["127.0.0.1"]], "two.example": [["127.0.0.1"]]}
    async with way(f"*.example:{outside.port}", names=names) as going:
        one, two = (f"http://{name}.example:{outside.port}" for name in ("one", "two"))
        headers = {"Authorization": "Bearer hush", "X-Custom": "hush", "Accept": "application/json"}
        said = json.loads((await going.get(f"{one}/to?url={two}/echo", headers=headers)).content)
        assert "hush" not in str(said)
        assert said["headers"]["accept"] == ["application/json"]
        assert "hush" in (await going.get(f"{one}/to?url=/echo", headers=headers)).content.decode()
        with pytest.raises(Unprocessable, match="another server"):
            await going.get(f"{one}/to?code=307&url={two}/echo", method="PUT", content=b"mine")


async def test_a_body_over_the_limit_is_not_sent(going, outside):
    with pytest.raises(TooLarge, match=r"outgoing\.request_bytes"):
        await going.get(f"{outside.url}/echo", method="POST", content=bytes(2**20 + 1))
    assert outside.seen == []


async def test_one_organisation_s_open_requests_are_bounded_and_another_s_go_on(way, outside):
    async with way(f"127.0.0.1:{outside.port}", per_organisation=1, timeout_s=2) as going:
        hanging = asyncio.ensure_future(going.get(f"{outside.url}/silent"))
        async with asyncio.timeout(PATIENCE_S):
            while not outside.hits["/silent"]:  # noqa: ASYNC110 - the server does not tell
                await asyncio.sleep(0.01)
        with pytest.raises(RemoteFailed):
            await going.get(f"{outside.url}/text", timeout_s=0.2)
        assert outside.hits["/text"] == 0
        hanging.cancel()
        await asyncio.wait([hanging])
        assert (await going.get(f"{outside.url}/text")).succeeded
        rows = await going.rows()
    assert [row.error for row in rows] == ["interrupted", "remote_failed", None]


async def test_what_cannot_be_written_down_is_not_sent(way, outside, store_settings, stores):
    settings = store_settings.model_copy(update={"outgoing": OutgoingSettings(allowed=(f"127.0.0.1:{outside.port}",))})
    client = Outgoing(settings, Journal(stores.database))
    nobody = Asker(uuid.uuid4(), None, "http")
    with pytest.raises(Exception, match="fk_outgoing_requests_organisation_id_organisations"):
        await client.send(Ask(f"{outside.url}/text"), nobody)
    await client.close()
    assert outside.seen == []


async def test_the_journal_forgets_what_is_past_its_time(going, outside, stores):
    for _ in range(2):
        await going.get(f"{outside.url}/text")
    first = (await going.rows())[0]
    async with stores.database.session() as session:
        old = first.created_at.replace(year=first.created_at.year - 1)
        await session.execute(update(OutgoingRequest).where(OutgoingRequest.id == first.id).values(created_at=old))
    assert await Journal(stores.database).remove_older(14, going.who.organisation_id) == 1
    assert len(await going.rows()) == 1


def test_a_file_of_certificates_that_is_none_stops_the_start(tmp_path, store_settings):
    (tmp_path / "ca.pem").write_text("nothing")
    settings = store_settings.model_copy(update={"outgoing": OutgoingSettings(ca_file=tmp_path / "ca.pem")})
    with pytest.raises(ConfigError, match=r"outgoing\.ca_file"):
        Outgoing(settings, Journal(None))  # type: ignore[arg-type] # it is not come to


def test_certificates_and_names_are_checked():
    from cluster.outgoing.trust import trusted

    context = trusted(None)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
