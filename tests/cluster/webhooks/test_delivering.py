from __future__ import annotations

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from cluster.webhooks.events import tell
from cluster.webhooks.log import DeliveryLog
from tests.cluster.webhooks.place import Place
from tests.cluster.webhooks.receiver import Receiver


async def test_an_event_arrives_signed_and_stands_in_the_log(place: Place, receiver: Receiver) -> None:
    webhook, secret = await place.subscribe(receiver.hook, "run.*")
    await place.tell("run.succeeded", run_id="r-1", graph="gr\u00fc\u00dfe")
    async with place.delivering():
        (message,) = await place.settled()

    (told,) = receiver.told(secret)
    assert (told["type"], told["data"]) == ("run.succeeded", {"run_id": "r-1", "graph": "gr\u00fc\u00dfe"})
    assert told["timestamp"].endswith("Z")
    (headers, _), (delivery,) = receiver.seen[0], await place.deliveries(webhook)
    assert headers["webhook-id"] == str(message.id) == str(delivery.message_id)
    assert (delivery.event, delivery.attempt, delivery.status, delivery.error) == ("run.succeeded", 1, 204, None)
    assert (await place.look(webhook)).delivered_at is not None
    assert secret not in str([message.payload, message.result, headers])


async def test_each_webhook_is_told_of_what_it_asked_for_and_of_no_neighbour_s(place: Place, receiver: Receiver) -> None:
    _, first = await place.subscribe(receiver.hook, "job.failed")
    await place.subscribe(receiver.hook, "document.*")
    other = place.limited(await place.house.neighbour())
    await other.subscribe(receiver.hook, "*")
    for event in ("job.failed", "job.succeeded", "run.failed"):
        await place.tell(event)
    async with place.delivering():
        await place.settled()

    assert [told["type"] for told in receiver.told(first)] == ["job.failed"]
    assert not await other.waiting()


async def test_what_was_rolled_back_is_told_to_nobody(place: Place, receiver: Receiver) -> None:
    await place.subscribe(receiver.hook, "*")
    with pytest.raises(RuntimeError):
        await _tell_and_break(place)

    assert not await place.waiting()


async def test_it_is_tried_again_under_the_same_id_until_it_is_taken(place: Place, receiver: Receiver) -> None:
    webhook, secret = await place.subscribe(receiver.hook, "*")
    # Followed, a redirect would end in a GET without the event.
    receiver.answers, receiver.headers = [500, 302], {"location": "/elsewhere"}
    await place.tell("job.failed")
    async with place.delivering():
        (message,) = await place.settled()

    assert (message.state, message.tries) == ("done", 2)
    assert len(receiver.told(secret)) == 3
    assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 1
    assert [one.status for one in await place.deliveries(webhook)] == [204, 302, 500]
    assert (await place.look(webhook)).failures == 0


async def test_retry_after_is_heeded(place: Place, receiver: Receiver) -> None:
    await place.subscribe(receiver.hook, "*")
    receiver.answers, receiver.headers = [429], {"retry-after": "300"}
    await place.tell("job.failed")
    async with place.delivering():
        (message,) = await place.waiting()
        message = await place.house.until(message, lambda now: now.tries == 1)

    assert 200 < (message.not_before - message.queued_at).total_seconds() < 400


async def test_after_many_failures_it_is_disabled_and_says_why_and_what_waited_can_be_replayed(place: Place, receiver: Receiver) -> None:
    few = place.limited(max_failures=2)
    webhook, secret = await few.subscribe(receiver.hook, "*")
    receiver.answers = [500, 503]
    for n in range(3):
        await few.tell("job.failed", n=n)
    async with place.limited(place.house.limited(concurrent=1), max_failures=2).delivering():
        messages = await few.settled()

    now = await few.look(webhook)
    assert (now.enabled, now.failures) == (False, 2)
    assert "2 deliveries failed one after the other (setting webhooks.max_failures)" in str(now.disabled_reason)
    assert {message.state for message in messages} == {"dead"}
    await few.tell("job.failed", n=4)
    assert len(await few.waiting()) == 3
    await few.house.execute("UPDATE webhooks SET enabled = true, failures = 0")
    async with few.house.messages() as rows:
        for message in messages:
            await rows.replay(await rows.get(few.house.organisation_id, message.id, lock=True))
    async with few.delivering():
        assert {message.state for message in await few.settled()} == {"done"}
    assert len(receiver.told(secret)) == 5


async def test_one_that_is_gone_is_disabled_at_once(place: Place, receiver: Receiver) -> None:
    webhook, _ = await place.subscribe(receiver.hook, "job.*")
    _, other = await place.subscribe(receiver.hook, "webhook.disabled")
    receiver.answers = [410]
    await place.tell("job.failed")
    async with place.delivering():
        await place.settled()
    del receiver.seen[0]
    assert [told["data"]["webhook_id"] for told in receiver.told(other)] == [str(webhook.id)]

    now = await place.look(webhook)
    assert not now.enabled
    assert "gone" in str(now.disabled_reason)


async def test_an_address_that_is_not_allowed_is_not_asked(place: Place, receiver: Receiver) -> None:
    webhook, _ = await place.subscribe("http://127.0.0.1:9/hook", "*")
    await place.tell("job.failed")
    async with place.delivering():
        (message,) = await place.settled()

    assert (message.state, message.tries) == ("dead", 1)
    assert "outgoing.allowed" in str(message.error)
    assert (await place.deliveries(webhook))[0].status is None
    assert not receiver.seen


async def test_one_that_too_much_waits_for_is_disabled(place: Place, receiver: Receiver) -> None:
    small = place.limited(pending=2)
    webhook, _ = await small.subscribe(receiver.hook, "*")
    for _ in range(3):
        await small.tell("job.failed")
    async with small.house.database.session() as session:
        assert await DeliveryLog(session, small.settings).disable_crowded() == 1

    assert "webhooks.pending" in str((await small.look(webhook)).disabled_reason)


async def test_both_secrets_sign_after_a_rotation_and_the_old_one_not_for_ever(place: Place, receiver: Receiver) -> None:
    webhook, old = await place.subscribe(receiver.hook, "*")
    new = await place.rotate(webhook)
    await place.tell("job.failed")
    async with place.delivering():
        await place.settled()
    assert len(receiver.told(old)) == len(receiver.told(new)) == 1

    await place.tell("job.failed")
    async with place.limited(rotation_s=0).delivering():
        await place.settled()
    headers, body = receiver.seen[1]
    Verifier(new).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(old).verify(body, headers)


async def _tell_and_break(place: Place) -> None:
    async with place.house.database.session() as session:
        await tell(session, place.house.organisation_id, "job.failed", {})
        raise RuntimeError("It breaks off.")
