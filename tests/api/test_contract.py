"""The OpenAPI document is kept: whatever is sent, with a key and without, the answer is a documented one and never a 5xx of our making."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis import Config
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from api.app import create_app
from cluster.fakes.gateway import FakeGateway
from cluster.settings import GraphSettings, Settings
from cluster.stores.clients import connect
from tests.api.fixtures.application import application
from tests.api.fixtures.carrying import carrying
from tests.api.fixtures.index import index

DOCUMENT = schemathesis.openapi.from_dict(application().openapi())
# Whoever shows no key is turned away before anything is looked at, so that no cases are drawn that cover every field.
PLAIN = schemathesis.openapi.from_dict(application().openapi(), config=Config.from_dict({"phases": {"coverage": {"enabled": False}}}))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
RELAXED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]

# The server's thread draws from the same `random` (psycopg_pool spreads its retries with it), and Hypothesis takes that for its strategy's.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")

SOUNDS = ("audio/mpeg", "audio/wav", "audio/flac", "audio/aac", "audio/ogg", "audio/webm", "audio/mp4")


@schemathesis.serializer("image/bmp", "application/x-ndjson", *SOUNDS)
def as_it_is(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return value.data if hasattr(value, "data") else str(value).encode()


@pytest.fixture(scope="module")
def server(store_settings: Settings) -> Iterator[str]:
    """The application over a real socket, in a thread of its own; its address. What examples say is run is run: who waits for it waits for
    its end."""
    quick = store_settings.model_copy(update={"graphs": GraphSettings(look_s=0.05)})
    listener = socket.create_server(("127.0.0.1", 0))
    started: list[uvicorn.Server] = []

    async def serve() -> None:
        stores = connect(store_settings)
        with index() as vectors:
            app = create_app(FakeGateway(), quick, stores, vectors)
            started.append(uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none")))
            async with carrying(quick, stores, FakeGateway()):
                await started[0].serve(sockets=[listener])
        await stores.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    started[0].should_exit = True
    thread.join()


@DOCUMENT.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=RELAXED)
def test_an_admin_gets_documented_answers(case, server, api_key):
    answer = case.call(base_url=server, headers={"Authorization": f"Bearer {api_key}"}, timeout=30)
    case.validate_response(answer, checks=CHECKS)


@PLAIN.parametrize()
@settings(max_examples=3, deadline=None, suppress_health_check=RELAXED)
def test_nobody_gets_documented_answers(case, server):
    answer = case.call(base_url=server, timeout=30)
    case.validate_response(answer, checks=CHECKS)
    if "security" in case.operation.definition.raw:
        assert answer.status_code == 401
