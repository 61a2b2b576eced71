"""What a file of requests may hold."""

from __future__ import annotations

import io
import json

import pytest

from cluster.batches.lines import MISTAKES, body_of, examine
from cluster.settings import BatchSettings

URL = "/v1/embeddings"
LIMITS = BatchSettings(requests=3, line_bytes=1024)


def line(custom_id="a", body=None, **changes) -> bytes:
    told = {"custom_id": custom_id, "method": "POST", "url": URL, "body": body or {"model": "m", "input": "x"}} | changes
    return json.dumps(told).encode() + b"\n"


def examined(*lines: bytes, limits: BatchSettings = LIMITS):
    return examine(io.BytesIO(b"".join(lines)), URL, {"m"}, limits)


def test_each_request_is_known_by_where_it_stands():
    text = line("a") + b"\n  \n" + line("b").rstrip(b"\n")
    found = examine(io.BytesIO(text), URL, {"m"}, LIMITS)
    assert found.mistakes == []
    assert [(request.line, request.custom_id, request.model) for request in found.requests] == [(1, "a", "m"), (4, "b", "m")]
    for request in found.requests:
        assert body_of(text[request.offset : request.offset + request.length]) == {"model": "m", "input": "x"}


def test_a_byte_order_mark_is_no_mistake():
    found = examined(b"\xef\xbb\xbf" + line())
    assert found.mistakes == []
    assert body_of(b"\xef\xbb\xbf" + line())["model"] == "m"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (b"{\n", "invalid_json_line"),
        (b"[]\n", "invalid_json_line"),
        (b"\xff\xfe\n", "invalid_json_line"),
        (b"[" * 900 + b"\n", "invalid_json_line"),
        (b'{"custom_id": "a", "body": {"x": NaN}}\n', "invalid_json_line"),
        (line(""), "invalid_custom_id"),
        (line(7), "invalid_custom_id"),
        (line("x" * 513), "invalid_custom_id"),
        (line(method="GET"), "invalid_method"),
        (line(url="/v1/chat/completions"), "invalid_url"),
        (line(surprise=1), "invalid_request"),
        (line(body=[1]), "invalid_request"),
        (line(body={"input": "x"}), "invalid_request"),
        (line(body={"model": "m", "stream": True}), "invalid_request"),
        (line(body={"model": "other"}), "model_not_found"),
        (line(body={"model": "m", "input": "x" * 2000}), "line_too_long"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(wrong, code):
    found = examined(line("first"), wrong, line("last"))
    assert [(mistake.line, mistake.code) for mistake in found.mistakes] == [(2, code)]
    assert found.mistakes[0].message.endswith(".")
    assert [request.line for request in found.requests] == [1, 3]


def test_a_custom_id_stands_for_one_line():
    assert [(mistake.line, mistake.code) for mistake in examined(line("a"), line("a")).mistakes] == [(2, "duplicate_custom_id")]


def test_more_requests_than_are_taken_are_refused():
    assert examined(*(line(str(number)) for number in range(3))).mistakes == []
    (mistake,) = examined(*(line(str(number)) for number in range(4))).mistakes
    assert (mistake.code, mistake.line) == ("too_many_requests", None)


@pytest.mark.parametrize("nothing", [b"", b"\n\n  \n"])
def test_a_file_without_requests_is_refused(nothing):
    assert [mistake.code for mistake in examined(nothing).mistakes] == ["empty_file"]


def test_mistakes_are_listed_up_to_a_number():
    assert len(examined(*[b"x\n"] * (MISTAKES + 50)).mistakes) == MISTAKES
