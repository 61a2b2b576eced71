"""The client of the agents bench against a real server on loopback: what it counts must be what was done."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cluster.bench.chains import ChainJob, run

BEGAN, ENDED = "2026-01-01T12:00:00.100000+00:00", "2026-01-01T12:00:00.350000+00:00"


class Workflows(BaseHTTPRequestHandler):
    """Ends runs at once, but that of number 1, for which it must be asked again; 2 fails, 3 gives another number, 4 is refused, 5 says
    nothing of use."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, str]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, body["workflow"], self.headers["Authorization"]))
        number = body["input"]["number"]
        run = self._run(number)
        if number == 1:
            run |= {"state": "running", "finished_at": None, "output": None}
        if number == 2:
            run |= {"state": "failed", "error": "node 'n1' broke", "output": None}
        if number == 3:
            run["output"] = {"number": 0}
        answer: dict[str, Any] = {"data": run} if number != 5 else {}
        self._answer(429 if number == 4 else 202 if number == 1 else 200, answer)

    def do_GET(self) -> None:
        self.asked.append((self.path, "", self.headers["Authorization"]))
        self._answer(200, {"data": self._run(int(self.path.rsplit("-", 1)[1]))})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""

    def _run(self, number: int) -> dict[str, Any]:
        output = {"number": number + 7}
        return {"id": f"run-{number}", "state": "succeeded", "error": None, "output": output, "started_at": BEGAN, "finished_at": ENDED}

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def workflows() -> Iterator[tuple[int, list[tuple[str, str, str]]]]:
    asked: list[tuple[str, str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Workflows,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port, asked
    server.shutdown()
    server.server_close()
    thread.join()


async def test_runs_that_end_well_are_timed_by_the_servers_clock_and_the_others_are_errors(workflows):
    port, asked = workflows
    seen = await run(ChainJob(nodes=7, runs=8, at_once=2, key="k"), "127.0.0.1", port, "/api/v1/workflows")
    assert [round(ms) for ms in seen.under_way_ms] == [250] * 4
    assert len(seen.whole_ms) == 4
    assert seen.peak == 4
    assert len(seen.errors) == 4
    told = " | ".join(sorted(seen.errors))
    assert "node 'n1' broke" in told
    assert "gave {'number': 0} of 3 and 7 nodes" in told
    assert "status 429" in told
    assert "KeyError" in told
    assert ("/api/v1/workflows/runs/run-1", "", "Bearer k") in asked
    assert sum(path.endswith("/execute") and name == "chain-7" for path, name, _ in asked) == 8
