"""Optimisations with the real rule, rows, file and launch, on rates that are pretended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.contracts.serving import Retuning
from cluster.errors import Conflict, EngineError
from cluster.fakes.jobs import LocalJobs
from cluster.optimising.overrides import Overrides
from cluster.optimising.table import OptimisationChange
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.cluster.jobs.house import forget_jobs
from tests.training.optimise.house import NANO, Box1, asked, box_of
from tests.training.optimise.pretending import PretendRigs
from tests.training.optimise.process import BESIDE

FASTER = {2: 60.0, 4: 100.0, 8: 140.0}
SAME = {2: 100.0, 4: 100.0, 8: 101.0}
SLOWER = {None: 100.0, 2: 100.0, 4: 100.0, 8: 60.0}


@pytest.fixture
async def box(stores: StoreClients, store_settings: Settings, tmp_path: Path) -> Box1:
    return await box_of(stores, store_settings, tmp_path)


def rigs(box: Box1, beside: Any = FASTER, live: Any = FASTER, field: str = "parallel", **others: Any) -> PretendRigs:
    return PretendRigs(box.home, field, beside, {None: live.get(4, 100.0), **live}, **others)


async def test_what_is_better_beside_is_proposed_with_every_sample_and_nothing_is_changed(box: Box1):
    one = await asked(box, rigs(box))
    job = await one.run()
    (change,) = (await one.found()).changes
    assert (change.state, change.change) == (
        "proposed",
        {"kind": "served", "model": NANO, "field": "parallel", "before": 4, "after": 8},
    )
    assert change.evidence is not None
    assert 1.3 < change.evidence["low"] < change.evidence["ratio"] < change.evidence["high"] < 1.5
    samples = await one.samples()
    assert len(samples) == 3 * 4
    assert {sample[2] for sample in samples} == {"in force", "2", "8"}
    assert job.result == {"optimisation": str(one.id), "changes": {"0": "proposed"}}
    assert (box.profile().models[0].parallel, box.box().tuning(NANO)) == (4, Retuning())


async def test_each_round_measures_every_setting_once_and_only_while_nobody_asks(box: Box1):
    pretended = rigs(box)
    one = await asked(box, pretended)
    await one.run()
    told = [retuning.parallel or 0 for retuning in pretended.measured[0].told]
    rounds = [told[start : start + 3] for start in range(0, len(told), 3)]
    assert all(sorted(found) == [2, 4, 8] for found in rounds)
    assert len({tuple(found) for found in rounds}) > 1, "in other orders, so that nothing is always first"
    assert pretended.quiets == 12
    assert pretended.specs[0].state_dir == "", "what is tried is not taken for what the model needs"


async def test_what_is_not_better_beyond_noise_is_not_proposed(box: Box1):
    one = await asked(box, rigs(box, beside=SAME))
    await one.run()
    (change,) = (await one.found()).changes
    assert (change.state, change.change) == ("refused", None)
    assert change.reason.startswith("Nothing tried beside 4 is better beyond noise by 5%.")
    assert change.evidence is not None


async def test_without_room_for_one_more_it_is_said_what_to_do(box: Box1):
    one = await asked(box, rigs(box, room=False))
    await one.run()
    assert (await one.found()).changes[0].reason == "There is no room."


async def test_values_that_do_not_fit_this_machine_are_not_tried(box: Box1):
    one = await asked(
        box, rigs(box, beside={512: 1.0, 1024: 1.0}, field="context_tokens"), optimisers=["context"], values={"context": [1024, 4096]}
    )
    await one.run()
    (change,) = (await one.found()).changes
    assert "4096 is not possible" in change.reason
    assert change.change == {"kind": "served", "model": NANO, "field": "context_tokens", "before": 512, "after": 1024}
    assert "./hearth down && ./hearth up" in change.how


async def test_what_is_applied_is_measured_in_service_stays_and_outlives_a_restart(box: Box1):
    pretended = rigs(box)
    one = await asked(box, pretended, apply=True)
    await one.run()
    (change,) = (await one.found()).changes
    assert change.state == "applied"
    assert change.outcome is not None
    assert change.outcome["measured"]["ratio"] > 1.3
    assert box.box().replica(NANO).parallel == 8
    assert box.profile().models[0].parallel == 8
    (override,) = Overrides(box.home, "one").all()
    assert str(override).startswith("hearth-nano: parallel is 8 (was 4), by optimisation")
    box.start()
    assert (box.box().replica(NANO).parallel, box.box().tuning(NANO)) == (8, Retuning())


async def test_what_is_worse_in_service_goes_back(box: Box1):
    one = await asked(box, rigs(box, live=SLOWER), apply=True)
    await one.run()
    (change,) = (await one.found()).changes
    assert change.state == "reverted"
    assert change.reason.startswith("In service it was worse beyond noise")
    assert (box.box().replica(NANO).parallel, box.profile().models[0].parallel) == (4, 4)


async def test_what_was_applied_can_be_taken_back_and_applied_again(box: Box1):
    one = await asked(box, rigs(box), apply=True)
    await one.run()
    await one.step("revert")
    await one.run()
    assert ((await one.found()).changes[0].state, box.box().replica(NANO).parallel, box.profile().models[0].parallel) == ("reverted", 4, 4)
    await one.step("apply")
    await one.run()
    assert ((await one.found()).changes[0].state, box.box().replica(NANO).parallel, box.profile().models[0].parallel) == ("applied", 8, 8)


async def test_taken_back_after_a_restart_it_is_as_before_too(box: Box1):
    one = await asked(box, rigs(box), apply=True)
    await one.run()
    box.start()
    await one.step("revert")
    await one.run()
    assert (box.box().tuning(NANO), box.box().replica(NANO).parallel, box.profile().models[0].parallel) == (Retuning(parallel=4), 4, 4)


async def test_of_two_that_changed_the_same_the_later_one_is_taken_back_first(box: Box1):
    first = await asked(box, rigs(box), apply=True)
    await first.run()
    faster = {8: 100.0, 4: 50.0, 16: 150.0}
    second = await asked(box, rigs(box, faster, faster), apply=True)
    await second.run()
    await first.step("revert")
    with pytest.raises(Conflict, match=r"parallel is 16 \(was 8\).*take that back first"):
        await first.run()
    assert box.box().replica(NANO).parallel == 16
    for one in (second, first):
        await one.step("revert")
        await one.run()
    assert (box.box().replica(NANO).parallel, box.profile().models[0].parallel) == (4, 4)


async def test_what_takes_a_start_waits_for_it(box: Box1):
    one = await asked(box, rigs(box, {512: 1.0, 1024: 1.0}, field="context_tokens"), optimisers=["context"], apply=True)
    await one.run()
    (change,) = (await one.found()).changes
    assert (change.state, box.box().replica(NANO).context_tokens, box.profile().models[0].context_tokens) == ("waiting", 512, 1024)
    box.start()
    await one.step("apply")
    await one.run()
    assert (await one.found()).changes[0].reason == "The cluster runs with context_tokens 1024."
    await one.step("revert")
    await one.run()
    (change,) = (await one.found()).changes
    assert (change.state, box.profile().models[0].context_tokens) == ("reverted", 512)
    assert "It takes a start" in change.reason


async def test_a_longer_context_that_costs_too_much_speed_is_not_proposed(box: Box1):
    one = await asked(box, rigs(box, {512: 100.0, 1024: 80.0}, field="context_tokens"), optimisers=["context"])
    await one.run()
    assert (await one.found()).changes[0].state == "refused"


async def test_a_window_measures_what_is_served_and_leaves_it_as_it_was(box: Box1):
    pretended = rigs(box, live=FASTER)
    one = await asked(box, pretended, moment="window")
    await one.run()
    assert (await one.found()).changes[0].state == "proposed"
    assert (box.box().replica(NANO).parallel, pretended.quiets, pretended.specs) == (4, 0, [])


async def test_a_measurement_that_breaks_off_takes_back_what_it_put_in_force(box: Box1):
    class Breaking(PretendRigs):
        def live(self, model: str) -> Any:
            rig = super().live(model)
            if len(self.measured) == 2:
                rig.rates = {}
            return rig

    pretended = Breaking(box.home, "parallel", FASTER, FASTER)
    one = await asked(box, pretended, apply=True)
    with pytest.raises(KeyError):
        await one.run()
    found = await one.found()
    assert (found.standing, found.changes[0].state) == ("failed", "reverted")
    assert (box.box().replica(NANO).parallel, box.profile().models[0].parallel) == (4, 4)


async def test_killed_while_what_it_applied_is_unproven_it_goes_on_and_takes_back_what_is_worse(box: Box1, stores: StoreClients):
    one = await asked(box, rigs(box, beside=BESIDE))
    await one.run()
    await forget_jobs(stores)
    await one.step("apply")
    runner = LocalJobs()
    dispatcher = box.house.dispatcher(runner, {"performance.optimize": "tests.training.optimise.process"})
    await dispatcher.start()
    try:
        await box.house.until_so(one.job, lambda now: now.attempt >= 2)
        in_force = (box.box().tuning(NANO).parallel, box.profile().models[0].parallel)
        job = await box.house.until(one.job, "succeeded", "failed")
    finally:
        await dispatcher.stop()
        await runner.end()
    assert job.state == "succeeded", job.error
    assert job.result is not None
    assert job.result["changes"] == {"0": "reverted"}
    assert in_force[1] == 8, "the first attempt had put it in force"
    assert (box.box().replica(NANO).parallel, box.profile().models[0].parallel) == (4, 4)
    samples = await one.samples()
    assert len(samples) == len({sample[:3] for sample in samples}) == 3 * 4 + 2 * 4


async def test_what_a_killed_job_left_unproven_the_next_one_takes_back(box: Box1):
    one = await asked(box, rigs(box))
    await one.run()
    override_put = await asked(box, rigs(box), apply=True)
    dead = rigs(box)
    dead.live_rates = {}
    override_put.rigs = dead
    with pytest.raises(KeyError):
        await override_put.run()
    async with box.house.database.session() as session:
        row = await session.get(OptimisationChange, (override_put.id, 0))
        assert row is not None
        row.state = "applying"
    box.box().retuned(NANO, Retuning(parallel=8)).write()
    await one.step("apply")
    await one.run()
    assert (await override_put.found()).changes[0].state == "reverted"
    assert (await one.found()).changes[0].state == "applied"


async def test_an_engine_that_takes_no_other_slots_is_left_alone(box: Box1):
    class Stubborn(PretendRigs):
        def beside(self, spec: Any) -> Any:
            raise EngineError("It did not start.")

    one = await asked(box, Stubborn(box.home, "parallel", FASTER, FASTER))
    with pytest.raises(EngineError):
        await one.run()
    assert ((await one.found()).standing, (await one.found()).error) == ("failed", "It did not start.")
