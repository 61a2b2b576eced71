"""Answers that the gate kept go with the example that they are a copy of."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select

from cluster.learning.example import Source
from cluster.learning.feedback.table import ErasedExample
from cluster.learning.gate.store import GateVerdicts, NewVerdict
from cluster.learning.gate.table import GateAnswer
from cluster.learning.taking_back import take_back
from cluster.settings import AdapterSettings
from cluster.specs.gate import GATES, Gates
from cluster.stores.clients import StoreClients
from cluster.stores.sql import Database
from tests.cluster.learning.analytics.judged import Place
from tests.organisations import new_organisation


async def judged(place: Place, *sources: Source) -> uuid.UUID:
    """A verdict with an answer to an item of each source."""
    told = ("nano:sums@1", "nano", Gates.load(GATES).get("default"), {"kind": "file", "file": "x", "sha256": "0" * 64})
    async with place.database.session() as session:
        row = await GateVerdicts(session).add(NewVerdict(place.organisation_id, place.user_id, *told))
        for number, source in enumerate(sources):
            said = {"messages": [], "expected": source.id, "candidate_mark": 1.0, "incumbent_mark": 0.0}
            session.add(GateAnswer(verdict_id=row.id, set_name="task", number=number, source_kind=source.kind, source_id=source.id, **said))
        return row.id


async def kept(database: Database, verdict: uuid.UUID) -> list[str]:
    async with database.session() as session:
        chosen = select(GateAnswer.expected).where(GateAnswer.verdict_id == verdict).order_by(GateAnswer.number)
        return list(await session.scalars(chosen))


@pytest.fixture
async def place(stores: StoreClients) -> Place:
    return Place(stores.database, *await new_organisation(stores.database))


async def erase(place: Place, source_id: str) -> None:
    async with place.database.session() as session:
        session.add(ErasedExample(organisation_id=place.organisation_id, source_kind="feedback", source_id=source_id))


async def test_one_that_is_taken_back_takes_its_copies_and_no_others(stores: StoreClients, place: Place):
    gone, stays = uuid.uuid4().hex, uuid.uuid4().hex
    sources = [Source(kind="feedback", id=gone), Source(kind="feedback", id=stays), Source(kind="label", id=gone)]
    verdicts = [await judged(place, *sources) for _ in range(2)]
    other = Place(stores.database, *await new_organisation(stores.database))
    theirs = await judged(other, sources[0])
    await erase(place, gone)
    async with place.database.session() as session:
        await take_back(session, AdapterSettings())
    assert [await kept(place.database, verdict) for verdict in verdicts] == [[stays, gone]] * 2
    assert await kept(place.database, theirs) == [gone], "of another organisation, the same name is another example"


async def test_an_answer_that_a_running_gate_writes_afterwards_goes_at_the_next_look(place: Place):
    said = uuid.uuid4().hex
    await erase(place, said)
    async with place.database.session() as session:
        await take_back(session, AdapterSettings())
    late = await judged(place, Source(kind="feedback", id=said))
    async with place.database.session() as session:
        await take_back(session, AdapterSettings())
    assert await kept(place.database, late) == []
