from __future__ import annotations

import base64

import pytest

from cluster.settings import LimitSettings, Settings

EMBED = "/api/v1/vision/embed"
EXTRACT = "/api/v1/vision/extract-text"
PNG = b"\x89PNG1234"
ENCODED = base64.b64encode(PNG).decode()


async def test_images_and_texts_come_back_apart_and_in_order(client):
    answer = (await client.post(EMBED, json={"images": [ENCODED], "texts": ["a", "b"]})).json()
    assert answer["status"] == "success"
    data = answer["data"]
    assert (data["model"], data["dimensions"]) == ("fake-clip", 8)
    assert (len(data["image_embeddings"]), len(data["text_embeddings"])) == (1, 2)
    only = (await client.post(EMBED, json={"texts": ["b"]})).json()["data"]
    assert only["text_embeddings"] == data["text_embeddings"][1:]


async def test_a_form_gives_the_same_as_json(client):
    files = [("images", ("a.png", PNG)), ("images", ("b.png", PNG + b"5"))]
    formed = (await client.post(EMBED, data={"texts[]": ["a", "b"]}, files=files)).json()["data"]
    encoded = [ENCODED, "data:image/png;base64," + base64.b64encode(PNG + b"5").decode()]
    assert formed == (await client.post(EMBED, json={"images": encoded, "texts": ["a", "b"]})).json()["data"]


async def test_text_is_read_from_a_form_or_a_raw_body(client):
    formed = (await client.post(EXTRACT, files={"file": ("a.png", PNG)})).json()["data"]
    raw = (await client.post(f"{EXTRACT}?model=fake-ocr", content=PNG, headers={"Content-Type": "image/png"})).json()["data"]
    assert formed == raw
    assert formed["text"] == "8 bytes of png"
    assert formed["lines"][0]["box"] == [[0, 0], [9, 0], [9, 9], [0, 9]]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "images"),
        ({"images": [], "texts": []}, 400, "images"),
        ({"images": ["not base64!"]}, 422, "images.0"),
        ({"images": [""]}, 422, "images.0"),
        ({"images": [7]}, 422, "images.0"),
        ({"texts": [""]}, 422, "texts.0"),
        ({"texts": "a"}, 422, "texts"),
        ({"images": [ENCODED] * 11}, 400, "images"),
        ({"images": [base64.b64encode(b"junk").decode()]}, 415, None),
        ({"texts": ["a"], "model": "fake-llm"}, 404, None),
        ({"text": ["a"]}, 422, "text"),
    ],
)
async def test_what_cannot_be_embedded_is_refused(client, error, body, status, param):
    response = await client.post(EMBED, json=body)
    assert response.status_code == status
    assert error(response)["param"] == param


async def test_large_images_are_refused_naming_the_setting(in_process, gateway, error):
    async with in_process(gateway, Settings(limits=LimitSettings(image_bytes=7))) as client:
        answers = [
            await client.post(EMBED, json={"images": [ENCODED]}),
            await client.post(EMBED, files={"images": ("a.png", PNG)}),
            await client.post(EXTRACT, files={"file": ("a.png", PNG)}),
            await client.post(EXTRACT, content=PNG, headers={"Content-Type": "image/png"}),
        ]
    for response in answers:
        assert response.status_code == 413
        assert "limits.image_bytes" in error(response)["message"]


async def test_more_files_than_one_request_may_hold_are_refused(client, error):
    response = await client.post(EMBED, files=[("images", ("a.png", PNG))] * 11)
    assert response.status_code == 400
    error(response)


@pytest.mark.parametrize("query", ["?model=fake-ocr&model=fake-ocr", "?lines=1"])
async def test_queries_that_cannot_be_meant_are_refused(client, error, query):
    response = await client.post(EXTRACT + query, content=PNG, headers={"Content-Type": "image/png"})
    assert response.status_code in {400, 422}
    error(response)


async def test_an_empty_or_wrongly_typed_body_is_refused(client):
    assert (await client.post(EXTRACT, content=b"", headers={"Content-Type": "image/png"})).status_code == 422
    assert (await client.post(EXTRACT, content=PNG, headers={"Content-Type": "text/plain"})).status_code == 415
    assert (await client.post(EXTRACT, content=b"what", headers={"Content-Type": "image/png"})).status_code == 415


async def test_models_and_health_say_what_takes_images(client):
    models = (await client.get("/api/v1/vision/models")).json()["data"]
    assert [model["id"] for model in models] == ["fake-clip", "fake-ocr"]
    health = (await client.get("/api/v1/vision/health")).json()["data"]
    assert (health["healthy"], health["concurrent_tasks"]) == (True, 2)
    assert health["formats"] == ["jpeg", "png", "gif", "webp", "bmp"]
