"""The ledger: one named actor that knows who holds device memory, keeps the leases, and remembers what was decided.

The residency policy reports to it and learns from it what the Serve controller cannot look up without waiting. Jobs lease memory from it;
the gateway and the CLI read its snapshot. Kill it, and Ray starts it again with every lease and count it had acknowledged.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import ray
import structlog
from ray.actor import ActorHandle

from cluster.contracts.residency import Decision, DeviceUse, Lease, ModelUse, ResidencySnapshot
from cluster.errors import BadInput, Unavailable
from cluster.hardware import DeviceReader, NvmlReader
from cluster.leases import LeaseBook
from cluster.logs import configure_logging
from cluster.residency.keeper import News
from cluster.serving import watch
from cluster.serving.args import GpuArgs, LedgerArgs
from cluster.tallies import Tallies

NAME = "hearth-ledger"
NAMESPACE = "hearth"
DECISIONS_KEPT = 200
# Asking Serve what failed, and NVML what is in use, costs more than the other answers; not more often than this, in seconds.
LOOK_EVERY_S = 2.0

_log = structlog.get_logger(__name__)


# What the starter of a cluster says; the same arguments travel to the policy, which starts a ledger that is missing.
LedgerSpec = LedgerArgs


@dataclass(frozen=True, slots=True)
class Report:
    """What the policy saw and decided. ``gpus`` in Ray's order; ``running`` and ``leaving``: names of replicas; ``granted``: devices by
    lease."""

    at: float
    devices: tuple[DeviceUse, ...]
    gpus: tuple[GpuArgs, ...]
    models: tuple[ModelUse, ...]
    running: Mapping[str, tuple[str, ...]]
    leaving: tuple[str, ...] = ()
    starting: bool = False
    decisions: tuple[Decision, ...] = ()
    swaps: int = 0
    granted: Mapping[str, str] = field(default_factory=dict)
    load_s: Mapping[str, float] = field(default_factory=dict)


class Ledger:
    """The actor's class. All state that matters is in ``state_dir`` before a call returns."""

    def __init__(self, spec: LedgerSpec, reader: DeviceReader | None = None) -> None:
        configure_logging(spec.log)
        folder = Path(spec.state_dir)
        self._leases = LeaseBook(folder / "leases.json")
        self._tallies = Tallies(folder / "residency.json")
        self._reader = reader or NvmlReader()
        self._report: Report | None = None
        self._decisions: deque[Decision] = deque(maxlen=DECISIONS_KEPT)
        self._where: dict[str, watch.Whereabouts] = {}
        self._failures: dict[str, str] = {}
        self._looked = self._measured = 0.0
        self._used: dict[str, int | None] = {}

    async def report(self, report: Report) -> News:
        """Takes the policy's report; answers with what it should know at its next look."""
        for lease in self._leases.expire(time.time()):
            _log.warning("lease lapsed", lease=lease.id, holder=lease.holder)
        for lease_id, device in report.granted.items():
            if self._leases.has(lease_id):
                self._leases.grant(lease_id, device)
        self._tallies.count(report.decisions, report.swaps, report.load_s)
        self._decisions.extend(report.decisions)
        self._report = report
        gone = await asyncio.to_thread(watch.gone, report.leaving) if report.leaving else frozenset()
        await self._follow(report)
        return News(self._devices(report.gpus), gone, dict(self._failures), self._tallies.load_s(), self._leases.for_residency())

    async def snapshot(self) -> ResidencySnapshot:
        """What the last report said, with counts and measured memory."""
        report = self._report
        if report is None:
            return ResidencySnapshot(time.time(), (), (), self._leases.all())
        if time.monotonic() - self._measured > LOOK_EVERY_S:
            self._measured = time.monotonic()
            self._used = await asyncio.to_thread(self._measure, report)
        return ResidencySnapshot(
            at=report.at,
            devices=tuple(replace(device, measured_bytes=self._used.get(device.id)) for device in report.devices),
            models=tuple(self._overlay(model) for model in report.models),
            leases=self._leases.all(),
            decisions=tuple(self._decisions),
            swaps_total=self._tallies.swaps,
        )

    async def request_lease(self, lease_id: str, holder: str, num_gpus: float, budget_bytes: int, ttl_s: float) -> Lease:
        """Asks for a share of one GPU. Poll with :meth:`renew_lease` until ``granted``; start the process that needs it only then.

        ``lease_id`` is the caller's choice (a UUID): asking again with the same one, after a lost answer, does not ask for more.
        """
        if not 0 < num_gpus <= 1 or ttl_s <= 0:
            raise BadInput(f"A lease is for a share of one GPU (0 to 1, found {num_gpus}) and a positive time (found {ttl_s} s).")
        return self._leases.request(lease_id, holder, num_gpus, budget_bytes, time.time(), ttl_s)

    async def renew_lease(self, lease_id: str, ttl_s: float, taken_on: str | None = None) -> Lease:
        """Keeps the lease for ``ttl_s`` more seconds. ``taken_on``: the device the holder's process runs on, once it does.
        Raises NotFound when it has lapsed."""
        return self._leases.renew(lease_id, time.time(), ttl_s, taken_on)

    async def release_lease(self, lease_id: str) -> None:
        self._leases.release(lease_id)

    async def _follow(self, report: Report) -> None:
        running = {name for names in report.running.values() for name in names}
        self._where = {name: where for name, where in self._where.items() if name in running}
        unknown = running - self._where.keys()
        if unknown:
            self._where |= await asyncio.to_thread(watch.locate, unknown)
        if (report.starting or self._failures) and time.monotonic() - self._looked > LOOK_EVERY_S:
            self._looked = time.monotonic()
            self._failures = await asyncio.to_thread(watch.failures)

    def _devices(self, gpus: tuple[GpuArgs, ...]) -> dict[str, str]:
        refs = {gpu.uuid or str(index): gpu.id for index, gpu in enumerate(gpus)}
        return {name: refs[where.gpus[0]] for name, where in self._where.items() if where.gpus and where.gpus[0] in refs}

    def _overlay(self, model: ModelUse) -> ModelUse:
        return replace(
            model,
            loads_total=self._tallies.loads(model.model),
            evictions_total=self._tallies.evictions(model.model),
            last_load_s=self._tallies.load_s().get(model.model),
            measured_bytes=self._used.get(model.model),
            failure=self._failures.get(model.model),
        )

    def _measure(self, report: Report) -> dict[str, int | None]:
        used: dict[str, int | None] = {}
        nvml = {gpu.id: gpu.uuid or str(index) for index, gpu in enumerate(report.gpus)} if self._reader.devices() else {}
        for device, ref in nvml.items():
            used[device] = self._reader.memory(ref).used_bytes
        families = watch.Families()
        for model, names in report.running.items():
            parts = [self._measure_replica(self._where[name], nvml, families) for name in names if name in self._where]
            known = [part for part in parts if part is not None]
            used[model] = sum(known) if known else None
        return used

    def _measure_replica(self, where: watch.Whereabouts, nvml: Mapping[str, str], families: watch.Families) -> int | None:
        if not where.gpus:
            return families.resident_bytes(where.pid)
        return self._reader.used_by(where.gpus[0], families.of(where.pid)) if nvml else None


def start(spec: LedgerSpec) -> ActorHandle[Ledger]:
    """The ledger of this Ray cluster, started if there is none. Outlives its starter; Ray restarts it when it dies."""
    options = {"name": NAME, "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True, "num_cpus": 0}
    actor = ray.remote(Ledger).options(**options, max_restarts=-1, max_task_retries=3, max_concurrency=1000)
    return cast("ActorHandle[Ledger]", actor.remote(spec))


def find() -> ActorHandle[Ledger]:
    """The ledger of this Ray cluster. Raises Unavailable while none was started."""
    try:
        return ray.get_actor(NAME, namespace=NAMESPACE)
    except ValueError:
        raise Unavailable("The ledger is not running yet: the models are still being deployed; retry in 2 s.") from None
