from __future__ import annotations

from typing import Any

import pytest
import structlog
from ray.exceptions import RayTaskError

from api.web.errors import ours
from cluster.errors import (
    ContextLengthExceeded,
    DeadlineExceeded,
    EngineError,
    HearthError,
    Overloaded,
    TooLarge,
    Unavailable,
    Unprocessable,
    UnsupportedMedia,
)
from cluster.fakes.gateway import FakeGateway

BODY = {"model": "fake-llm", "messages": [{"role": "user", "content": "x"}]}


def _wrapped_by_ray(error: Exception) -> Any:
    return RayTaskError("generate", "traceback", error)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("failure", "status", "retry"),
    [
        (UnsupportedMedia("a"), 415, None),
        (Unprocessable("a"), 422, None),
        (TooLarge("a"), 413, None),
        (ContextLengthExceeded("The prompt has 9 tokens, 8 fit; shorten it."), 413, None),
        (Overloaded("Full; retry in 12 s."), 429, "12"),
        (Unavailable("Loading; retry in 30 s."), 503, "30"),
        (Unavailable("Not pulled."), 503, "1"),
        (DeadlineExceeded("a"), 504, None),
        (EngineError("a"), 500, None),
    ],
)
async def test_each_error_of_the_tree_has_its_status_code_and_message(in_process, error, failure, status, retry):
    async with in_process(FakeGateway(failures={"fake-llm": failure})) as client:
        response = await client.post("/v1/chat/completions", json=BODY)
    assert response.status_code == status
    assert response.headers.get("retry-after") == retry
    found = error(response)
    assert (found["message"], found["code"], found["type"]) == (failure.message, failure.code, failure.type)


async def test_an_unexpected_error_says_nothing_of_the_inside_and_is_logged_with_the_request_id(in_process, error):
    gateway = FakeGateway(failures={"fake-llm": RuntimeError("secret path /root")})
    async with in_process(gateway) as client:
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
            response = await client.post("/v1/chat/completions", json=BODY, headers={"X-Request-Id": "find-me"})
            streamed = await client.post("/v1/chat/completions", json=BODY | {"stream": True})
    assert (response.status_code, streamed.status_code) == (500, 500)
    assert "secret" not in response.text + streamed.text
    assert error(response)["code"] == "internal_error"
    logged = next(line for line in logs if line["event"] == "unexpected error")
    assert logged["request_id"] == "find-me"
    assert "secret path" in str(logged["exc_info"])


async def test_an_error_wrapped_by_ray_keeps_its_status(in_process, error):
    wrapped = _wrapped_by_ray(TooLarge("Too long; shorten it.")).as_instanceof_cause()
    async with in_process(FakeGateway(failures={"fake-llm": wrapped})) as client:
        response = await client.post("/v1/chat/completions", json=BODY)
    assert response.status_code == 413
    assert error(response)["message"] == "Too long; shorten it."


def test_the_error_inside_an_unusual_wrapper_is_found():
    inner = Unprocessable("a")
    assert ours(_wrapped_by_ray(inner)) is inner
    assert ours(ValueError("a")) is None
    assert ours(HearthError("a")) is not None


async def test_an_unknown_path_is_answered_with_the_nearest(client, error):
    for path, nearest in (
        ("/v1/chat/completion", "/v1/chat/completions"),
        ("/v1/models/", "/v1/models"),
        ("/api/v1/vison/embed", "/vision/embed"),
    ):
        response = await client.post(path, json={})
        assert response.status_code == 404
        assert nearest in error(response)["message"]


async def test_a_wrong_method_is_answered_with_the_right_one(client, error):
    response = await client.get("/v1/chat/completions")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert "use POST" in error(response)["message"]


async def test_text_that_no_database_holds_is_the_callers_mistake(client, error):
    response = await client.get("/api/v1/chat/search?q=a%00b")
    assert response.status_code == 400
    assert "NUL" in error(response)["message"]
