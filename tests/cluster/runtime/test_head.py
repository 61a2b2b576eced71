from __future__ import annotations

import httpx

from cluster.runtime.head import missing


def test_a_start_that_waits_says_for_what():
    database = {"name": "database", "ready": False, "detail": "It does not answer."}
    answer = httpx.Response(503, json={"status": "not_ready", "dependencies": [{"name": "cache", "ready": True, "detail": "x"}, database]})
    assert missing(answer) == "; database: It does not answer."
    assert missing(httpx.Response(200, json={"status": "ready", "dependencies": []})) == ""


def test_what_answers_before_the_api_does_is_waited_for_too():
    assert missing(httpx.Response(503, text="no server is available")) == ""
    assert missing(httpx.Response(404, json=["nothing"])) == ""
