from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError, Unavailable
from cluster.fakes.nvml import FakeReader, p40s
from cluster.measurements import MeasurementKey, Measurements
from deployments.replica import Replica

GIB = 2**30


def test_a_replica_that_would_not_fit_refuses_before_it_loads(minilm_torch: Callable[..., ReplicaSpec]) -> None:
    reader = FakeReader(p40s(1), used={"gpu-0": {4242: 20 * GIB}})
    spec = minilm_torch(device="cuda", budget_bytes=4 * GIB, device_bytes=22 * GIB)
    with pytest.raises(Unavailable, match=r"'minilm' needs 4\.0.* lacks 1\.5"):
        Replica(spec, reader)


def test_a_model_placed_on_a_card_that_torch_cannot_see_is_an_error_and_never_runs_on_the_cpu(
    minilm_torch: Callable[..., ReplicaSpec],
) -> None:
    spec = minilm_torch(device="cuda", budget_bytes=GIB, device_bytes=22 * GIB)
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU that torch sees")
    with pytest.raises(ConfigError, match="sees none"):
        Replica(spec, FakeReader(p40s(1)))


def test_memory_in_use_is_measured(minilm: Callable[..., ReplicaSpec]) -> None:
    stats = Replica(minilm()).stats(2, 1, 5)
    assert (stats.slots, stats.running, stats.queued) == (2, 1, 5)
    assert 30 * 2**20 < stats.memory_bytes < 64 * GIB
    assert stats.load_s > 0


async def test_what_a_replica_took_is_kept_for_the_next_plan_and_a_higher_peak_replaces_it(
    minilm: Callable[..., ReplicaSpec], tmp_path: Path
) -> None:
    spec = minilm(state_dir=str(tmp_path))
    replica = Replica(spec)
    book, key = Measurements(tmp_path), MeasurementKey.of(spec)
    loaded = book.get(key)
    assert loaded is not None
    assert loaded.peak_bytes is not None
    assert loaded.load_s == replica.load_s
    # A fifth of what this process, which holds the models of other tests too, has already.
    ballast = os.urandom(1) * max(64 * 2**20, loaded.peak_bytes // 5)
    await replica.note_memory()
    grown = book.get(key)
    assert grown is not None
    assert grown.peak_bytes is not None
    assert grown.peak_bytes - loaded.peak_bytes > len(ballast) // 2
    assert grown.load_s == loaded.load_s
