from __future__ import annotations

import pytest

from cluster.settings import HttpSettings, Settings


@pytest.mark.parametrize("host", ["localhost", "localhost:8003", "127.0.0.1:8003", "[::1]", "[::1]:8003", "LOCALHOST:1"])
async def test_names_of_this_machine_are_answered(client, host):
    assert (await client.get("/healthz", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8003", "127.0.0.1.evil.example", "", "[::2]:8003", "localhost:x"])
async def test_other_names_are_refused_in_the_error_shape(client, error, host):
    response = await client.get("/v1/models", headers={"Host": host})
    assert response.status_code == 400
    assert "http.allowed_hosts" in error(response)["message"]


async def test_other_names_can_be_allowed(in_process, gateway):
    for hosts in (("box.lan",), ("*",)):
        async with in_process(gateway, Settings(http=HttpSettings(allowed_hosts=hosts))) as client:
            assert (await client.get("/healthz", headers={"Host": "box.lan:8003"})).status_code == 200


async def test_a_page_of_another_origin_may_not_post(client, error):
    for origin in ("https://evil.example", "null"):
        response = await client.post("/api/v1/vision/embed", files={"images": ("a.png", b"\x89PNG")}, headers={"Origin": origin})
        assert response.status_code == 403
        assert "http.cors_origins" in error(response)["message"]
        assert "access-control-allow-origin" not in response.headers


async def test_our_own_docs_page_may_post(client):
    body = {"texts": ["x"]}
    assert (await client.post("/api/v1/vision/embed", json=body, headers={"Origin": "http://localhost"})).status_code == 200


async def test_origins_can_be_allowed(in_process, gateway):
    origin = "http://localhost:3000"
    async with in_process(gateway, Settings(http=HttpSettings(cors_origins=(origin,)))) as client:
        ask = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        preflight = await client.options("/v1/chat/completions", headers=ask)
        answer = await client.post("/api/v1/vision/embed", json={"texts": ["x"]}, headers={"Origin": origin})
    assert preflight.headers["access-control-allow-origin"] == origin
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/docs", "/openapi.json"])
async def test_every_answer_carries_the_security_headers(client, path):
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
