"""Hooks: whoever has the secret runs the workflow, and nobody else."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from standardwebhooks import Webhook

from tests.api.conftest import error_of
from tests.api.fixtures.graphing import GREETING
from tests.patience import PATIENCE_S

URL = "/api/v1/integration/webhooks/incoming"
GIVEN = {"who": "Mira"}


def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.fixture
async def hook(client, farm) -> tuple[str, str]:
    """The path of one that runs the greeting, and its secret."""
    data(await client.post("/api/v1/workflows/definitions", json={"spec": GREETING}, headers=farm.admin.headers))
    made = data(await client.post(URL, json={"workflow": "greeting", "calls_per_minute": 5}, headers=farm.admin.headers))
    return made["hook"]["path"], made["secret"]


async def call(client, hook: tuple[str, str], given: Any = GIVEN, *, name: str = "m-1", at: datetime | None = None) -> httpx.Response:
    path, secret = hook
    body, at = json.dumps(given), at or datetime.now(UTC)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, at, body),
        "content-type": "application/json",
        "authorization": "",
    }
    answer: httpx.Response = await client.post(path, content=body, headers=headers)
    return answer


async def test_a_call_that_is_signed_runs_the_workflow_once_however_often_it_comes(client, farm, hook, consuming):
    first, second = data(await call(client, hook)), data(await call(client, hook))
    assert first == second
    async with consuming(), asyncio.timeout(PATIENCE_S):
        url = f"/api/v1/integration/queues/messages/{first['message_id']}"
        while (message := data(await client.get(url, headers=farm.admin.headers)))["state"] != "done":  # noqa: ASYNC110 - it is worked on
            await asyncio.sleep(0.02)
    run = data(await client.get(f"/api/v1/workflows/runs/{message['result']['run_id']}", headers=farm.admin.headers))
    assert (run["graph"], run["input"], run["owner_id"]) == ("greeting", GIVEN, str(farm.admin.user_id))
    assert data(await client.get("/api/v1/workflows/runs", headers=farm.admin.headers))["next_cursor"] is None
    (listed,) = data(await client.get(URL, headers=farm.admin.headers))["hooks"]
    assert listed["called_at"] is not None


async def test_a_call_that_is_not_signed_or_too_old_or_changed_is_refused(client, hook):
    path, _ = hook
    other = (path, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    for answer in (
        await client.post(path, json=GIVEN),
        await call(client, other),
        await call(client, hook, at=datetime.now(UTC) - timedelta(minutes=6)),
        await call(client, hook, at=datetime.now(UTC) + timedelta(minutes=6)),
    ):
        assert (answer.status_code, error_of(answer)["code"]) == (401, "unauthorized")


async def test_broken_signatures_and_bodies_are_no_crash(client, hook):
    path, _ = hook
    json_type = {"content-type": "application/json"}
    for signature in ("v1", "v1,###", "v2,abc", "v1," + "A" * 5000, ",,,"):
        headers = {"webhook-id": "m", "webhook-timestamp": "x", "webhook-signature": signature} | json_type
        assert (await client.post(path, json=GIVEN, headers=headers)).status_code == 401


async def test_what_the_workflow_cannot_be_given_is_refused_at_once(client, hook):
    assert (await call(client, hook, {"who": 7})).status_code == 422
    assert (await call(client, hook, [1])).status_code == 422
    assert (await client.post(hook[0], content=b"who=Mira")).status_code == 415
    assert (await client.post(f"/api/v1/integration/hooks/{uuid.uuid4()}", json=GIVEN)).status_code == 404


async def test_it_is_called_only_so_often(client, hook):
    answers = [await call(client, hook, name=f"m-{n}") for n in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


async def test_guesses_do_not_use_up_what_its_caller_may_ask(in_process, gateway, quick, farm, hook):
    few = quick.model_copy(update={"webhooks": quick.webhooks.model_copy(update={"calls_per_minute": 3})})
    async with in_process(gateway, few) as client:
        assert [(await client.post(hook[0], json=GIVEN)).status_code for _ in range(4)] == [401, 401, 401, 429]


async def test_after_a_rotation_the_new_secret_counts_and_the_old_one_for_a_while(client, farm, hook, in_process, gateway, quick):
    path, old = hook
    made = data(await client.post(f"{URL}/{path.rpartition('/')[2]}/rotate", headers=farm.admin.headers))
    assert (await call(client, (path, made["secret"]), name="a")).status_code == 200
    assert (await call(client, (path, old), name="b")).status_code == 200
    soon = quick.model_copy(update={"webhooks": quick.webhooks.model_copy(update={"rotation_s": 0})})
    async with in_process(gateway, soon) as later:
        assert (await call(later, (path, old), name="c")).status_code == 401
        assert (await call(later, (path, made["secret"]), name="c")).status_code == 200


async def test_it_ends_with_its_owner_s_membership_and_when_it_is_removed(client, farm, hook, stores):
    async with stores.database.session() as session:
        await session.execute(text("UPDATE hooks SET owner_id = :other"), {"other": farm.stranger.user_id})
    assert (await call(client, hook)).status_code == 409
    other = hook[0].rpartition("/")[2]
    assert (await client.delete(f"{URL}/{other}", headers=farm.stranger.headers)).status_code == 404
    data(await client.delete(f"{URL}/{other}", headers=farm.admin.headers))
    assert (await call(client, hook)).status_code == 404
