"""The ledger's class without Ray around it; the actor is tested in serving/test_residency_on_serve.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.contracts.residency import Decision, DeviceUse, ModelUse
from cluster.errors import BadInput, NotFound
from cluster.fakes.nvml import FakeReader, p40s
from cluster.ledger import Ledger, LedgerSpec, Report
from cluster.serving.args import GpuArgs

USE = ModelUse("a", "gpu-0", True, False, 1, 0, 0, 0, None, 100, None)
REPORT = Report(
    at=1.0,
    devices=(DeviceUse("gpu-0", "Tesla P40", 1000, 100),),
    gpus=(GpuArgs(id="gpu-0", name="Tesla P40", memory_bytes=1000),),
    models=(USE,),
    running={},
    decisions=(Decision(1.0, "a", "load", "requests wait"), Decision(1.0, "b", "evict", "makes room")),
    swaps=1,
    load_s={"a": 2.5},
)


@pytest.fixture
def spec(tmp_path: Path) -> LedgerSpec:
    return LedgerSpec(state_dir=str(tmp_path))


async def test_counts_and_load_times_are_those_of_all_reports_also_after_a_restart(spec: LedgerSpec) -> None:
    ledger = Ledger(spec, FakeReader())
    await ledger.report(REPORT)
    news = await Ledger(spec, FakeReader()).report(replace(REPORT, load_s={}))
    assert news.load_s == {"a": 2.5}
    later = Ledger(spec, FakeReader())
    await later.report(replace(REPORT, decisions=(), swaps=0))
    snapshot = await later.snapshot()
    assert (snapshot.models[0].loads_total, snapshot.swaps_total, snapshot.models[0].last_load_s) == (2, 2, 2.5)


async def test_a_snapshot_before_the_first_report_has_the_leases_only(spec: LedgerSpec) -> None:
    ledger = Ledger(spec, FakeReader())
    await ledger.request_lease("job", "training", 0.5, 10, 60.0)
    snapshot = await ledger.snapshot()
    assert snapshot.models == ()
    assert [lease.id for lease in snapshot.leases] == ["job"]


async def test_a_grant_reaches_the_lease_and_the_policy_hears_of_it(spec: LedgerSpec) -> None:
    ledger = Ledger(spec, FakeReader())
    await ledger.request_lease("job", "training", 0.5, 10, 60.0)
    news = await ledger.report(replace(REPORT, granted={"job": "gpu-0", "lapsed": "gpu-0"}))
    assert [(lease.id, lease.device) for lease in news.leases] == [("job", "gpu-0")]
    assert (await ledger.renew_lease("job", 60.0)).granted


async def test_a_lease_of_more_than_a_card_is_refused(spec: LedgerSpec) -> None:
    with pytest.raises(BadInput, match="one GPU"):
        await Ledger(spec, FakeReader()).request_lease("job", "training", 1.5, 10, 60.0)


async def test_a_released_lease_is_unknown(spec: LedgerSpec) -> None:
    ledger = Ledger(spec, FakeReader())
    await ledger.request_lease("job", "training", 0.5, 10, 60.0)
    await ledger.release_lease("job")
    with pytest.raises(NotFound):
        await ledger.renew_lease("job", 60.0)


async def test_the_snapshot_shows_what_the_driver_says_is_in_use(spec: LedgerSpec) -> None:
    card = p40s(1)[0]
    ledger = Ledger(spec, FakeReader((card,), {card.id: {1: 777}}))
    await ledger.report(replace(REPORT, gpus=(GpuArgs(id="gpu-0", name=card.name, memory_bytes=1000, uuid=card.uuid),)))
    assert (await ledger.snapshot()).devices[0].measured_bytes == 777


async def test_decisions_come_back_in_order(spec: LedgerSpec) -> None:
    ledger = Ledger(spec, FakeReader())
    await ledger.report(REPORT)
    assert [decision.action for decision in (await ledger.snapshot()).decisions] == ["load", "evict"]
