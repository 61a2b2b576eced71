"""Serve and Ray as the residency keeper sees them, in simulated ticks: what a replica needs to start, run, drain and go.

For trying residency rules on traffic without a cluster, as its tests do.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from cluster.contracts.serving import ResidentModel
from cluster.residency.keeper import Keeper, News, Seen
from cluster.residency.world import Device, LeaseNow, Outcome, Rules, gpu_share


@dataclass
class Replica:
    name: str
    model: str
    share: int
    device: str | None = None
    ready_in: int = 0
    running: bool = False
    leaving: bool = False
    gone_in: int = 0
    work: list[int] = field(default_factory=list)


@dataclass
class Job:
    """A training job: asks for ``share``, starts a process once it is granted, works ``work`` ticks, gives the share back."""

    id: str
    share: int
    asked: float
    work: int
    granted_on: str | None = None
    device: str | None = None


class Simulation:
    """One tick is a tenth of a second. ``served`` and ``arrived`` count requests; ``waits`` holds how long each waited, in ticks."""

    def __init__(self, models: list[ResidentModel], devices: list[Device], rules: Rules, seed: int) -> None:
        self.models = {model.model: model for model in models}
        self.devices = {device.id: device for device in devices}
        self.rules = rules
        self.random = random.Random(seed)  # noqa: S311 - a simulation
        self.keeper = Keeper(models, devices, rules, drain_s=60)
        self.replicas: list[Replica] = []
        self.targets = {model.model: model.replicas if model.resident else 0 for model in models}
        self.queue: dict[str, list[tuple[int, int]]] = {model.model: [] for model in models}
        self.gone: set[str] = set()
        self.waits: list[int] = []
        self.arrived = self.served = self.ticks = self.names = 0
        self.jobs: list[Job] = []

    @property
    def now(self) -> float:
        return 1000.0 + self.ticks / 10

    def ask(self, model: str, work: int) -> None:
        self.arrived += 1
        self.queue[model].append((self.ticks, work))

    def lease(self, share: float, work: int) -> None:
        self.names += 1
        self.jobs.append(Job(f"job-{self.names}", gpu_share(share), self.now, work))

    def running(self, model: str) -> list[Replica]:
        return [replica for replica in self.replicas if replica.model == model and replica.running and not replica.leaving]

    def free(self, device: str) -> int:
        return self.devices[device].capacity - sum(one.share for one in self._holders(self.jobs) if one.device == device)

    def crash(self, model: str) -> None:
        """A replica dies: its requests are asked again, its share is free, and Serve will start another."""
        for replica in self.running(model)[:1]:
            self.queue[model].extend((self.ticks, work) for work in replica.work)
            self.replicas.remove(replica)
            self.gone.add(replica.name)

    def step(self) -> Outcome:
        self.ticks += 1
        self._ray()
        self._serve_requests()
        seen = [Seen(name, self.targets[name], tuple(r.name for r in self.running(name)), self.requests(name)) for name in self.models]
        known = {r.name: r.device for r in self.replicas if r.running and r.device and self.random.random() < 0.5}
        outcome = self.keeper.tick(self.now, seen, News(devices=known, gone=frozenset(self.gone), leases=self._leases()))
        self._apply(outcome)
        return outcome

    def requests(self, model: str) -> float:
        return len(self.queue[model]) + sum(len(replica.work) for replica in self.running(model))

    def _holders(self, jobs: list[Job]) -> list[Replica | Job]:
        return [*self.replicas, *jobs]

    def _leases(self) -> tuple[LeaseNow, ...]:
        return tuple(
            LeaseNow(job.id, "trainer", job.share, job.asked, job.device or job.granted_on, job.device is not None) for job in self.jobs
        )

    def _ray(self) -> None:
        for replica in list(self.replicas):
            if replica.leaving and not replica.work:
                replica.gone_in -= 1
                if replica.gone_in <= 0:
                    self.replicas.remove(replica)
                    self.gone.add(replica.name)
        started = [job for job in self.jobs if job.granted_on is not None and self.random.random() < 0.1]
        for waiting in self._holders(started):
            if waiting.device is None:
                fitting = [id_ for id_ in self.devices if self.free(id_) >= waiting.share]
                waiting.device = min(fitting, key=self.free, default=None)
        for job in self.jobs:
            job.work -= job.device is not None
        self.jobs = [job for job in self.jobs if job.work > 0]
        for replica in self.replicas:
            if replica.device is not None and not replica.running:
                replica.ready_in -= 1
                replica.running = replica.ready_in <= 0

    def _serve_requests(self) -> None:
        for model, queue in self.queue.items():
            replicas = self.running(model)
            while queue and replicas:
                arrived, work = queue.pop(0)
                self.waits.append(self.ticks - arrived)
                self.random.choice(replicas).work.append(work)
        for replica in self.replicas:
            before = len(replica.work)
            replica.work = [left - 1 for left in replica.work if left > 1]
            self.served += before - len(replica.work)

    def _apply(self, outcome: Outcome) -> None:
        for job in self.jobs:
            job.granted_on = outcome.granted.get(job.id, job.granted_on)
        for model, wanted in outcome.targets.items():
            if not self.running(model) and self.queue[model]:
                self.targets[model] = max(1, self.targets[model])  # Serve's cold start: overrules a policy that says 0
            else:
                self.targets[model] = max(1, wanted) if self.targets[model] > 1 and wanted < self.targets[model] else wanted
        for model, target in self.targets.items():
            here = [replica for replica in self.replicas if replica.model == model and not replica.leaving]
            for replica in here[target:]:
                replica.leaving, replica.running, replica.gone_in = True, False, self.random.randint(1, 5)
            still = [replica for replica in self.replicas if replica.model == model and replica.leaving]
            for _ in range(max(0, target - len(here) - len(still))):
                self.names += 1
                share = gpu_share(self.models[model].num_gpus)
                self.replicas.append(Replica(f"{model}#{self.names}", model, share, ready_in=self.random.randint(1, 20)))
