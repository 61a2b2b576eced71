from __future__ import annotations

from cluster.bench.plan import GIB, Instance, Optimum, enumerate_best, run
from cluster.hardware import Device
from cluster.placement import Demand


def test_enumeration_finds_the_optimum_of_an_instance_small_enough_to_see():
    devices = (Device("gpu-0", "card", 10 * GIB, "8.0"), Device("gpu-1", "card", 6 * GIB, "8.0"))
    sizes = {"a": (6, 3), "b": (5, 2), "c": (4, 2)}
    demands = tuple(
        Demand(name, dict.fromkeys(("gpu-0", "gpu-1"), size * GIB), priority=priority) for name, (size, priority) in sizes.items()
    )
    # a beside c on the larger card leaves b on the smaller: all of them, and 1 GiB free at most.
    assert enumerate_best(Instance(devices, demands)) == Optimum(7, GIB)


def test_enumeration_says_when_pinned_models_cannot_all_be_placed():
    devices = (Device("gpu-0", "card", 10, "8.0"),)
    assert enumerate_best(Instance(devices, (Demand("a", {"gpu-0": 11}, pinned=True),))) is None


def test_the_bench_reports_every_instance_with_its_verdict():
    result = run(seed=3, instances=40)
    assert sum(int(row[1] or 0) for row in result.rows) == 40
    optimal = result.verdicts[0]
    assert (optimal.measured, optimal.met) == ("40 of 40", True)
