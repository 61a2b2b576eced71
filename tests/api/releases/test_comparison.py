"""What people said of answers with a release and without it, and what that shows."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from api.conversations.tables import Conversation, Message
from cluster.learning.feedback.table import Feedback
from cluster.stores.clients import StoreClients
from tests.api.adapters.shelf import data_of
from tests.api.conftest import error_of
from tests.api.fixtures.people import Person, add_person
from tests.api.releases.shelf import FORCED, URL, act, make
from tests.cluster.learning.adapters.folders import BASE

WELL, BADLY = ("thumb", 1), ("thumb", -1)


async def say(
    stores: StoreClients, person: Person, release: str | None, signals: list[tuple[str, int | None] | None], **fields: Any
) -> None:
    """One conversation for each signal, with two answers, of which the second is spoken of."""
    now, here = datetime.now(UTC), person.organisation_id
    told = {"type": "general", "status": "active", "title": "x", "expires_at": now + timedelta(days=1), "organisation_id": here}
    talks = [Conversation(id=uuid.uuid4(), owner_id=person.user_id, **told) for _ in signals]
    common = {"role": "assistant", "parts": [], "text": "x", "model": BASE, "release": release, "latency_ms": 100, **fields}
    answers = [[Message(id=uuid.uuid4(), conversation_id=talk.id, **common) for _ in range(2)] for talk in talks]
    said = [
        Feedback(
            id=uuid.uuid4(), organisation_id=here, owner_id=person.user_id, target_kind="message", target_id=str(pair[1].id), task="chat"
        )
        for pair in answers
    ]
    for row, signal in zip(said, signals, strict=True):
        row.signal, row.value = signal or ("none", None)
    async with stores.database.session() as session:
        session.add_all(talks)
        await session.flush()
        session.add_all([message for pair in answers for message in pair])
        session.add_all([row for row, signal in zip(said, signals, strict=True) if signal is not None])


async def compared(client: httpx.AsyncClient, person: Person, release: Any, **query: float) -> Any:
    return data_of(await client.get(f"{URL}/{release['id']}/comparison", params=query, headers=person.headers))


async def test_conversations_are_compared_not_answers_and_only_those_that_were_assigned(client, stores, admin: Person):
    await say(stores, admin, None, [BADLY] * 3)
    release = await make(client, admin)
    data_of(await act(client, admin, release, "ab", {"percent": 50, **FORCED}, "PUT"))
    await say(stores, admin, "support@1", [WELL, ("stars", 5), ("regenerate", None), ("stars", 3), None])
    await say(stores, admin, None, [("copy", None), BADLY, ("correction", None)])
    await say(stores, admin, "other@1", [WELL])
    await say(stores, admin, None, [BADLY] * 2, adapter="records")
    await say(stores, admin, None, [BADLY] * 2, fallbacks=[{"model": BASE, "code": "x", "reason": "x"}])
    await say(stores, await add_person(stores), None, [BADLY] * 2)
    found = await compared(client, admin, release)
    assert found["candidate"] == {"conversations": 5, "answers": 10, "rated": 3, "went_well": 2, "up": 1, "down": 0, "against": 1}
    assert found["control"] == {"conversations": 4, "answers": 8, "rated": 4, "went_well": 2, "up": 1, "down": 1, "against": 2}
    assert found["rates"]["difference"] == 2 / 3 - 1 / 2
    assert (found["trial"]["kind"], found["trial"]["ended_at"], found["shown"], found["is_enough"]) == ("ab", None, "nothing", False)
    assert found["latency"]["candidate"] == 100


async def test_what_is_shown_is_promoted_on_request_and_only_then(client, stores, admin: Person):
    release = await make(client, admin)
    nothing = await compared(client, admin, release)
    assert (nothing["trial"], nothing["rates"]["candidate"], "never tried" in nothing["reason"]) == (None, None, True)
    data_of(await act(client, admin, release, "ab", {"percent": 50, **FORCED}, "PUT"))
    await say(stores, admin, "support@1", [WELL, WELL, WELL, WELL, BADLY] * 12)
    await say(stores, admin, None, [WELL, BADLY, BADLY] * 20)
    found = await compared(client, admin, release)
    assert (found["shown"], found["is_enough"]) == ("better", False)
    assert found["rates"]["p_value"] < found["rates"]["p_anytime"] < 0.05, "looking often costs something"
    assert found["rates"]["low"] > 0
    assert (await compared(client, admin, release, difference=0.4))["is_enough"]
    refused = await act(client, admin, release, "promote", {"if_better": True, **FORCED})
    assert (refused.status_code, "fewer than" in error_of(refused)["message"]) == (409, True)
    await say(stores, admin, "support@1", [WELL, WELL, WELL, WELL, BADLY] * 70)
    await say(stores, admin, None, [WELL, BADLY, BADLY] * 120)
    assert data_of(await client.get(f"{URL}/{release['id']}", headers=admin.headers))["state"] == "ab"
    assert data_of(await act(client, admin, release, "promote", {"if_better": True, **FORCED}))["state"] == "in_service"
    ended = await compared(client, admin, release)
    assert ended["trial"]["ended_at"] is not None
    await say(stores, admin, "support@1", [BADLY] * 3)
    assert (await compared(client, admin, release))["candidate"] == ended["candidate"], "what comes after a test is no part of it"


async def test_what_is_worse_is_called_so(client, stores, admin: Person):
    release = await make(client, admin)
    data_of(await act(client, admin, release, "canary", {"percent": 50, **FORCED}, "PUT"))
    await say(stores, admin, "support@1", [BADLY] * 30)
    await say(stores, admin, None, [WELL] * 30)
    assert (await compared(client, admin, release))["shown"] == "worse"
    data_of(await act(client, admin, release, "canary", {"percent": 20}, "PUT"))
    assert (await compared(client, admin, release))["candidate"]["conversations"] == 0, "another share is another test"
