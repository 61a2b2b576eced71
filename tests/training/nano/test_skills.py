"""Marking: what counts as right in each skill, in this process and over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cluster.errors import EngineError
from training.nano.corpus import ABSTENTION, SKILLS
from training.nano.evaluate import WEIGHTS
from training.nano.responders import Server, http_responder, local_responder
from training.nano.skills import BARS, Exercise, draw, examine_all, marked, micro_f1


def right(exercises) -> list[str]:
    return [exercise.answer for exercise in exercises]


def test_the_expected_answers_reach_every_bar():
    figures = examine_all(right, seed=3, count=25)
    assert set(figures.values()) == {1.0}
    assert set(BARS) <= set(figures)


def test_silence_reaches_none():
    figures = examine_all(lambda exercises: [""] * len(exercises), seed=3, count=25)
    assert all(figures[name] < 0.8 for name in BARS)
    assert {figures[name] for name in BARS if name != "grounded abstention"} == {0.0}


def test_fresh_seeds_give_fresh_exercises():
    for skill in SKILLS:
        assert draw(1, 10, skill) == draw(1, 10, skill)
        assert draw(1, 10, skill) != draw(2, 10, skill)


def test_answer_citation_and_abstention_are_marked_apart():
    exercises = [Exercise("grounded", (), answer, "") for answer in ("Sudale [2]", "Velm [1]", ABSTENTION)]
    figures = marked("grounded", exercises, ["Sudale [1]", "Brel [1]", "Okan [1]"])
    assert figures == {"grounded answer": 0.5, "grounded citation": 0.5, "grounded abstention": pytest.approx(2 / 3)}


def test_an_extracted_item_counts_only_whole_and_a_missing_one_costs():
    expected = json.dumps({"changes": [{"entity": "a", "to": "x"}, {"entity": "b", "to": "y"}]})
    said = json.dumps({"changes": [{"to": "x", "entity": "a"}, {"entity": "b", "to": "z"}]})
    assert micro_f1([(expected, said)]) == pytest.approx(0.5)
    assert micro_f1([(expected, "no JSON"), (expected, expected)]) == pytest.approx(2 / 3)


@contextmanager
def server(reply: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that says the same to everyone, and what it was sent."""
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base class's name
            """Says nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_address[1]}", seen
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def test_over_http_the_schema_goes_along_only_where_decoding_is_constrained():
    exercises = draw(4, 3, "extraction")
    with server({"choices": [{"message": {"content": "{}"}}]}) as (url, seen):
        for constrained in (False, True):
            with http_responder(Server(url, "hearth-nano"), constrained) as answer:
                assert answer(exercises) == ["{}"] * 3
    free, bound = seen[:3], seen[3:]
    assert all("response_format" not in body for body in free)
    schemas = [body["response_format"]["json_schema"]["schema"] for body in bound]
    assert sorted(map(str, schemas)) == sorted(str(json.loads(exercise.schema)) for exercise in exercises)


def test_a_refusal_of_the_server_is_told():
    with (
        server({"error": {"message": "no such model"}}) as (url, _),
        http_responder(Server(url, "none"), False) as answer,
        pytest.raises(EngineError, match="no such model"),
    ):
        answer(draw(4, 1, "labels"))


def test_constrained_decoding_makes_the_shipped_weights_write_json():
    exercises = draw(6, 2, "tools")
    with local_responder(WEIGHTS, constrained=True) as answer:
        for text in answer(exercises):
            assert set(json.loads(text)) == {"tool", "arguments"}
