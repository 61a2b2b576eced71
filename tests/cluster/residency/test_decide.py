"""Single decisions, each on a world small enough to see why."""

from __future__ import annotations

from typing import Any

from cluster.residency.decide import decide
from cluster.residency.world import Device, LeaseNow, ModelNow, Occupant, Outcome, Phase, Rules, World, gpu_share

RULES = Rules(min_stay_s=5.0, max_wait_s=120.0, idle_unload_s=900.0)
NOW = 10_000.0
CARD = Device("gpu-0", "gpu", gpu_share(1))
SECOND = Device("gpu-1", "gpu", gpu_share(1))


def resident(name: str, share: float, **more: Any) -> ModelNow:
    """Ready for 100 s, idle for 50."""
    facts: dict[str, Any] = {
        "model": name,
        "pool": "gpu",
        "share": gpu_share(share),
        "target": 1,
        "running": 1,
        "requests": 0,
        "last_used": NOW - 50,
        "ready_since": NOW - 100,
    }
    return ModelNow(**facts | more)


def waiting(name: str, share: float, since: float = NOW - 1, **more: Any) -> ModelNow:
    facts: dict[str, Any] = {
        "model": name,
        "pool": "gpu",
        "share": gpu_share(share),
        "target": 0,
        "running": 0,
        "requests": 1,
        "last_used": NOW,
        "waiting_since": since,
    }
    return ModelNow(**facts | more)


def on(device: str, model: ModelNow, phase: Phase = Phase.RUNNING) -> Occupant:
    return Occupant(model.model, model.pool, model.share, phase, device)


def outcome(
    models: list[ModelNow], occupants: list[Occupant], leases: tuple[LeaseNow, ...] = (), devices: tuple[Device, ...] = (CARD,)
) -> Outcome:
    return decide(World(NOW, devices, tuple(models), tuple(occupants), leases), RULES)


def reason(found: Outcome, subject: str) -> str:
    return next(verdict.reason for verdict in found.verdicts if verdict.subject == subject)


def test_a_waiting_model_with_room_is_loaded() -> None:
    found = outcome([waiting("a", 0.5)], [])
    assert found.targets == {"a": 1}
    assert found.placed == {"a": ("gpu-0",)}


def test_the_longest_idle_model_leaves_first() -> None:
    old, new = resident("old", 0.5, last_used=NOW - 80), resident("new", 0.5, last_used=NOW - 20)
    found = outcome([old, new, waiting("a", 0.5)], [on("gpu-0", old), on("gpu-0", new)])
    assert found.targets == {"old": 0, "a": 1}
    assert reason(found, "old") == "makes room on gpu-0 for 'a'"


def test_a_model_that_is_cheap_to_load_leaves_before_one_that_idles_a_little_longer() -> None:
    dear, cheap = resident("dear", 0.5, last_used=NOW - 60, load_s=60), resident("cheap", 0.5, last_used=NOW - 50, load_s=1)
    found = outcome([dear, cheap, waiting("a", 0.5)], [on("gpu-0", dear), on("gpu-0", cheap)])
    assert found.targets == {"cheap": 0, "a": 1}


def test_higher_priority_leaves_later() -> None:
    high, low = resident("high", 0.5, priority=1, last_used=NOW - 90), resident("low", 0.5)
    found = outcome([high, low, waiting("a", 0.5)], [on("gpu-0", high), on("gpu-0", low)])
    assert found.targets == {"low": 0, "a": 1}


def test_no_more_models_leave_than_are_in_the_way() -> None:
    small, large = resident("small", 0.2, last_used=NOW - 90), resident("large", 0.8)
    found = outcome([small, large, waiting("a", 0.7)], [on("gpu-0", small), on("gpu-0", large)])
    assert found.targets == {"large": 0, "a": 1}


def test_a_model_that_has_just_loaded_stays_for_its_minimum() -> None:
    fresh = resident("fresh", 1.0, ready_since=NOW - 2)
    found = outcome([fresh, waiting("a", 1.0)], [on("gpu-0", fresh)])
    assert found.targets == {}
    assert reason(found, "a") == "waits for gpu-0, where 'fresh' has just loaded"
    assert found.forecast["a"] == 3.0 + 5.0


def test_a_busy_model_keeps_its_turn_and_then_gives_way() -> None:
    busy = resident("busy", 1.0, requests=3, last_used=NOW)
    early = outcome([busy, waiting("a", 1.0, since=NOW - 10)], [on("gpu-0", busy)])
    late = outcome([busy, waiting("a", 1.0, since=NOW - 30)], [on("gpu-0", busy)])
    assert early.targets == {}
    assert "is busy" in reason(early, "a")
    assert late.targets == {"busy": 0, "a": 1}


