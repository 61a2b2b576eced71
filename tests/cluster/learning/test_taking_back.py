"""What becomes of datasets and adapters when words are taken back."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import delete, select

from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.table import Adapter, AdapterState
from cluster.learning.datasets.erasing import erased
from cluster.learning.datasets.store import Datasets
from cluster.learning.datasets.tables import DatasetVersionRow
from cluster.learning.example import Source
from cluster.learning.feedback.table import ErasedExample
from cluster.learning.taking_back import mark_if_taken_back, take_back, take_back_of
from cluster.settings import AdapterSettings
from cluster.stores.clients import StoreClients
from cluster.stores.sql import Database
from tests.organisations import new_organisation

MARKS = AdapterSettings()


@dataclass(frozen=True)
class Learner:
    """An organisation with two versions of a dataset, `a` of the first person's feedback and `b` of somebody else's label, and an adapter
    trained on each."""

    database: Database
    organisation_id: uuid.UUID
    user_id: uuid.UUID
    said: str

    async def fill(self) -> None:
        sources = {"a": Source(kind="feedback", id=self.said, user_id=str(self.user_id)), "b": Source(kind="label", id=uuid.uuid4().hex)}
        named: dict[str, Any] = {"name": "sums", "task": "sums", "shape": "sft", "recipe": {}}
        adapter: dict[str, Any] = {"base": "nano", "name": "sums", "bytes": 1, "rank": 1, "targets": [], "state": AdapterState.IN_SERVICE}
        async with self.database.session() as session:
            datasets, adapters = Datasets(session), Adapters(session)
            row = await datasets.add({"organisation_id": self.organisation_id, "owner_id": self.user_id, **named})
            for version, (name, source) in enumerate(sources.items(), 1):
                values: dict[str, Any] = {"sha256": name * 64, "train": 1, "held_out": 0, "datasheet": {}}
                await datasets.add_sources(await datasets.add_version(row, values), [source])
                about = {"sha256": name * 64, "lineage": {"dataset_sha256": name * 64}, "version": version}
                await adapters.add(organisation_id=self.organisation_id, owner_id=self.user_id, **adapter, **about)

    async def marked(self) -> tuple[list[str], list[str]]:
        """The first letters of the versions, and of the adapters, that are."""
        async with self.database.session() as session:
            versions = select(DatasetVersionRow.sha256).where(DatasetVersionRow.erased_at.is_not(None))
            adapters = select(Adapter.sha256).where(Adapter.marked.is_not(None))
            found = [
                await session.scalars(versions.where(DatasetVersionRow.organisation_id == self.organisation_id)),
                await session.scalars(adapters.where(Adapter.organisation_id == self.organisation_id)),
            ]
            return [sha256[0] for sha256 in found[0]], [sha256[0] for sha256 in found[1]]

    async def takes_back(self) -> None:
        async with self.database.session() as session:
            session.add(ErasedExample(organisation_id=self.organisation_id, source_kind="feedback", source_id=self.said, reason="consent"))

    async def gives_anew(self) -> None:
        async with self.database.session() as session:
            await session.execute(delete(ErasedExample).where(ErasedExample.source_id == self.said))


@pytest.fixture
async def learner(stores: StoreClients) -> Learner:
    made = Learner(stores.database, *await new_organisation(stores.database), uuid.uuid4().hex)
    await made.fill()
    return made


async def test_feedback_that_was_taken_back_marks_what_was_made_of_it_and_nothing_else(stores: StoreClients, learner: Learner):
    neighbour = Learner(stores.database, *await new_organisation(stores.database), learner.said)
    await neighbour.fill()
    await learner.takes_back()
    async with stores.database.session() as session:
        taken = await take_back(session, MARKS)
    assert taken.examples >= 1
    ours = [one for one in taken.marked if one.adapter.organisation_id == learner.organisation_id]
    assert [(one.adapter.sha256[0], one.retired) for one in ours] == [("a", False)]
    assert await learner.marked() == (["a"], ["a"])
    assert await neighbour.marked() == ([], [])
    async with stores.database.session() as session:
        again = await take_back(session, MARKS)
    assert (again.examples, again.marked) == (0, ()), "each is handed on once"


async def test_what_is_given_anew_may_be_in_datasets_again(stores: StoreClients, learner: Learner):
    here = ("feedback", learner.said)
    await learner.takes_back()
    async with stores.database.session() as session:
        await take_back(session, MARKS)
        assert here in await erased(session, learner.organisation_id)
    await learner.gives_anew()
    async with stores.database.session() as session:
        await take_back(session, MARKS)
        assert here not in await erased(session, learner.organisation_id)
    assert await learner.marked() == (["a"], ["a"]), "what was marked stays so: it is built anew"


async def test_a_person_who_goes_takes_everything_back(stores: StoreClients, learner: Learner):
    async with stores.database.session() as session:
        marked = await take_back_of(session, learner.organisation_id, learner.user_id, MARKS)
    assert [one.adapter.sha256[0] for one in marked] == ["a"]
    assert await learner.marked() == (["a"], ["a"])


async def test_an_adapter_that_was_being_trained_meanwhile_is_marked_when_it_is_registered(stores: StoreClients, learner: Learner):
    async with stores.database.session() as session:
        await take_back_of(session, learner.organisation_id, learner.user_id, MARKS)
        about: dict[str, Any] = {"base": "nano", "name": "late", "bytes": 1, "rank": 1, "targets": [], "state": AdapterState.CANDIDATE}
        for version, letter in enumerate("ab", 1):
            lineage = {"dataset_sha256": letter * 64}
            made = {"organisation_id": learner.organisation_id, "sha256": letter.upper() * 64, "lineage": lineage, "version": version}
            await Adapters(session).add(**about, **made)
            await mark_if_taken_back(session, learner.organisation_id, letter * 64)
    assert sorted((await learner.marked())[1]) == ["A", "a"]
