from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import ConfigError, Unavailable
from cluster.fakes.nvml import FakeReader, p40s
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
