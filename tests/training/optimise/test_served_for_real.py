"""Slots and batches of real models, in this process: what is measured is what the machine does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from cluster.contracts.serving import ReplicaSpec, Retuning
from cluster.optimising.load import Load, Reading, Sample
from cluster.optimising.weighing import weigh
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from deployments.embedding import Embedding
from deployments.llm import Llm
from tests.deployments.conftest import minilm as minilm
from tests.deployments.conftest import minilm_folder as minilm_folder
from tests.deployments.conftest import minilm_onnx as minilm_onnx
from tests.training.optimise.house import NANO, asked, box_of


class InProcess:
    """A rig of one replica, whose coroutines run on ``portal``."""

    def __init__(self, portal: BlockingPortal, replica: Any) -> None:
        self._portal = portal
        self.slots: list[int] = []
        self._replica = replica

    def set(self, retuning: Retuning) -> None:
        self._portal.call(self._replica.reconfigure, retuning)
        self.slots.append(self._replica.stats().slots)

    def sample(self, load: Load, seed: int) -> Sample:
        return self._portal.call(load.run, self._replica, seed)

    def memory(self) -> int:
        return int(self._replica.stats().memory_bytes)


class RealRigs:
    """Of a replica more, in this process."""

    rig: InProcess

    @contextmanager
    def beside(self, spec: ReplicaSpec) -> Iterator[InProcess]:
        with start_blocking_portal() as portal:
            replica = portal.call(_llm, spec)
            self.rig = InProcess(portal, replica)
            yield self.rig
            portal.call(_close, replica)

    def live(self, model: str) -> Any:
        raise AssertionError("nothing is to be applied")

    def quiet(self, work: Any) -> None:
        """Nobody else is here."""


async def _llm(spec: ReplicaSpec) -> Llm:
    return Llm(spec)


async def _close(replica: Llm) -> None:
    replica.close()


async def test_slots_of_a_real_model_are_measured_and_what_is_concluded_follows(
    stores: StoreClients, store_settings: Settings, tmp_path: Path
):
    box, rigs = await box_of(stores, store_settings, tmp_path), RealRigs()
    one = await asked(box, rigs, values={"parallel": [1]}, streams=4)
    await one.run()
    (change,) = (await one.found()).changes
    assert change.evidence is not None
    assert sorted(rigs.rig.slots) == [1] * 4 + [4] * 4
    low, ratio, high = (change.evidence[name] for name in ("low", "ratio", "high"))
    assert low <= ratio <= high
    assert (change.state == "proposed") == (low > 1.0 and ratio >= 1.05), "whatever this machine does meanwhile"
    assert change.evidence["more"]["memory_bytes_after"] > 2**20
    samples = await one.samples()
    assert len(samples) == 8
    assert all(sample[3] > 0 for sample in samples)
    assert box.box().replica(NANO).parallel == 4


async def test_the_batch_of_a_real_embedder_changes_while_it_works(minilm: Callable[..., ReplicaSpec]):
    embedding: Any = Embedding(minilm())
    load = Reading("minilm", 24)
    rates: dict[int, list[float]] = {16: [], 1024: []}
    for number in range(4):
        for tokens, found in rates.items():
            await embedding.reconfigure({"batch_tokens": tokens})
            working = asyncio.create_task(load.run(embedding, number))
            found.append((await working).value)
    weighed = weigh(rates[16], rates[1024], 0.95, 500)
    assert weighed.rounds == 4
    assert weighed.ratio > 0.3
    assert embedding._batcher.max_tokens == 1024
    await embedding.reconfigure({})
    assert embedding._batcher.max_tokens == embedding._engine.batch_tokens


async def test_a_model_that_runs_takes_other_slots_by_its_user_config(tmp_path: Path, stores: StoreClients, store_settings: Settings):
    spec = (await box_of(stores, store_settings, tmp_path)).box().replica(NANO)
    llm = Llm(spec.model_dump(mode="json"))
    try:
        await llm.reconfigure({"parallel": 2})
        assert llm.stats().slots == 2
        await llm.reconfigure({})
        assert llm.stats().slots == spec.parallel
        with pytest.raises(ValueError, match="paralel"):
            await llm.reconfigure({"paralel": 2})
    finally:
        llm.close()
