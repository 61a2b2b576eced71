"""What the OpenAI client has no word for: vision, health, documents and metrics of a running cluster."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont

from cluster.runtime.processes import ours
from tests.conftest import RunningHearth
from tests.deployments.fixtures.shapes import draw


@pytest.fixture(scope="module")
def http(hearth: RunningHearth):
    with httpx.Client(base_url=hearth.base_url, timeout=120, headers=hearth.shown) as client:
        yield client


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def page(text: str) -> bytes:
    image = Image.new("RGB", (520, 90), "white")
    ImageDraw.Draw(image).text((20, 20), text, fill="black", font=ImageFont.load_default(size=36))
    return png(image)


def test_text_is_read_from_an_image(http: httpx.Client):
    answer = http.post("/api/v1/vision/extract-text", files={"file": ("page.png", page("Invoice 4711"), "image/png")})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "success"
    assert answer.json()["data"]["text"].replace(" ", "") == "Invoice4711"


def test_a_text_finds_its_picture(http: httpx.Client):
    pictures = [png(draw(colour, shape, 3, size=200)) for colour, shape in (("red", "square"), ("blue", "circle"))]
    body = {"model": "tiny-clip", "images": [base64.b64encode(picture).decode() for picture in pictures], "texts": ["a blue circle"]}
    answer = http.post("/api/v1/vision/embed", json=body)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    square, circle = np.array(data["image_embeddings"]) @ np.array(data["text_embeddings"][0])
    assert circle > square


def test_a_model_tells_engine_device_budget_and_state(http: httpx.Client):
    model = http.get("/api/v1/models/hearth-nano").json()["data"]
    assert (model["engine"], model["device"], model["state"], model["nano"]) == ("llama_cpp", "cpu", "ready", True)
    assert model["budget_bytes"] > 0


def test_answers_of_a_nano_model_say_that_a_larger_one_should_be_configured(http: httpx.Client):
    body = {"model": "hearth-nano", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
    assert "larger" in http.post("/v1/chat/completions", json=body).headers["x-hearth-notice"]


def test_health_readiness_and_metrics_answer(http: httpx.Client):
    assert http.get("/healthz").status_code == 200
    ready = http.get("/readyz")
    assert ready.json()["status"] == "ready"
    assert {dependency["ready"] for dependency in ready.json()["dependencies"]} == {True}
    metrics = http.get("/metrics").text
    for name in ("hearth_http_requests_total", "hearth_device_budget_bytes", "hearth_model_queued"):
        assert name in metrics


def test_the_documents_are_served_from_here(http: httpx.Client):
    assert http.get("/docs").status_code == 200
    assert "/v1/chat/completions" in http.get("/openapi.json").json()["paths"]


def test_the_request_id_comes_back_on_every_answer(http: httpx.Client):
    assert http.get("/healthz", headers={"X-Request-Id": "abc-123"}).headers["x-request-id"] == "abc-123"
    lost = http.get("/v1/nowhere")
    assert lost.status_code == 404
    assert lost.headers["x-request-id"]
    assert set(lost.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("content", [b"%PDF-1.7 not an image", b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 20])
def test_what_is_not_an_image_is_refused_with_what_was_found(http: httpx.Client, content: bytes):
    answer = http.post("/api/v1/vision/extract-text", files={"file": ("page.png", content, "image/png")})
    assert answer.status_code in {400, 415, 422}
    assert answer.json()["error"]["message"]


def test_many_models_answer_at_once_without_a_failure(http: httpx.Client):
    def ask(number: int) -> int:
        kind = number % 3
        if kind == 0:
            body = {"model": "hearth-nano", "messages": [{"role": "user", "content": f"Hello {number}"}], "max_tokens": 16}
            return http.post("/v1/chat/completions", json=body).status_code
        if kind == 1:
            return http.post("/v1/embeddings", json={"model": "all-minilm-l6-v2", "input": f"text {number}"}).status_code
        return http.post("/api/v1/vision/embed", json={"model": "tiny-clip", "texts": ["a red square"]}).status_code

    with ThreadPoolExecutor(24) as pool:
        assert set(pool.map(ask, range(90))) == {200}


def test_a_caller_who_leaves_mid_stream_frees_the_slot(http: httpx.Client):
    body = {"model": "hearth-nano", "prompt": "The", "max_tokens": 400, "stream": True, "logit_bias": {"1": -100}, "temperature": 1}
    for _ in range(12):  # three times the slots
        with http.stream("POST", "/v1/completions", json=body) as stream:
            assert next(stream.iter_lines()).startswith("data: ")
    answered = http.post("/v1/completions", json={"model": "hearth-nano", "prompt": "The", "max_tokens": 4})
    assert answered.status_code == 200


def test_a_killed_replica_costs_no_plain_request_and_comes_back_by_itself(hearth: RunningHearth, http: httpx.Client):
    embedder = next(process for process in ours(hearth.home) if "all-minilm" in " ".join(process.cmdline()))

    def embed(number: int) -> int:
        if number == 10:
            embedder.kill()
        return http.post("/v1/embeddings", json={"model": "all-minilm-l6-v2", "input": f"text {number}"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(embed, range(60))) == {200}
    assert not psutil.pid_exists(embedder.pid) or embedder.status() == psutil.STATUS_ZOMBIE


def test_nothing_listens_beyond_loopback_except_what_a_token_guards(hearth: RunningHearth):
    """Serve's replicas talk over a port that its own code binds to every interface; Ray's token guards it. Nothing else may."""
    open_to_all = {
        " ".join(process.cmdline())
        for process in ours(hearth.home)
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.ip not in {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    }
    # While a replica starts, Ray names its process after the actor.
    assert all("ServeReplica" in line or "SERVE_REPLICA" in line for line in open_to_all), open_to_all


def test_what_serves_people_stands_back_behind_nobody(hearth: RunningHearth):
    replicas = [process for process in ours(hearth.home) if "ServeReplica" in " ".join(process.cmdline())]
    assert replicas
    assert {process.nice() for process in replicas} == {psutil.Process().nice()}


def test_status_shows_the_running_cluster_for_programs_too(hearth: RunningHearth):
    shown = json.loads(hearth.run("status", "--json").stdout)
    assert shown["running"] is True
    assert shown["phase"] == "ready"
    assert {model["id"] for model in shown["models"]} >= {"hearth-nano", "tiny-whisper"}


def test_up_again_finds_it_running_and_changes_nothing(hearth: RunningHearth):
    again = hearth.run("up", "--detach", "--json", "--port", str(hearth.port))
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["base_url"] == hearth.base_url


def test_logs_are_at_hand_by_name(hearth: RunningHearth):
    assert "cluster ready" in hearth.run("logs").stdout
    assert "head" in hearth.run("logs", "list").stdout
    assert hearth.run("logs", "hed").returncode == 1
