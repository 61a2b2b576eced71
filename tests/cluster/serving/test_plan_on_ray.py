"""The planner's picture of Ray's allocator, checked against Ray."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
import ray

from cluster.bench.plan import random_instance
from cluster.placement import Plan, plan
from tests.patience import PATIENCE_S


class Holder:
    """Holds a share of a GPU and says which."""

    def gpu(self) -> int:
        return int(ray.get_runtime_context().get_accelerator_ids()["GPU"][0])


REMOTE: Any = ray.remote(num_cpus=0)(Holder)


def wait_until_free(gpus: float) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while ray.available_resources().get("GPU", 0) < gpus - 1e-6:  # type: ignore[no-untyped-call]
        assert time.monotonic() < deadline, "GPUs are still held"
        time.sleep(0.05)


def plans_for_two_cards(seed: int, count: int) -> list[Plan]:
    """Plans of two cards, equal and mixed, with several models on them."""
    rng = random.Random(seed)
    made = (random_instance(rng, mixed=number % 2 == 1) for number in range(10_000))
    plans = (plan(instance.devices, instance.demands) for instance in made if len(instance.devices) == 2)
    busy = (one for one in plans if len([p for p in one.placements if p.resident]) >= 4)
    return [next(busy) for _ in range(count)]


@pytest.mark.parametrize("number", range(4))
def test_ray_starts_every_replica_on_the_device_of_the_plan(serve_runtime, number):
    made = plans_for_two_cards(seed=11, count=4)[number]
    resident = [placement for placement in made.placements if placement.resident]
    wait_until_free(2)
    holders: list[Any] = []
    landed: list[str] = []
    try:
        for turn, placement in enumerate(resident):
            # In order, as the plan has it: of holders that are asked for together, a busy machine may serve the second before the first.
            holders.append(REMOTE.options(name=f"holder-{turn}", lifetime="detached", num_gpus=placement.num_gpus).remote())
            landed.append(made.gpu_order[ray.get(holders[-1].gpu.remote(), timeout=120)])
        assert landed == [placement.device for placement in resident]
    finally:
        for holder in holders:
            ray.kill(holder)
        wait_until_free(2)