def test_an_idle_model_on_the_other_card_leaves_rather_than_a_busy_one() -> None:
    busy, idle = resident("busy", 1.0, requests=3, last_used=NOW), resident("idle", 1.0, priority=5)
    found = outcome([busy, idle, waiting("a", 1.0, since=NOW - 60)], [on("gpu-0", busy), on("gpu-1", idle)], devices=(CARD, SECOND))
    assert found.targets == {"idle": 0, "a": 1}


def test_a_share_that_is_being_vacated_is_waited_for_and_nobody_else_leaves() -> None:
    gone = resident("gone", 0.6, target=0, running=0)
    idle = resident("idle", 0.4)
    found = outcome([gone, idle, waiting("a", 0.6)], [on("gpu-0", gone, Phase.LEAVING), on("gpu-0", idle)])
    assert found.targets == {"a": 1}
    assert found.placed == {}


def test_only_one_start_is_queued_behind_shares_that_are_being_vacated() -> None:
    first, second = resident("first", 1.0), resident("second", 1.0)
    models = [first, second, waiting("a", 1.0, since=NOW - 3), waiting("b", 1.0)]
    found = outcome(models, [on("gpu-0", first), on("gpu-1", second)], devices=(CARD, SECOND))
    assert found.targets == {"first": 0, "second": 0, "a": 1}
    assert "waits for its share" in reason(found, "b")


def test_what_waited_longer_is_not_overtaken_by_what_would_fit_at_once() -> None:
    small, fresh = resident("small", 0.3), resident("fresh", 0.4, ready_since=NOW - 1)
    models = [small, fresh, waiting("whole", 1.0, since=NOW - 9), waiting("tiny", 0.3)]
    found = outcome(models, [on("gpu-0", small), on("gpu-0", fresh)])
    assert "tiny" not in found.targets


def test_a_start_whose_room_was_taken_gets_new_room() -> None:
    started = waiting("started", 1.0, target=1)
    idle = resident("idle", 0.5)
    found = outcome([started, idle], [on("gpu-0", idle), Occupant("started", "gpu", gpu_share(1), Phase.STARTING)])
    assert found.targets == {"idle": 0}


def test_nobody_leaves_for_a_model_that_cannot_fit_even_then() -> None:
    pin, idle = resident("pin", 0.5, pinned=True), resident("idle", 0.5)
    found = outcome([pin, idle, waiting("a", 0.8)], [on("gpu-0", pin), on("gpu-0", idle)])
    assert found.targets == {"pin": 1}
    assert found.forecast["a"] is None


def test_a_model_nobody_used_for_long_leaves_unasked() -> None:
    old = resident("old", 0.5, last_used=NOW - 901)
    pin = resident("pin", 0.5, last_used=NOW - 901, pinned=True)
    found = outcome([old, pin], [on("gpu-0", old), on("gpu-0", pin)])
    assert found.targets == {"old": 0, "pin": 1}
    assert reason(found, "old") == "nobody used it for 900 s"


def test_a_busy_model_grows_into_room_that_nobody_waits_for() -> None:
    busy = resident("busy", 0.5, requests=9, last_used=NOW, replicas=2)
    assert outcome([busy], [on("gpu-0", busy)]).targets == {"busy": 2}
    assert outcome([busy, waiting("a", 0.9)], [on("gpu-0", busy)]).targets == {}


def test_a_lease_is_granted_where_there_is_room_and_takes_idle_models_out_of_its_way() -> None:
    lease = LeaseNow("job", "training", gpu_share(0.5), NOW - 1)
    idle = resident("idle", 0.8)
    assert outcome([], [], (lease,)).granted == {"job": "gpu-0"}
    assert outcome([idle], [on("gpu-0", idle)], (lease,)).targets == {"idle": 0}


def test_a_lease_never_ends_a_busy_models_turn() -> None:
    lease = LeaseNow("job", "training", gpu_share(0.5), NOW - 9_000)
    busy = resident("busy", 0.8, requests=1, last_used=NOW)
    found = outcome([busy], [on("gpu-0", busy)], (lease,))
    assert (found.targets, found.granted) == ({}, {})


def test_a_granted_lease_keeps_its_share_before_and_after_its_process_starts() -> None:
    for taken in (False, True):
        lease = LeaseNow("job", "training", gpu_share(0.5), NOW - 9, device="gpu-0", taken=taken)
        assert outcome([waiting("a", 0.8)], [], (lease,)).targets == {}
        assert outcome([waiting("a", 0.5)], [], (lease,)).targets == {"a": 1}


def test_models_on_the_cpu_share_its_memory_the_same_way() -> None:
    memory = Device("cpu", "cpu", 1000)
    idle = ModelNow("idle", "cpu", 700, 1, 1, 0, NOW - 50, ready_since=NOW - 100)
    asked = ModelNow("asked", "cpu", 500, 0, 0, 1, NOW, waiting_since=NOW - 1)
    found = outcome([idle, asked], [Occupant("idle", "cpu", 700, Phase.RUNNING, "cpu")], devices=(CARD, memory))
    assert found.targets == {"idle": 0, "asked": 1}
