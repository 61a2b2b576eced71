"""The chat bench: its clients against a real server on loopback, its rows in a real database, and what it concludes."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest

from cluster.bench.chat import PUBLIC, SIGNED_IN, Plan, Seen, summarise
from cluster.bench.seeded import Owner, admin, seed
from cluster.bench.talk import Talked, Talker, TalkJob
from cluster.bench.talk import run as talk
from cluster.bench.timing import Request, Timed, TimingJob
from cluster.bench.timing import run as time_requests
from cluster.settings import Settings
from cluster.stores.urls import database_url

END = b'id: 3-0\ndata: {"type":"finish","status":"complete"}\n\nid: 4-0\ndata: {"type":"end"}\n\n'


class Conversations(BaseHTTPRequestHandler):
    """Answers in one word. In the conversation `cut` streams break off, `full` takes nothing more."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        conversation = self.path.split("/")[2]
        if conversation == "full" or self.headers["Authorization"] != "Bearer mine":
            self._whole(b"{}", 409 if conversation == "full" else 401)
        else:
            self._whole(json.dumps({"data": {"stream_url": f"/stream/{conversation}"}}).encode())

    def do_GET(self) -> None:
        text = b'id: 2-0\ndata: {"type":"text","text":"Yes."}\n\n'
        self._whole(text if self.path.endswith("cut") else text + END)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""

    def _whole(self, data: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Conversations)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


async def test_talkers_go_on_after_an_answer_and_failures_are_counted(port):
    talkers = tuple(Talker(conversation=name, key="mine") for name in ("one", "two", "cut", "full"))
    talked = await talk(TalkJob(model="some", talkers=talkers, rounds=2, max_tokens=1), "127.0.0.1", port, "/conversations")
    assert (len(talked.prepare_ms), len(talked.first_ms), talked.whole) == (6, 6, 4)
    assert sorted({error.split(":")[0] for error in talked.errors}) == ["Refused", "the stream ended with b'id"]
    assert len(talked.errors) == 4


async def test_only_answers_with_the_expected_status_are_timed(port):
    good = Request(kind="good", path="one", method="POST", key="mine")
    refused = Request(kind="refused", path="one", method="POST", status=401)
    wrong = Request(kind="wrong", path="full", method="POST", key="mine")
    timed = await time_requests(TimingJob(requests=(good, refused, wrong) * 3, callers=2), "127.0.0.1", port, "/conversations/")
    assert {kind: len(samples) for kind, samples in timed.ms.items()} == {"good": 3, "refused": 3}
    assert timed.errors == ("wrong: status 409, expected 200",) * 3


def test_a_past_is_written_as_the_application_would_have(store_settings: Settings):
    owner = Owner(uuid.uuid4(), uuid.uuid4())
    with psycopg.connect(database_url(store_settings).replace("+psycopg", ""), autocommit=True) as database:
        database.execute("INSERT INTO organisations (id, name) VALUES (%s, 'Past')", (owner.organisation_id,))
        database.execute("INSERT INTO users (id, email, name) VALUES (%s, %s, 'Ada')", (owner.user_id, f"{owner.user_id}@example.org"))
        database.execute("INSERT INTO memberships VALUES (%s, %s, 'admin')", (owner.organisation_id, owner.user_id))
        assert isinstance(admin(store_settings), Owner)
        past = seed(store_settings, owner, 3, 4, 2)
        assert (len(past.conversations), len(past.blank)) == (3, 2)
        leaves = "SELECT count(*) FROM conversations c JOIN messages m ON m.id = c.active_leaf_id WHERE c.owner_id = %s"
        assert database.execute(leaves, (owner.user_id,)).fetchone() == (3,)
        told = database.execute(
            "SELECT role FROM messages WHERE conversation_id = %s ORDER BY created_at", (past.conversations[0],)
        ).fetchall()
        assert [role for (role,) in told] == ["user", "assistant"] * 2
        database.execute("DELETE FROM users WHERE id = %s", (owner.user_id,))
        database.execute("DELETE FROM organisations WHERE id = %s", (owner.organisation_id,))


def talked(ms: float, whole: int, errors: tuple[str, ...] = ()) -> Talked:
    return Talked(prepare_ms=(ms,) * 4, first_ms=(2 * ms,), seconds=1.0, whole=whole, peak_open=whole, errors=errors)


def test_every_figure_has_a_verdict():
    found = Timed(ms={"list": (10.0,), "open": (120.0,)}, errors=("search: status 500, expected 200",))
    refused = Timed(ms={PUBLIC: (1.0, 1.2, 1.4), SIGNED_IN: (1.3, 1.5, 1.7)})
    seen = Seen(talked(30.0, 4), talked(300.0, 4), talked(60.0, 999, ("it broke",)), 12.0, refused, found)
    result = summarise(Plan(), seen)
    assert [(verdict.measured, verdict.met) for verdict in result.verdicts] == [
        ("30 ms", True),
        ("0.30 ms", True),
        ("1 errors, 999 read whole", False),
        ("10 ms", True),
        ("120 ms", False),
        ("nothing was answered", None),
    ]
    assert {"error: it broke", "error: search: status 500, expected 200"} <= set(result.notes)
