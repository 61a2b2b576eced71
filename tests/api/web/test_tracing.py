"""A request's span, as the API sends it: the API runs in a process of its own, because a process has one recorder for good."""

from __future__ import annotations

import asyncio
import sys

from cluster.fakes.collector import Collector
from cluster.home import REPOSITORY

ASKING = """
import asyncio, sys
from pathlib import Path
import httpx
from api.app import create_app
from cluster.fakes.gateway import FakeGateway
from cluster.serving.vectors import ServeVectors
from cluster.settings import Settings, TracingSettings
from cluster.stores.clients import connect
from cluster.tracing import start_tracing

settings = Settings(home=Path(sys.argv[2]), tracing=TracingSettings(endpoint=sys.argv[1]))
recording = start_tracing(settings.tracing, "hearth-api")

async def main():
    app = create_app(FakeGateway(), settings, connect(settings), ServeVectors(settings.vectors))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        await client.get("/healthz?key=hunter2", headers={"traceparent": caller, "X-Request-Id": "me"})
        await client.get("/nowhere/hunter2")

asyncio.run(main())
recording.shutdown()
"""


async def test_a_request_is_a_span_of_its_callers_trace_without_what_was_sent(tmp_path):
    async with Collector() as collector:
        words = ("-c", ASKING, f"{collector.url}/v1/traces", str(tmp_path))
        process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE)
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
    (health,) = collector.named("GET /healthz")
    assert (health.trace, health.parent) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert health.attributes == {
        "http.request.method": "GET",
        "http.route": "/healthz",
        "http.response.status_code": 200,
        "hearth.request_id": "me",
    }
    assert [(each.attributes["http.response.status_code"], "http.route" in each.attributes) for each in collector.named("GET")] == [
        (401, False)
    ]
    assert "hunter2" not in str(collector.spans)
