"""Answers that take longer than a request may."""

from __future__ import annotations

import httpx
import pytest

from api.app import create_app
from cluster.fakes.gateway import FakeGateway
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.carrying import QUICK
from tests.api.fixtures.graphing import GREETING
from tests.api.fixtures.index import index
from tests.api.fixtures.metering import served
from tests.api.fixtures.people import add_person


async def test_past_its_time_a_document_is_broken_off_and_a_stream_ends(stores: StoreClients, store_settings: Settings):
    """Nobody carries runs on here, so that none ends."""
    http = store_settings.http.model_copy(update={"request_timeout_s": 3.0})
    settings = store_settings.model_copy(update={"graphs": QUICK, "http": http})
    person = await add_person(stores)
    with index() as vectors:
        app = create_app(FakeGateway(), settings, stores, vectors)
        async with (
            app.router.lifespan_context(app),
            served(app) as base,
            httpx.AsyncClient(base_url=base, headers=person.headers, timeout=60) as client,
        ):
            kept = await client.post("/api/v1/workflows/definitions", json={"spec": GREETING})
            assert kept.status_code == 200, kept.text
            asked = {"assistant_id": "greeting", "input": {"who": "Mira"}}
            run = (await client.post("/langgraph/runs", json=asked)).json()
            where = f"/langgraph/threads/{run['thread_id']}/runs/{run['run_id']}"
            async with client.stream("GET", f"{where}/join") as answer:
                assert answer.headers["location"] == f"{where.removeprefix('/langgraph')}/join", "where the SDK asks again"
                with pytest.raises(httpx.RemoteProtocolError):
                    await answer.aread()
            stream = await client.get(f"{where}/stream")
            assert [line for line in stream.text.splitlines() if line.startswith("event")] == ["event: metadata", "event: values"]
            assert stream.headers["location"] == f"{where.removeprefix('/langgraph')}/stream"
