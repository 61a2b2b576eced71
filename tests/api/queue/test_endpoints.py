"""``/api/v1/integration/queues``: what is answered with 200 is done, in the name of whoever asked."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
from sqlalchemy import text

from tests.api.conftest import error_of
from tests.api.fixtures.graphing import GREETING
from tests.api.fixtures.people import Person
from tests.patience import PATIENCE_S

URL = "/api/v1/integration/queues"
WORKFLOW = {"type": "workflow", "payload": {"workflow": "greeting", "input": {"who": "Mira"}}}


def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def hand_in(client: httpx.AsyncClient, who: Person, body: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
    return await client.post(f"{URL}/enqueue", json=(body or WORKFLOW) | more, headers=who.headers)


async def with_greeting(client: httpx.AsyncClient, who: Person) -> None:
    data(await client.post("/api/v1/workflows/definitions", json={"spec": GREETING}, headers=who.headers))


async def ended(client: httpx.AsyncClient, who: Person, message: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found: dict[str, Any] = data(await client.get(f"{URL}/messages/{message['id']}", headers=who.headers))
            if found["state"] in {"done", "dead"}:
                return found
            await asyncio.sleep(0.02)


async def test_a_message_begins_a_run_in_the_name_of_whoever_handed_it_in(client, farm, consuming):
    await with_greeting(client, farm.editor)
    message = data(await hand_in(client, farm.editor, idempotency_key="order-1"))
    assert (message["state"], message["queue"], message["payload"]["input"]) == ("queued", "default", {"who": "Mira"})
    assert data(await hand_in(client, farm.editor, idempotency_key="order-1"))["id"] == message["id"]
    async with consuming():
        done = await ended(client, farm.editor, message)
    run = data(await client.get(f"/api/v1/workflows/runs/{done['result']['run_id']}", headers=farm.editor.headers))
    assert (run["graph"], run["owner_id"], run["input"]) == ("greeting", str(farm.editor.user_id), {"who": "Mira"})


async def test_a_message_begins_a_job_that_brings_documents_in(client, farm, consuming, stores):
    collection = data(await client.post("/api/v1/collections", json={"name": "tides"}, headers=farm.editor.headers))["id"]
    payload = {"connector": "web", "options": {"urls": ["https://example.org/a"]}, "collection_id": collection}
    message = data(await hand_in(client, farm.editor, {"type": "ingest", "payload": payload}))
    async with consuming():
        done = await ended(client, farm.editor, message)
    job = data(await client.get(f"/api/v1/jobs/{done['result']['job_id']}", headers=farm.editor.headers))
    assert (job["kind"], job["spec"]["connector"], job["spec"]["collection"]) == ("connect", "web", collection)


async def test_what_could_not_be_done_now_is_refused_now(client, farm):
    await with_greeting(client, farm.editor)
    for wrong, status, param in (
        ({"type": "shell", "payload": {}}, 422, "type"),
        ({"type": "workflow", "payload": {"workflow": "unheard"}}, 404, None),
        ({"type": "workflow", "payload": {"workflow": "greeting", "input": {"who": 7}}}, 422, "input.who"),
        ({"type": "workflow", "payload": {"workflow": "greeting", "code": "1"}}, 422, "payload.code"),
        ({"type": "ingest", "payload": {"connector": "web", "options": {}, "collection_id": str(uuid.uuid4())}}, 422, "options.urls"),
        ({"type": "workflow", "payload": {}}, 422, "payload.workflow"),
        (WORKFLOW | {"queue": "events"}, 422, "queue"),
        (WORKFLOW | {"queue": "No Name"}, 422, "queue"),
        (WORKFLOW | {"not_before": "2030-01-01T00:00:00"}, 422, "not_before"),
        (WORKFLOW | {"not_before": "2090-01-01T00:00:00Z"}, 400, "not_before"),
        (WORKFLOW | {"delay_s": -1}, 422, "delay_s"),
        (WORKFLOW | {"priority": 101}, 422, "priority"),
    ):
        answer = await hand_in(client, farm.editor, wrong)
        assert (answer.status_code, error_of(answer)["param"]) == (status, param), answer.text
    assert data(await client.get(f"{URL}/messages", headers=farm.editor.headers))["items"] == []


async def test_when_too_much_waits_more_is_refused_and_says_when_to_come_back(client, farm):
    await with_greeting(client, farm.editor)
    answers = [await hand_in(client, farm.editor) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert answers[-1].headers["retry-after"] == "5"
    assert "queue.pending_per_organisation" in error_of(answers[-1])["message"]
    found = data(await client.get(f"{URL}/stats", headers=farm.viewer.headers))
    assert (found["pending"], found["most_pending"]) == (20, 20)


async def test_dead_messages_are_listed_replayed_and_discarded(client, farm, consuming):
    await with_greeting(client, farm.editor)
    message, other = [data(await hand_in(client, farm.editor)) for _ in range(2)]
    found = data(await client.get("/api/v1/workflows/definitions", headers=farm.editor.headers))
    graph = next(one["id"] for one in found["items"] if one["name"] == "greeting")
    data(await client.delete(f"/api/v1/workflows/definitions/{graph}", headers=farm.editor.headers))
    async with consuming():
        dead = await ended(client, farm.editor, message)
        assert (dead["state"], dead["tries"]) == ("dead", 1)
        assert "greeting" in dead["error"]
        await ended(client, farm.editor, other)
        listed = data(await client.get(f"{URL}/messages", params={"state": "dead"}, headers=farm.editor.headers))["items"]
        assert {one["id"] for one in listed} == {message["id"], other["id"]}
        await with_greeting(client, farm.editor)
        again = data(await client.post(f"{URL}/messages/{message['id']}/replay", headers=farm.editor.headers))
        assert again["tries"] == 0
        assert (await ended(client, farm.editor, message))["state"] == "done"
        assert (await client.post(f"{URL}/messages/{message['id']}/replay", headers=farm.editor.headers)).status_code == 409
        assert data(await client.post(f"{URL}/messages/replay", json={}, headers=farm.admin.headers)) == {"replayed": 1}
        assert (await ended(client, farm.editor, other))["state"] == "done"
    data(await client.delete(f"{URL}/messages/{other['id']}", headers=farm.editor.headers))
    assert (await client.get(f"{URL}/messages/{other['id']}", headers=farm.editor.headers)).status_code == 404


async def test_editors_steer_their_own_messages_and_admins_all(client, farm):
    await with_greeting(client, farm.editor)
    message = data(await hand_in(client, farm.admin))
    assert (await client.delete(f"{URL}/messages/{message['id']}", headers=farm.editor.headers)).status_code == 403
    assert (await hand_in(client, farm.viewer)).status_code == 403
    told = {"type": "webhook", "payload": {"webhook_id": str(uuid.uuid4()), "type": "order.paid"}}
    assert (await hand_in(client, farm.editor, told)).status_code == 403
    assert (await hand_in(client, farm.admin, told)).status_code == 404


async def test_another_organisation_sees_nothing_of_it(client, farm):
    await with_greeting(client, farm.editor)
    message = data(await hand_in(client, farm.editor, idempotency_key="k"))
    there = farm.stranger.headers
    assert data(await client.get(f"{URL}/messages", headers=there))["items"] == []
    assert data(await client.get(f"{URL}/stats", headers=there))["queues"] == []
    assert (await client.get(f"{URL}/messages/{message['id']}", headers=there)).status_code == 404
    assert (await client.post(f"{URL}/messages/{message['id']}/replay", headers=there)).status_code == 404
    assert data(await client.post(f"{URL}/messages/replay", json={}, headers=there)) == {"replayed": 0}


async def test_who_has_left_or_is_less_now_has_nothing_done_in_their_former_role(client, farm, consuming, stores):
    await with_greeting(client, farm.editor)
    first, second = [data(await hand_in(client, farm.editor)) for _ in range(2)]
    async with stores.database.session() as session:
        await session.execute(text("UPDATE queue_messages SET not_before = now() + interval '1 hour' WHERE id = :id"), {"id": second["id"]})
        await session.execute(text("UPDATE memberships SET role = 'viewer' WHERE user_id = :id"), {"id": farm.editor.user_id})
    async with consuming():
        async with asyncio.timeout(PATIENCE_S):
            while (done := await _row(stores, first["id"]))[0] not in {"done", "dead"}:  # noqa: ASYNC110 - it is worked on meanwhile
                await asyncio.sleep(0.02)
        assert done[0] == "done"
        async with stores.database.session() as session:
            role = await session.scalar(text("SELECT role FROM graph_runs WHERE id = :id"), {"id": done[1]["run_id"]})
            await session.execute(text("DELETE FROM memberships WHERE user_id = :id"), {"id": farm.editor.user_id})
            await session.execute(text("UPDATE queue_messages SET not_before = now() WHERE id = :id"), {"id": second["id"]})
        assert role == "viewer"
        async with asyncio.timeout(PATIENCE_S):
            while (left := await _row(stores, second["id"]))[0] not in {"done", "dead"}:  # noqa: ASYNC110 - it is worked on meanwhile
                await asyncio.sleep(0.02)
    assert left[0] == "dead"
    assert "no longer belongs" in left[2]


async def test_the_queue_is_counted_by_queue_and_shown_to_prometheus(client, farm, consuming):
    await with_greeting(client, farm.editor)
    message = data(await hand_in(client, farm.editor, queue="letters"))
    async with consuming():
        await ended(client, farm.editor, message)
    data(await hand_in(client, farm.editor, queue="letters"))
    data(await hand_in(client, farm.editor, queue="letters", delay_s=600))
    (count,) = data(await client.get(f"{URL}/stats", headers=farm.viewer.headers))["queues"]
    assert {name: count[name] for name in ("queue", "queued", "delayed", "running", "dead", "done_last_hour")} == {
        "queue": "letters",
        "queued": 1,
        "delayed": 1,
        "running": 0,
        "dead": 0,
        "done_last_hour": 1,
    }
    assert count["oldest_s"] > 0
    assert 0 <= count["wait_p50_s"] <= count["wait_p95_s"] < 60
    shown = (await client.get("/metrics")).text
    assert 'hearth_queue_messages{state="queued",type="workflow"} 1.0' in shown
    assert 'hearth_queue_wait_seconds{quantile="0.95",type="workflow"}' in shown
    assert "hearth_queue_up 1.0" in shown


async def test_the_types_say_what_their_payload_is(client, farm):
    found = {one["type"]: one for one in data(await client.get(f"{URL}/types", headers=farm.viewer.headers))["types"]}
    assert set(found) == {"workflow", "ingest", "webhook"}
    assert found["workflow"]["payload"]["additionalProperties"] is False


async def _row(stores, message_id: str) -> Any:
    async with stores.database.session() as session:
        chosen = text("SELECT state, result, error FROM queue_messages WHERE id = :id")
        return (await session.execute(chosen, {"id": message_id})).one()
