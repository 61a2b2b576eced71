"""``/api/v1/integration/webhooks``: admins say who is told of what."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.conftest import error_of
from tests.api.fixtures.graphing import GREETING
from tests.patience import PATIENCE_S

URL = "/api/v1/integration/webhooks"


def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def subscribe(client, farm, receiver, *events: str) -> tuple[str, str]:
    body = {"url": receiver.hook, "events": list(events or ["*"])}
    made = data(await client.post(f"{URL}/subscribe", json=body, headers=farm.admin.headers))
    return made["webhook"]["id"], made["secret"]


async def heard(receiver, secret: str, most: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(PATIENCE_S):
        while len(receiver.seen) < most:  # noqa: ASYNC110 - it is sent meanwhile
            await asyncio.sleep(0.02)
    told: list[dict[str, Any]] = receiver.told(secret)
    return told


async def test_a_subscription_is_made_tried_changed_and_ended(client, farm, receiver, consuming):
    admin = farm.admin.headers
    webhook, secret = await subscribe(client, farm, receiver, "run.*", "job.failed")
    listed = data(await client.get(URL, headers=admin))["webhooks"]
    assert [(one["id"], one["events"], one["enabled"]) for one in listed] == [(webhook, ["job.failed", "run.*"], True)]
    assert secret not in str(listed)
    async with consuming():
        message = data(await client.post(f"{URL}/{webhook}/test", headers=admin))["message_id"]
        (told,) = await heard(receiver, secret, 1)
        async with asyncio.timeout(PATIENCE_S):
            url = f"{URL}/{webhook}/deliveries"
            while not (log := data(await client.get(url, headers=admin))["items"]):  # noqa: ASYNC110 - it is written meanwhile
                await asyncio.sleep(0.02)
    assert told["type"] == "webhook.test"
    assert [(one["message_id"], one["status"], one["event"]) for one in log] == [(message, 204, "webhook.test")]
    changed = data(await client.patch(f"{URL}/{webhook}", json={"enabled": False}, headers=admin))
    assert changed["enabled"] is False
    assert (await client.post(f"{URL}/{webhook}/test", headers=admin)).status_code == 409
    assert data(await client.post(f"{URL}/{webhook}/rotate", headers=admin))["secret"] != secret
    data(await client.delete(f"{URL}/unsubscribe/{webhook}", headers=admin))
    assert data(await client.get(URL, headers=admin))["webhooks"] == []
    assert (await client.delete(f"{URL}/unsubscribe/{webhook}", headers=admin)).status_code == 404


async def test_what_happens_is_told(client, farm, receiver, consuming):
    editor = farm.editor.headers
    _, secret = await subscribe(client, farm, receiver)
    data(await client.post("/api/v1/workflows/definitions", json={"spec": GREETING}, headers=editor))
    body = {"workflow": "greeting", "input": {"who": "Mira"}}
    run = (await client.post("/api/v1/workflows/execute", json=body, headers=editor)).json()["data"]["id"]
    data(await client.post(f"/api/v1/workflows/runs/{run}/cancel", headers=editor))
    conversation = data(await client.post("/api/v1/chat/conversations", json={"title": "Goats"}, headers=editor))["id"]
    said = {"role": "user", "content": [{"type": "text", "text": "How many goats?"}]}
    message = data(await client.post(f"/api/v1/chat/conversations/{conversation}/messages", json=said, headers=editor))["id"]
    async with consuming():
        told = {one["type"]: one["data"] for one in await heard(receiver, secret, 2)}
    assert (told["run.cancelled"]["run_id"], told["run.cancelled"]["graph"]) == (run, "greeting")
    assert (told["message.created"]["message_id"], told["message.created"]["role"]) == (message, "user")
    assert "goats" not in str(told).lower()


async def test_an_admin_has_a_webhook_told_of_an_event_of_their_own(client, farm, receiver, consuming):
    webhook, secret = await subscribe(client, farm, receiver, "job.failed")
    payload = {"webhook_id": webhook, "type": "order.paid", "data": {"order": 4711}}
    data(await client.post("/api/v1/integration/queues/enqueue", json={"type": "webhook", "payload": payload}, headers=farm.admin.headers))
    async with consuming():
        (told,) = await heard(receiver, secret, 1)
    assert (told["type"], told["data"]) == ("order.paid", {"order": 4711})


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"url": "http://127.0.0.1:9/", "events": ["*"]}, 422, None),
        ({"url": "http://169.254.169.254/latest", "events": ["*"]}, 422, None),
        ({"url": "ftp://example.org/", "events": ["*"]}, 422, "url"),
        ({"url": "https://a:b@example.org/", "events": ["*"]}, 422, "url"),
        ({"url": "https://example.org/", "events": []}, 422, "events"),
        ({"url": "https://example.org/", "events": ["run.suceeded"]}, 422, "events"),
        ({"url": "https://example.org/", "events": ["webhook.test"]}, 422, "events"),
    ],
)
async def test_addresses_and_events_that_cannot_be_are_refused(client, farm, body, status, param):
    answer = await client.post(f"{URL}/subscribe", json=body, headers=farm.admin.headers)
    assert answer.status_code == status, answer.text
    assert param is None or error_of(answer)["param"] == param


async def test_a_name_that_is_nearly_an_event_is_told_the_right_one(client, farm):
    body = {"url": "https://example.org/", "events": ["run.suceeded"]}
    answer = await client.post(f"{URL}/subscribe", json=body, headers=farm.admin.headers)
    assert "did you mean 'run.succeeded'" in error_of(answer)["message"]


async def test_only_admins_of_the_organisation_manage_them(client, farm, receiver):
    webhook, _ = await subscribe(client, farm, receiver)
    for person, status in ((farm.editor, 403), (farm.stranger, 404)):
        for method, path, body in (
            ("GET", f"/{webhook}", None),
            ("PATCH", f"/{webhook}", {"enabled": False}),
            ("POST", f"/{webhook}/rotate", None),
            ("POST", f"/{webhook}/test", None),
            ("GET", f"/{webhook}/deliveries", None),
            ("DELETE", f"/unsubscribe/{webhook}", None),
        ):
            answer = await client.request(method, f"{URL}{path}", json=body, headers=person.headers)
            assert answer.status_code == status, (method, path, answer.text)
    assert data(await client.get(URL, headers=farm.stranger.headers))["webhooks"] == []


async def test_its_secret_is_in_no_list_and_no_reference(client, farm, receiver):
    webhook, _ = await subscribe(client, farm, receiver)
    assert data(await client.get("/api/v1/secrets", headers=farm.admin.headers)) == []
    assert (await client.get(f"/api/v1/secrets/:webhook:{webhook}/value", headers=farm.admin.headers)).status_code >= 400
    sent = {"url": receiver.hook, "headers": {"X-Key": f"secret::webhook:{webhook}"}}
    answer = await client.post("/api/v1/http/requests", json=sent, headers=farm.admin.headers)
    assert answer.status_code == 404, answer.text


async def test_there_are_only_so_many(in_process, gateway, farm, receiver, quick):
    few = quick.model_copy(update={"webhooks": quick.webhooks.model_copy(update={"per_organisation": 1})})
    async with in_process(gateway, few) as client:
        await subscribe(client, farm, receiver)
        body = {"url": receiver.hook, "events": ["*"]}
        answer = await client.post(f"{URL}/subscribe", json=body, headers=farm.admin.headers)
        assert (answer.status_code, "webhooks.per_organisation" in answer.text) == (409, True)
