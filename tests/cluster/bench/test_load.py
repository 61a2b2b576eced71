"""The load client against a real server on loopback: what it counts must be what was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cluster.bench.calls import CallJob
from cluster.bench.calls import run as run_calls
from cluster.bench.connection import Connection
from cluster.bench.contenders import ask_over_http
from cluster.bench.load import ChatClient, read_event
from cluster.bench.streams import Job, drive

JOB = Job(model="some", streams=4, requests=12, max_tokens=5, silenced=(3, 4))


class Chat(BaseHTTPRequestHandler):
    """Streams as many tokens as asked for, in chunked encoding. The prompt's number decides what goes wrong."""

    protocol_version = "HTTP/1.1"
    seen: list[dict[str, Any]]
    fails: frozenset[int]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append(body)
        if "input" in body:
            self._whole(b'{"data": [{"embedding": [1.0]}]}')
            return
        number = int(body["messages"][0]["content"].split(":")[0].removeprefix("Request "))
        if number in self.fails and number % 2:
            self._whole(b'{"error": "no"}', 503)
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})
        for _ in range(body["max_tokens"]):
            self._event({"choices": [{"delta": {"content": "x"}}]})
        if number in self.fails:
            self._event({"error": {"message": "it broke"}})
        self._event({"choices": [], "usage": {"completion_tokens": body["max_tokens"]}})
        self._chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""

    def _event(self, event: dict[str, Any]) -> None:
        # In two pieces, as a network may cut it.
        data = b"data: " + json.dumps(event).encode() + b"\n\n"
        self._chunk(data[:9])
        self._chunk(data[9:])

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _whole(self, data: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def chat() -> Iterator[tuple[int, type[Chat]]]:
    handler = type("Handler", (Chat,), {"seen": [], "fails": frozenset()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_address[1], handler
    server.shutdown()
    server.server_close()
    thread.join()


async def ask(port: int, job: Job):
    client = ChatClient(job, "127.0.0.1", port, "/v1/chat/completions")
    try:
        return await drive(job, client.ask)
    finally:
        await client.close()


async def test_every_token_and_every_answer_is_counted(chat):
    port, handler = chat
    outcome = await ask(port, JOB)
    assert outcome.errors == ()
    assert (outcome.tokens, len(outcome.ttft_ms), len(outcome.gaps_ms)) == (12 * 5, 12, 12 * 4)
    assert 1 <= outcome.peak_open <= 4
    assert len({body["messages"][0]["content"] for body in handler.seen}) == 12
    assert handler.seen[0]["logit_bias"] == {"3": -100, "4": -100}


async def test_refusals_and_broken_streams_are_errors_and_the_rest_goes_on(chat):
    port, handler = chat
    handler.fails = frozenset({3, 6})
    outcome = await ask(port, JOB)
    assert sorted(error.split(":")[1].strip()[:12] for error in outcome.errors) == ["error event", "status 503"]
    assert outcome.tokens == 10 * 5


async def test_a_server_that_is_not_there_is_an_error_for_each_request():
    outcome = await ask(1, Job(model="some", streams=2, requests=3, max_tokens=1))
    assert len(outcome.errors) == 3


def test_the_client_runs_in_a_process_of_its_own(chat):
    outcome = ask_over_http(JOB, chat[0])
    assert (outcome.tokens, outcome.errors) == (60, ())


async def test_calls_count_answers_that_hold_an_embedding(chat):
    outcome = await run_calls(CallJob(model="some", callers=3, requests=10), "127.0.0.1", chat[0], "/v1/embeddings")
    assert (len(outcome.latency_ms), outcome.errors) == (10, ())


async def test_a_connection_is_used_again(chat):
    async with Connection("127.0.0.1", chat[0]) as connection:
        answers = [b"".join([piece async for piece in connection.post("/", b'{"input": "a"}')]) for _ in range(2)]
    assert answers[0] == answers[1] == b'{"data": [{"embedding": [1.0]}]}'


@pytest.mark.parametrize("event", [b": ping", b"data: [DONE]", b""])
def test_events_without_an_answer_are_passed_over(event):
    assert read_event(event) is None


def test_prompts_and_sentences_are_repeatable():
    assert JOB.prompt(1) == JOB.prompt(1) != JOB.prompt(2)
    job = CallJob(model="some", callers=1, requests=1)
    assert job.sentence(1) == job.sentence(1) != job.sentence(2)
