from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from api.conversations.tables import Message
from tests.api.fixtures.saying import answered, written
from tests.api.fixtures.talking import Person

ANALYTICS = "/api/v1/chat/analytics"


async def activity(someone: Person, **query: object) -> dict[str, object]:
    answer = await someone.client.get(ANALYTICS, params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    data: dict[str, object] = answer.json()["data"]
    return data


async def test_activity_is_counted_by_model_and_day(mira, stores):
    conversation = (await mira.new())["id"]
    await answered(mira, conversation, content="one two")
    old = await written(mira, (await mira.new())["id"], "long ago")
    async with stores.database.session() as session:
        await session.execute(update(Message).where(Message.id == old).values(created_at=datetime.now(UTC) - timedelta(days=3)))
    today = datetime.now(UTC).date()
    found = await activity(mira)
    assert (found["conversations"], found["messages"], found["people"]) == (2, 3, 1)
    used = {"answers": 1, "input_tokens": 2, "output_tokens": 4, "cached_tokens": 1}
    assert found["models"] == [{"model": "fake-llm", "unfinished": 0} | used]
    assert found["days"] == [
        {"day": str(today), "conversations": 1, "messages": 2, "tokens": 6},
        {"day": str(today - timedelta(days=3)), "conversations": 1, "messages": 1, "tokens": 0},
    ]
    assert (await activity(mira, days=2))["messages"] == 2


async def test_an_admin_sees_the_organisation_and_others_see_their_own(mira, person):
    await answered(mira, (await mira.new())["id"])
    admin, elsewhere = await person("admin", mira.organisation_id), await person("admin")
    assert (await activity(admin))["messages"] == 0
    assert (await activity(admin, organisation=True))["messages"] == 2
    assert (await activity(elsewhere, organisation=True))["messages"] == 0
    assert (await mira.client.get(ANALYTICS, params={"organisation": True})).status_code == 403
    assert (await mira.client.get(ANALYTICS, params={"days": 0})).status_code in {400, 422}
