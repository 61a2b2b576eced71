"""Which requests are counted against what."""

from __future__ import annotations

import pytest

from api.limits.metered import Metered, metered


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/rerank",
        "/api/v1/vision/embed",
        "/api/v1/retrieval/search",
        "/api/v1/semantic/embed",
        "/api/v1/knowledge/search",
        "/api/v1/chat/conversations/5/prepare-stream",
        "/api/chat/direct",
    ],
)
def test_what_asks_a_model_is_under_all_limits(path):
    assert metered("POST", path) is Metered.MODEL
    assert metered("OPTIONS", path) is Metered.NOT


@pytest.mark.parametrize("path", ["/api/v1/retrieval/settings", "/api/v1/collections", "/api/v1/knowledge/items", "/v1/files"])
def test_everything_else_is_a_request(path):
    assert metered("POST", path) is Metered.REQUEST


def test_whoever_watches_the_service_is_not_counted():
    assert metered("GET", "/healthz") is Metered.NOT
