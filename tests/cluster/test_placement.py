from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.bench.plan import GIB, Instance, enumerate_best, random_instance, value_of
from cluster.errors import ConfigError
from cluster.hardware import Device
from cluster.placement import Demand, Plan, plan
from cluster.ray_allocator import UNITS, choose_gpu


def gpus(*sizes: int) -> tuple[Device, ...]:
    return tuple(Device(f"gpu-{i}", "card", size * GIB, "8.0") for i, size in enumerate(sizes))


CPU = Device("cpu", "CPU", 16 * GIB, None)


def want(model: str, size: float, devices: tuple[Device, ...], **fields) -> Demand:
    return Demand(model, dict.fromkeys((device.id for device in devices), int(size * GIB)), **fields)


def resident(made: Plan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for placement in made.placements:
        if placement.resident:
            found.setdefault(placement.model, []).append(placement.device)
    return found


def assert_ray_agrees(made: Plan) -> None:
    """Deploys the resident placements in order by Ray's rule, on the GPUs in the order that the plan names."""
    free = [UNITS] * len(made.gpu_order)
    for placement in made.placements:
        if placement.resident and placement.device in made.gpu_order:
            gpu = choose_gpu(free, round(placement.num_gpus * UNITS))
            assert gpu is not None, placement
            assert made.gpu_order[gpu] == placement.device, placement
            free[gpu] -= round(placement.num_gpus * UNITS)


def assert_budgets_fit(devices, made: Plan) -> None:
    for device in devices:
        used = sum(p.budget_bytes for p in made.placements if p.resident and p.device == device.id)
        assert used <= device.usable_bytes


@st.composite
def instances(draw) -> Instance:
    sizes = draw(st.lists(st.integers(2, 12), min_size=1, max_size=3))
    devices = tuple(Device(f"gpu-{i}", "card", size, "8.0") for i, size in enumerate(sizes))
    demand = st.tuples(st.integers(1, 13), st.booleans(), st.integers(-1, 4))
    wanted = draw(st.lists(demand, min_size=1, max_size=6))
    ids = [device.id for device in devices]
    demands = tuple(
        Demand(f"m{i}", dict.fromkeys(ids, budget), pinned and i < 2, priority) for i, (budget, pinned, priority) in enumerate(wanted)
    )
    return Instance(devices, demands)


@given(instances())
@settings(max_examples=300, deadline=None)
def test_no_assignment_is_better_than_the_plan(instance):
    made = plan(instance.devices, instance.demands)
    assert value_of(instance, made) == enumerate_best(instance)
    assert made.optimal


@given(instances())
@settings(max_examples=300, deadline=None)
def test_ray_puts_every_model_where_the_plan_says(instance):
    made = plan(instance.devices, instance.demands)
    assert_ray_agrees(made)
    assert_budgets_fit(instance.devices, made)
    assert all(sum(p.num_gpus for p in made.placements if p.resident and p.device == d.id) <= 1 + 1e-9 for d in instance.devices)


@given(instances(), st.lists(st.integers(1, 3), min_size=6, max_size=6))
@settings(max_examples=200, deadline=None)
def test_ray_follows_plans_with_replicas_too(instance, copies):
    demands = tuple(replace(demand, replicas=count) for demand, count in zip(instance.demands, copies, strict=False))
    made = plan(instance.devices, demands)
    assert_ray_agrees(made)
    assert_budgets_fit(instance.devices, made)
    by_model = {demand.model: demand.replicas for demand in demands}
    assert all(len(devices) == by_model[model] for model, devices in resident(made).items())
    for demand in demands:
        assert len({p.num_gpus for p in made.placements if p.model == demand.model and p.resident}) <= 1


@given(instances())
@settings(max_examples=100, deadline=None)
def test_every_model_is_placed_rejected_or_short_exactly_once(instance):
    made = plan(instance.devices, instance.demands)
    named = [p.model for p in made.placements] + [r.model for r in made.rejected] + [s.model for s in made.shortfalls]
    assert len(named) == len(set(named))
    assert made.shortfalls or set(named) == {demand.model for demand in instance.demands}
    assert all(r.short_bytes > 0 for r in (*made.rejected, *made.shortfalls))


@given(instances())
@settings(max_examples=50, deadline=None)
def test_the_same_instance_gives_the_same_plan(instance):
    assert plan(instance.devices, instance.demands) == plan(instance.devices, instance.demands)


@pytest.mark.parametrize("mixed", [False, True])
def test_full_size_instances_are_optimal(mixed):
    rng = random.Random(2026)
    for _ in range(60):
        instance = random_instance(rng, mixed)
        made = plan(instance.devices, instance.demands)
        assert value_of(instance, made) == enumerate_best(instance)
        assert_ray_agrees(made)


def test_pinned_models_come_before_any_priority():
    devices = gpus(10)
    made = plan(devices, [want("big", 8, devices, priority=100), want("pinned", 4, devices, pinned=True)])
    assert resident(made) == {"pinned": ["gpu-0"]}
    assert [(r.model, r.short_bytes) for r in made.rejected] == [("big", 2 * GIB)]


def test_several_small_models_beat_a_large_one_of_less_priority_together():
    devices = gpus(10)
    made = plan(devices, [want("large", 10, devices, priority=5), want("a", 5, devices, priority=3), want("b", 5, devices, priority=3)])
    assert set(resident(made)) == {"a", "b"}


def test_the_largest_free_piece_is_left_on_one_card():
    devices = gpus(10, 10)
    made = plan(devices, [want("a", 4, devices, priority=1), want("b", 4, devices, priority=1)])
    assert resident(made) == {"a": ["gpu-0"], "b": ["gpu-0"]}


def test_a_model_of_priority_zero_is_loaded_only_where_it_costs_nothing():
    one = gpus(10)
    assert resident(plan(one, [want("idle", 2, one)])) == {}
    two = gpus(10, 10)
    made = plan(two, [want("busy", 7, two, pinned=True), want("idle", 2, two)])
    assert resident(made) == {"busy": ["gpu-0"], "idle": ["gpu-0"]}


def test_a_model_that_is_left_out_is_on_demand_where_it_fits_beside_the_pinned_ones():
    devices = gpus(10, 10)
    demands = [want("pinned", 8, devices, pinned=True), want("first", 9, devices, priority=2), want("second", 7, devices, priority=1)]
    made = plan(devices, demands)
    (second,) = [placement for placement in made.placements if placement.model == "second"]
    assert (second.resident, second.device, second.num_gpus) == (False, "gpu-0", 0.7)
    assert "on demand" in second.reason


def test_a_model_that_fits_nowhere_says_how_much_it_lacks_and_where():
    devices = gpus(8, 10)
    made = plan(devices, [want("huge", 13, devices)])
    (rejected,) = made.rejected
    assert (rejected.short_bytes, rejected.device) == (3 * GIB, "gpu-1")
    assert "'huge' needs 13.0 GiB; gpu-1 (card) has 10.0 GiB: it lacks 3.0 GiB." in rejected.reason


def test_pinned_models_that_do_not_fit_are_an_error_naming_model_bytes_and_device():
    devices = gpus(10, 10)
    demands = [want("a", 7, devices, pinned=True), want("b", 6, devices, pinned=True), want("c", 5, devices, pinned=True)]
    made = plan(devices, demands)
    assert made.placements == ()
    (short,) = made.shortfalls
    assert (short.model, short.short_bytes) == ("c", 1 * GIB)
    with pytest.raises(ConfigError, match=r"Pinned models do not fit. 'c' needs 5.0 GiB; gpu-\d \(card\) has .* it lacks 1.0 GiB"):
        made.check()


def test_nothing_falls_to_the_cpu_unasked():
    (gpu,) = gpus(10)
    made = plan((gpu, CPU), [want("large", 12, (gpu,)), want("ocr", 1, (CPU,), pinned=True)])
    assert resident(made) == {"ocr": ["cpu"]}
    assert [rejected.model for rejected in made.rejected] == ["large"]
    assert made.placements[0].num_gpus == 0


def test_models_on_the_cpu_share_its_memory():
    made = plan((CPU,), [want("a", 10, (CPU,), pinned=True), want("b", 7, (CPU,), pinned=True)])
    (short,) = made.shortfalls
    assert (short.model, short.short_bytes, short.device) == ("b", 1 * GIB, "cpu")


def test_a_model_that_no_device_can_run_is_rejected():
    made = plan(gpus(10), [Demand("odd", {})])
    assert [(rejected.model, rejected.device) for rejected in made.rejected] == [("odd", None)]


def test_the_reserve_is_never_given_away():
    (card,) = gpus(10)
    card = replace(card, reserve_bytes=GIB)
    made = plan([card], [want("exact", 9, (card,), pinned=True)])
    assert made.placements[0].num_gpus == 1.0
    assert plan([card], [want("over", 9.5, (card,), pinned=True)]).shortfalls


def test_three_thirds_of_a_card_fit_on_it():
    devices = (Device("gpu-0", "card", 24, "8.0"),)
    made = plan(devices, [Demand(name, {"gpu-0": 8}, pinned=True) for name in "abc"])
    assert len(resident(made)) == 3
    assert sum(placement.num_gpus for placement in made.placements) == pytest.approx(1.0)


def test_a_card_of_another_size_may_have_to_be_counted_first():
    devices = gpus(8, 24)
    made = plan(devices, [want("large", 20, devices, pinned=True)])
    assert resident(made) == {"large": ["gpu-1"]}
    assert made.gpu_order == ("gpu-1", "gpu-0")


def test_replicas_have_one_share_each_and_are_placed_all_or_none():
    devices = gpus(10, 10)
    made = plan(devices, [want("twin", 6, devices, priority=1, replicas=2), want("single", 6, devices, priority=1)])
    assert resident(made) == {"twin": ["gpu-0", "gpu-1"]} or resident(made) == {"single": ["gpu-0"]}
    assert len({placement.num_gpus for placement in made.placements if placement.model == "twin"}) == 1


def test_many_models_on_many_cards_get_a_good_plan_that_does_not_claim_to_be_the_best():
    rng = random.Random(5)
    devices = gpus(*[24] * 8)
    demands = [want(f"m{i}", rng.uniform(0.5, 16), devices, pinned=i < 4, priority=rng.randint(0, 9)) for i in range(40)]
    made = plan(devices, demands)
    assert not made.optimal
    assert_ray_agrees(made)
    assert_budgets_fit(devices, made)
    # No set of models is worth more than the best fractions of models that fill all cards together.
    room, bound = 8.0 * 24, 0.0
    for demand in sorted(demands, key=lambda demand: (not demand.pinned, -demand.priority / demand.budgets["gpu-0"])):
        share = min(1.0, room / (demand.budgets["gpu-0"] / GIB))
        bound, room = bound + share * demand.priority, room - share * demand.budgets["gpu-0"] / GIB
    assert sum(demand.priority for demand in demands if demand.model in resident(made)) > 0.95 * bound


def test_no_devices_and_no_models_are_a_plan_too():
    assert plan([], []).placements == ()
    assert [rejected.model for rejected in plan([], [Demand("any", {"gpu-0": 1})]).rejected] == ["any"]
