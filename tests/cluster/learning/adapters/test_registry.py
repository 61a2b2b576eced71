from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.errors import BadInput, Conflict, NotFound, TooLarge, Unprocessable
from cluster.home import Home
from cluster.learning.adapters.manifest import Bundle, Manifests
from cluster.learning.adapters.publishing import publish, publish_all, sweep
from cluster.learning.adapters.registry import Adapters, register
from cluster.learning.adapters.service import InService
from cluster.learning.adapters.storage import AdapterFolders
from cluster.learning.adapters.table import Adapter, AdapterState
from cluster.settings import Settings
from cluster.settings.adapters import AdapterSettings
from cluster.stores.clients import StoreClients
from cluster.stores.sql import Database
from tests.cluster.learning.adapters.folders import BASE, write_adapter
from tests.organisations import new_organisation


@dataclass
class Place:
    """An organisation, and a home of its own."""

    database: Database
    settings: Settings
    folder: Path
    organisation_id: uuid.UUID
    user_id: uuid.UUID

    @property
    def home(self) -> Home:
        return Home(self.settings.home)

    async def add(self, name: str = "records", seed: int = 1, **changes) -> Adapter:
        source = write_adapter(self.folder / uuid.uuid4().hex, seed=seed, **changes)
        async with self.database.session() as session:
            row = await register(
                session,
                organisation_id=self.organisation_id,
                base=BASE,
                name=name,
                folder=source,
                lineage={"dataset_sha256": f"data-{seed}"},
                settings=self.settings,
            )
        await publish(self.database, self.home, BASE)
        return row

    async def promote(self, row: Adapter, *, force: bool = True) -> Adapter:
        async with self.service() as service:
            return await service.promote(self.organisation_id, row.id, self.user_id, force=force)

    async def roll_back(self) -> uuid.UUID | None:
        """The adapter that answers then."""
        async with self.service() as service:
            _, now = await service.roll_back(self.organisation_id, BASE)
        return now.adapter.id if now.adapter is not None else None

    @asynccontextmanager
    async def service(self) -> AsyncIterator[InService]:
        async with self.database.session() as session:
            yield InService(session, 5)
        await publish(self.database, self.home, BASE)

    def answers(self, adapter: str | None = None) -> str | None:
        """What a request goes to."""
        entry = Manifests(self.home).of(BASE).choose(str(self.organisation_id), adapter, "somebody").adapter
        return entry.label if entry is not None else None

    async def state(self, row: Adapter) -> str:
        async with self.database.session() as session:
            return (await Adapters(session).get(self.organisation_id, row.id)).state


@pytest.fixture
async def place(stores: StoreClients, tmp_path: Path) -> Place:
    settings = Settings(home=tmp_path / "home", adapters=AdapterSettings(per_organisation=3, rank=8))
    return Place(stores.database, settings, tmp_path, *await new_organisation(stores.database))


