"""Which feedback is an example to learn from, and of what shape."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from cluster.learning.example import Example
from cluster.learning.feedback import erased, examples
from cluster.learning.feedback.table import ErasedExample, Feedback, FeedbackConsent, FeedbackText
from cluster.stores.clients import StoreClients
from cluster.stores.sql import AsyncSession, Database
from cluster.stores.tables import Table
from tests.organisations import new_organisation

ASKED = [{"role": "user", "content": "How many goats?"}]


async def put(session: AsyncSession, table: type[Table], **values: Any) -> None:
    """Not as an object: to order those, SQLAlchemy must know the tables of the API too."""
    await session.execute(insert(table.__table__).values(**values))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Farm:
    """An organisation that agrees to be learned from, and its one person."""

    database: Database
    organisation_id: uuid.UUID
    user_id: uuid.UUID

    async def says(self, signal: str, target: str = "one", **fields: Any) -> str:
        """Id of feedback on ``target``, which was answered `3`."""
        whose = {"organisation_id": self.organisation_id, "owner_id": self.user_id}
        about = {"target_kind": "message", "target_id": target, "task": "chat"}
        text = {"shown": ASKED, "answered": "3", "is_whole": True, "is_finished": True, "provenance": {}}
        own = {name: value for name, value in fields.items() if name in Feedback.__table__.columns}
        given = uuid.uuid4()
        said = text | {name: value for name, value in fields.items() if name not in own}
        async with self.database.session() as session:
            await put(session, Feedback, id=given, signal=signal, **whose, **about | own)
            await put(session, FeedbackText, feedback_id=given, organisation_id=self.organisation_id, **said)
        return str(given)

    async def learned(self, **wanted: Any) -> list[Example]:
        async with self.database.session() as session:
            return [example async for example in examples(session, self.organisation_id, **wanted)]


@pytest.fixture
async def farm(stores: StoreClients) -> Farm:
    made = Farm(stores.database, *await new_organisation(stores.database))
    async with stores.database.session() as session:
        await put(session, FeedbackConsent, organisation_id=made.organisation_id, subject_id=made.organisation_id, may_learn=True)
    return made


async def test_a_correction_is_better_than_what_was_answered(farm: Farm):
    given = await farm.says("correction", correction="4")
    (example,) = await farm.learned()
    assert (list(example.messages), example.chosen, example.rejected, example.task) == (ASKED, "4", "3", "chat")
    assert (example.source.kind, example.source.id, example.source.user_id) == ("feedback", given, str(farm.user_id))


async def test_an_approved_answer_is_learned_as_it_is(farm: Farm):
    for at, (signal, value) in enumerate((("thumb", 1), ("stars", 4), ("stars", 5), ("thumb", -1), ("stars", 3), ("remark", None))):
        await farm.says(signal, f"{at}", value=value, answered=f"{at}")
    assert [(example.chosen, example.rejected) for example in await farm.learned()] == [("0", None), ("1", None), ("2", None)]


async def test_of_two_answers_the_preferred_one_is_learned(farm: Farm):
    await farm.says("preference", other_id="two", rejected="2")
    assert [(example.chosen, example.rejected) for example in await farm.learned()] == [("3", "2")]


async def test_who_corrects_an_answer_does_not_also_approve_of_it(farm: Farm):
    await farm.says("thumb", value=1)
    await farm.says("correction", correction="4")
    await farm.says("thumb", "another", value=1)
    assert [(example.chosen, example.rejected) for example in await farm.learned()] == [("4", "3"), ("3", None)]


async def test_what_was_not_shown_whole_or_did_not_end_teaches_nothing(farm: Farm):
    await farm.says("correction", "a", correction="4", is_whole=False)
    await farm.says("thumb", "b", value=1, is_finished=False)
    await farm.says("thumb", "c", value=1, answered="")
    await farm.says("thumb", "d", value=1, target_kind="hit")
    assert await farm.learned() == []
    await farm.says("correction", "e", correction="4", is_finished=False, answered="")
    assert [(example.chosen, example.rejected) for example in await farm.learned()] == [("4", None)]


async def test_only_some_tasks_and_only_what_was_said_since(farm: Farm):
    now = datetime.now(UTC)
    await farm.says("correction", "a", correction="old", updated_at=now - timedelta(days=2))
    await farm.says("correction", "b", correction="new", updated_at=now, task="counting")
    assert [example.chosen for example in await farm.learned()] == ["old", "new"]
    assert [example.chosen for example in await farm.learned(since=now - timedelta(days=1))] == ["new"]
    assert [example.chosen for example in await farm.learned(tasks=["chat"])] == ["old"]
    assert await farm.learned(tasks=[]) == []


async def test_nothing_is_learned_of_who_did_not_agree(farm: Farm, stores: StoreClients):
    silent = Farm(stores.database, *await new_organisation(stores.database))
    await silent.says("correction", correction="4")
    await farm.says("correction", correction="5")
    assert (await silent.learned(), [example.chosen for example in await farm.learned()]) == ([], ["5"])
    async with stores.database.session() as session:
        await put(session, FeedbackConsent, organisation_id=farm.organisation_id, subject_id=farm.user_id, may_learn=False)
    assert await farm.learned() == []


async def test_what_was_erased_is_told_from_a_moment_on_to_its_own_organisation(farm: Farm, stores: StoreClients):
    now = datetime.now(UTC)
    async with stores.database.session() as session:
        for name, when in (("first", now - timedelta(days=2)), ("second", now)):
            example = {"source_kind": "feedback", "source_id": name, "erased_at": when}
            await put(session, ErasedExample, organisation_id=farm.organisation_id, **example)
    other, _ = await new_organisation(stores.database)
    async with stores.database.session() as session:
        assert [row.source_id async for row in erased(session, farm.organisation_id)] == ["first", "second"]
        assert [row.source_id async for row in erased(session, farm.organisation_id, since=now - timedelta(days=1))] == ["second"]
        assert [row async for row in erased(session, other)] == []


async def test_with_an_organisation_goes_all_of_it(farm: Farm, stores: StoreClients):
    await farm.says("correction", correction="4")
    async with stores.database.session() as session:
        await session.execute(text("DELETE FROM organisations WHERE id = :id"), {"id": farm.organisation_id})
    async with stores.database.session() as session:
        assert [row async for row in erased(session, farm.organisation_id)] == []
    assert await farm.learned() == []
