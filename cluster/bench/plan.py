"""`hearth bench plan`: the planner against every possible assignment, on random instances of up to 8 models and 4 devices.

The optimum is found by enumerating all (devices + 1) ** models assignments, which shares no code with the planner.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cluster.bench.report import BenchResult, Cell, Verdict
from cluster.hardware import Device
from cluster.placement import Demand, Plan, plan

GIB = 2**30
MODELS, DEVICES = 8, 4
# Cards of one box: mostly alike, now and then of different size.
CARDS = (8 * GIB, 12 * GIB, 23040 * 2**20, 24 * GIB, 48 * GIB)
TARGET_MS = 20.0


@dataclass(frozen=True, slots=True)
class Instance:
    devices: tuple[Device, ...]
    demands: tuple[Demand, ...]


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best that any assignment reaches: total priority of the models placed, then the largest free piece. None when pinned models
    cannot all be placed."""

    priority: int
    largest_free: int


def run(seed: int = 1, instances: int = 500) -> BenchResult:
    """Plans ``instances`` random instances and compares each with the enumerated optimum."""
    rng = random.Random(seed)  # noqa: S311 - instances, not secrets
    kinds = {"equal cards": False, "mixed cards": True}
    rows: list[tuple[Cell, ...]] = []
    times: list[float] = []
    right = total = 0
    for kind, mixed in kinds.items():
        made = [random_instance(rng, mixed) for _ in range(instances // 2)]
        measured = [_timed(instance) for instance in made]
        hits = sum(value_of(instance, result) == enumerate_best(instance) for instance, (result, _) in zip(made, measured, strict=True))
        spent = sorted(milliseconds for _, milliseconds in measured)
        rows.append((kind, len(made), round(100 * hits / len(made), 2), _p(spent, 50), _p(spent, 99), round(spent[-1], 2)))
        times, right, total = times + spent, right + hits, total + len(made)
    p99 = _p(sorted(times), 99)
    return BenchResult(
        name="plan",
        columns=("instances of", "count", "optimal, %", "p50, ms", "p99, ms", "worst, ms"),
        rows=tuple(rows),
        notes=(f"Up to {MODELS} models on up to {DEVICES} devices, seed {seed}; optimum: all assignments enumerated.",),
        verdicts=(
            Verdict(f"Planner optimal up to {MODELS} models on {DEVICES} devices", "every instance", f"{right} of {total}", right == total),
            Verdict("Time to plan, p99", f"<= {TARGET_MS:g} ms", f"{p99} ms", p99 <= TARGET_MS),
        ),
    )


def random_instance(rng: random.Random, mixed: bool) -> Instance:
    """1 to 8 models on 1 to 4 cards, from roomy to hopeless."""
    card = rng.choice(CARDS)
    count = rng.randint(1, DEVICES)
    sizes = [rng.choice(CARDS) if mixed else card for _ in range(count)]
    devices = tuple(Device(f"gpu-{i}", "card", size, "8.0") for i, size in enumerate(sizes))
    largest = max(sizes)
    demands = tuple(
        Demand(
            model=f"model-{i}",
            budgets=dict.fromkeys((device.id for device in devices), _budget(rng, largest)),
            pinned=rng.random() < 0.2,
            priority=rng.randint(0, 10),
        )
        for i in range(rng.randint(1, MODELS))
    )
    return Instance(devices, demands)


def _budget(rng: random.Random, largest: int) -> int:
    """Anything up to a card, often a round share of one, so that exact fits occur."""
    if rng.random() < 0.3:
        return largest // rng.randint(1, 6)
    return rng.randint(largest // 50, largest * 11 // 10)


def enumerate_best(instance: Instance) -> Optimum | None:
    """Every assignment of every model to a device or to none, at once: (devices + 1) ** models rows."""
    count = len(instance.devices)
    codes = np.arange((count + 1) ** len(instance.demands), dtype=np.int64)
    loads = np.zeros((count, len(codes)), dtype=np.int64)
    priority = np.zeros(len(codes), dtype=np.int64)
    allowed = np.ones(len(codes), dtype=np.bool_)
    for demand in instance.demands:
        place, codes = codes % (count + 1), codes // (count + 1)
        for d, device in enumerate(instance.devices):
            loads[d] += np.where(place == d, demand.budgets[device.id], 0)
        priority += np.where(place < count, demand.priority, 0)
        allowed &= (place < count) | (not demand.pinned)
    free = np.array([[device.usable_bytes] for device in instance.devices]) - loads
    allowed &= (free >= 0).all(axis=0)
    if not allowed.any():
        return None
    best = int(priority[allowed].max())
    return Optimum(best, int(free.max(axis=0)[allowed & (priority == best)].max()))


def value_of(instance: Instance, made: Plan) -> Optimum | None:
    """What a plan reaches, in the optimum's terms."""
    if made.shortfalls:
        return None
    resident = {placement.model for placement in made.placements if placement.resident}
    free = {device.id: device.usable_bytes for device in instance.devices}
    for placement in made.placements:
        free[placement.device] -= placement.budget_bytes if placement.resident else 0
    return Optimum(sum(demand.priority for demand in instance.demands if demand.model in resident), max(free.values()))


def _timed(instance: Instance) -> tuple[Plan, float]:
    started = time.perf_counter()
    made = plan(instance.devices, instance.demands)
    return made, 1000 * (time.perf_counter() - started)


def _p(ordered: Sequence[float], percent: int) -> float:
    if len(ordered) < 2:
        return round(ordered[0], 2) if ordered else 0.0
    return round(statistics.quantiles(ordered, n=100, method="inclusive")[percent - 1], 2)
