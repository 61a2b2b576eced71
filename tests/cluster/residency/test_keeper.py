"""The keeper against a simulated Serve and Ray: random traffic, random load times, random crashes, Ray's own allocation rule."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.contracts.serving import ResidentModel
from cluster.fakes.serve_world import Simulation
from cluster.residency.keeper import Keeper, News, Seen
from cluster.residency.world import Device, Rules, gpu_share

RULES = Rules(min_stay_s=1.0, max_wait_s=60.0, idle_unload_s=20.0)
GPUS = [Device("cuda:0", "gpu", gpu_share(1)), Device("cuda:1", "gpu", gpu_share(1))]


def on_demand(name: str, share: float, **more: Any) -> ResidentModel:
    return ResidentModel(
        **{"model": name, "pinned": False, "priority": 0, "num_gpus": share, "budget_bytes": 1, "load_s": 1.0, "resident": False} | more
    )


def pinned(name: str, share: float) -> ResidentModel:
    return on_demand(name, share, pinned=True, resident=True)


shares = st.sampled_from([0.2, 0.3, 0.4, 0.5, 0.6, 0.9, 1.0])


@st.composite
def fleets(draw: st.DrawFn) -> list[ResidentModel]:
    """A pinned model on the first card at most, and on-demand models of any share that can be placed beside it on the other."""
    models = [pinned("pin", draw(st.sampled_from([0.2, 0.5, 0.8])))] if draw(st.booleans()) else []
    wanted = draw(st.lists(shares, min_size=2, max_size=6))
    return models + [on_demand(f"m{i}", share, priority=draw(st.integers(0, 2))) for i, share in enumerate(wanted)]


@given(fleet=fleets(), seed=st.integers(0, 10_000), crashes=st.booleans(), jobs=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_waiting_model_is_loaded_whatever_comes_and_nothing_leaves_before_its_time(fleet, seed, crashes, jobs):
    simulation = Simulation(fleet, GPUS, RULES, seed)
    chance = random.Random(seed + 1)
    names = [model.model for model in fleet]
    for _ in range(600):
        if chance.random() < 0.3:
            simulation.ask(chance.choice(names), chance.randint(1, 30))
        if crashes and chance.random() < 0.005:
            simulation.crash(chance.choice(names))
        if jobs and chance.random() < 0.01:
            simulation.lease(chance.choice([0.3, 0.5, 0.8]), chance.randint(20, 100))
        check_step(simulation)
    for _ in range(4000):
        if simulation.served == simulation.arrived and not simulation.jobs:
            break
        check_step(simulation)
    assert simulation.served == simulation.arrived
    assert not simulation.jobs or all(job.granted_on is None for job in simulation.jobs)


def check_step(simulation: Simulation) -> None:
    before = {name: simulation.targets[name] for name in simulation.models}
    outcome = simulation.step()
    world = {model.model: model for model in simulation.keeper.world.models}
    for verdict in outcome.verdicts:
        if verdict.action != "evict":
            continue
        model = world[verdict.subject]
        assert not model.pinned
        assert model.ready_since is not None
        assert simulation.keeper.world.now - model.ready_since >= RULES.min_stay_s - 1e-9
        assert not model.busy or "makes room" in verdict.reason
    for name, wanted in simulation.models.items():
        if wanted.pinned:
            assert simulation.targets[name] >= before[name] == wanted.replicas
    for device in simulation.devices:
        assert simulation.free(device) >= 0


def test_models_that_never_fall_idle_share_a_card_in_turns():
    names = ["a", "b", "c", "d"]
    simulation = Simulation([on_demand(name, 1.0) for name in names], GPUS[:1], RULES, seed=3)
    for _ in range(3000):
        for name in names:
            if simulation.requests(name) < 2:
                simulation.ask(name, 5)
        simulation.step()
    assert max(simulation.waits) < RULES.max_wait_s * 10
    assert simulation.served > 700


def test_a_model_that_needs_a_whole_card_is_not_starved_by_small_ones_that_keep_coming():
    small = [on_demand(f"s{i}", 0.5) for i in range(4)]
    simulation = Simulation([on_demand("whole", 1.0), *small], GPUS[:1], RULES, seed=5)
    for tick in range(2000):
        for model in small:
            if simulation.requests(model.model) < 1:
                simulation.ask(model.model, 4)
        if tick == 300:
            simulation.ask("whole", 5)
        simulation.step()
        if simulation.running("whole"):
            break
    assert simulation.running("whole")
    assert tick - 300 < RULES.max_wait_s * 10


def test_a_waiting_model_without_room_is_left_out_because_serve_would_start_it():
    keeper = Keeper([pinned("pin", 1.0), on_demand("a", 1.0)], GPUS[:1], RULES, drain_s=60)
    outcome = keeper.tick(1.0, [Seen("pin", 1, ("p#1",), 0), Seen("a", 0, (), 3)], News())
    assert outcome.targets == {"pin": 1}
    assert outcome.forecast["a"] is None
    assert "pinned" in outcome.verdicts[0].reason


def test_an_eviction_is_repeated_until_serve_has_carried_it_out():
    keeper = Keeper([on_demand("a", 0.5, replicas=2), on_demand("b", 1.0)], GPUS[:1], RULES, drain_s=60)
    keeper.tick(1.0, [Seen("a", 2, ("a#1", "a#2"), 0), Seen("b", 0, (), 1)], News())
    first = keeper.tick(10.0, [Seen("a", 2, ("a#1", "a#2"), 0), Seen("b", 0, (), 1)], News())
    second = keeper.tick(10.1, [Seen("a", 1, ("a#1",), 0), Seen("b", 1, (), 1)], News())
    third = keeper.tick(10.2, [Seen("a", 0, (), 0), Seen("b", 1, (), 1)], News())
    assert (first.targets["a"], second.targets["a"]) == (0, 0)
    assert "a" not in third.targets


def test_a_replica_that_nobody_saw_go_is_taken_for_gone_when_serve_must_have_killed_it():
    keeper = Keeper([on_demand("a", 1.0)], GPUS[:1], RULES, drain_s=60)
    keeper.tick(1.0, [Seen("a", 1, ("a#1",), 0)], News())
    keeper.tick(2.0, [Seen("a", 0, (), 0)], News())
    assert keeper.leaving() == ["a#1"]
    keeper.tick(63.0, [Seen("a", 0, (), 0)], News())
    assert keeper.leaving() == []


def test_the_load_time_is_measured_from_the_moment_there_was_room():
    keeper = Keeper([on_demand("a", 1.0)], GPUS[:1], RULES, drain_s=60)
    keeper.tick(1.0, [Seen("a", 0, (), 1)], News())
    keeper.tick(1.5, [Seen("a", 1, (), 1)], News())
    keeper.tick(4.0, [Seen("a", 1, ("a#1",), 1)], News())
    assert keeper.loads() == {"a": pytest.approx(3.0)}