async def test_an_adapter_is_kept_with_what_it_was_made_of(place: Place):
    row = await place.add()
    assert (row.version, row.state, row.rank, row.targets) == (1, AdapterState.CANDIDATE, 2, ["q_proj"])
    assert row.lineage == {"dataset_sha256": "data-1"}
    kept = AdapterFolders(place.home).path(place.organisation_id, row.sha256)
    assert sorted(path.name for path in kept.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert row.bytes == sum(path.stat().st_size for path in kept.iterdir())


async def test_a_name_that_is_there_gets_the_next_version_and_equal_files_are_kept_once(place: Place):
    first, second = await asyncio.gather(place.add(), place.add())
    assert {first.version, second.version} == {1, 2}
    assert first.sha256 == second.sha256
    assert place.answers("records") == "records@2"
    assert place.answers("records@1") == "records@1"


@pytest.mark.parametrize(
    ("name", "changes", "error", "said"),
    [
        ("Records", {}, BadInput, "lower-case"),
        ("../x", {}, BadInput, "lower-case"),
        ("base", {}, BadInput, "without an adapter"),
        ("records", {"width": 128}, Unprocessable, "for another model"),
        ("records", {"rank": 16}, TooLarge, "adapters.rank"),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_stays(place: Place, name: str, changes, error, said: str):
    with pytest.raises(error, match=said):
        await place.add(name, **changes)
    async with place.database.session() as session:
        assert await Adapters(session).page(place.organisation_id) == []
    assert not place.home.adapters.exists()


async def test_there_may_be_so_many_and_no_more(place: Place):
    for seed in range(3):
        await place.add(seed=seed)
    with pytest.raises(Conflict, match=r"adapters\.per_organisation"):
        await place.add(seed=4)


async def test_a_candidate_is_promoted_by_force_only_and_a_passed_one_freely(place: Place):
    row = await place.add()
    with pytest.raises(Conflict, match="has not passed the gate"):
        await place.promote(row, force=False)
    async with place.service() as service:
        await service.adapters.judged(await service.adapters.get(place.organisation_id, row.id), passed=True)
    promoted = await place.promote(row, force=False)
    assert (promoted.state, promoted.approver_id) == (AdapterState.IN_SERVICE, place.user_id)
    assert place.answers() == "records@1"
    assert place.answers("base") is None


async def test_a_refused_one_is_not_promoted(place: Place):
    row = await place.add()
    async with place.service() as service:
        await service.adapters.judged(await service.adapters.get(place.organisation_id, row.id), passed=False)
    with pytest.raises(Conflict, match="refused by the gate"):
        await place.promote(row, force=False)
    assert place.answers() is None


async def test_rolling_back_goes_through_all_that_was_before_to_the_base_itself(place: Place):
    one, two = await place.add(seed=1), await place.add(seed=2)
    await place.promote(one)
    await place.promote(two)
    assert (place.answers(), await place.state(one)) == ("records@2", "passed")
    assert await place.roll_back() == one.id
    assert (place.answers(), await place.state(one), await place.state(two)) == ("records@1", "in_service", "passed")
    assert await place.roll_back() is None
    assert (place.answers(), await place.state(one)) == (None, "passed")
    with pytest.raises(Conflict, match="nothing to go back to"):
        await place.roll_back()


async def test_one_that_has_been_deleted_is_passed_over_by_a_rollback(place: Place):
    rows = [await place.add(seed=seed) for seed in range(3)]
    for row in rows:
        await place.promote(row)
    async with place.service() as service:
        _, alone = await service.remove(place.organisation_id, rows[1].id)
    assert alone is True
    assert await place.roll_back() == rows[0].id


async def test_two_promotions_at_once_end_in_one_of_them_and_both_are_in_the_history(place: Place):
    one, two = await place.add(seed=1), await place.add(seed=2)
    await asyncio.gather(place.promote(one), place.promote(two))
    last = place.answers()
    await place.roll_back()
    assert {last, place.answers()} == {"records@1", "records@2"}
    await place.roll_back()
    assert place.answers() is None


async def test_a_canary_gets_its_share_and_ends_with_a_promotion(place: Place):
    one, two = await place.add(seed=1), await place.add(seed=2)
    await place.promote(one)
    async with place.service() as service:
        await service.canary(place.organisation_id, two.id, 100)
    assert place.answers() == "records@2"
    with pytest.raises(Conflict, match="Requests go to this adapter"):
        async with place.service() as service:
            await service.retire(place.organisation_id, two.id)
    async with place.service() as service:
        await service.canary(place.organisation_id, two.id, 0)
    assert place.answers() == "records@1"
    with pytest.raises(Conflict, match="answers for its base already"):
        async with place.service() as service:
            await service.canary(place.organisation_id, one.id, 5)


async def test_a_retired_one_is_not_asked_any_more(place: Place):
    row = await place.add()
    async with place.service() as service:
        await service.retire(place.organisation_id, row.id)
    with pytest.raises(NotFound):
        place.answers("records")
    with pytest.raises(Conflict, match="retired"):
        await place.promote(row)


async def test_one_in_service_is_neither_retired_nor_deleted(place: Place):
    row = await place.add()
    await place.promote(row)
    for act in ("retire", "remove"):
        with pytest.raises(Conflict, match="roll back"):
            async with place.service() as service:
                await getattr(service, act)(place.organisation_id, row.id)


async def test_another_organisation_sees_nothing_of_it(place: Place, stores: StoreClients):
    row = await place.add()
    await place.promote(row)
    other, somebody = await new_organisation(stores.database)
    assert Manifests(place.home).of(BASE).choose(str(other), None, "x") == Bundle()
    async with stores.database.session() as session:
        assert await Adapters(session).page(other) == []
        with pytest.raises(NotFound):
            await InService(session, 5).promote(other, row.id, somebody, force=True)


async def test_what_a_crash_kept_from_being_written_down_is_written_at_the_next_look(place: Place):
    row = await place.add()
    async with place.database.session() as session:
        await InService(session, 5).promote(place.organisation_id, row.id, place.user_id, force=True)
    assert place.answers() is None
    # Other tests have adapters of other bases in the same database.
    assert await publish_all(place.database, place.home) >= 1
    assert place.answers() == "records@1"
    assert await publish_all(place.database, place.home) == 0


async def test_files_that_no_row_names_are_removed_when_they_are_old_enough(place: Place):
    row = await place.add()
    folders = AdapterFolders(place.home)
    lost, _ = folders.keep(place.organisation_id, write_adapter(place.folder / "lost", seed=9), 2**20)
    half = folders.path(place.organisation_id, "half.part")
    half.mkdir()
    assert await sweep(place.database, place.home, 3600) == 0
    for sha256 in (row.sha256, lost, "half.part"):
        os.utime(folders.path(place.organisation_id, sha256), (0, 0))
    assert await sweep(place.database, place.home, 3600) == 1
    kept = folders.path(place.organisation_id, row.sha256)
    assert list(kept.parent.iterdir()) == [kept]


async def test_adapters_of_a_dataset_are_marked_and_stay_in_service(place: Place):
    one, two = await place.add(seed=1), await place.add(seed=2)
    await place.promote(one)
    async with place.database.session() as session:
        marked = await Adapters(session).mark(place.organisation_id, ["data-1"], "Somebody was erased.")
        assert [row.id for row in marked] == [one.id]
        assert not await Adapters(session).mark(place.organisation_id, ["data-1"], "Somebody was erased."), "each is told of once"
    async with place.database.session() as session:
        found = {row.id: row.marked for row in await Adapters(session).page(place.organisation_id)}
    assert found == {one.id: "Somebody was erased.", two.id: None}
    assert place.answers() == "records@1"


async def test_one_that_is_marked_goes_into_service_by_force_only(place: Place):
    row = await place.add(seed=1)
    async with place.database.session() as session:
        await Adapters(session).judged(row, passed=True)
        await Adapters(session).mark(place.organisation_id, ["data-1"], "Somebody was erased.")
    with pytest.raises(Conflict, match="words that were taken back"):
        await place.promote(row, force=False)
    await place.promote(row)
    assert place.answers() == "records@1"


async def test_what_is_withdrawn_leaves_as_a_canary_too_and_nothing_marked_comes_in_its_place(place: Place):
    one, two, three = [await place.add(seed=seed) for seed in (1, 2, 3)]
    for row in (one, two, three):
        await place.promote(row)
    async with place.database.session() as session:
        await Adapters(session).mark(place.organisation_id, ["data-2", "data-3"], "Somebody was erased.")
    async with place.service() as service:
        await service.withdraw(place.organisation_id, three.id)
    assert (place.answers(), await place.state(three), await place.state(one)) == ("records@1", "retired", "in_service")
    async with place.service() as service:
        await service.canary(place.organisation_id, two.id, 100)
    assert place.answers() == "records@2"
    async with place.service() as service:
        await service.withdraw(place.organisation_id, two.id)
    assert place.answers() == "records@1"
    async with place.service() as service:
        await service.withdraw(place.organisation_id, one.id)
    assert place.answers() is None
