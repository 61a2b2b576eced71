"""One look at all models and what follows from it: contexts from Serve in, replica counts out, a report to the ledger on the side.

Runs in the Serve controller's event loop, so nothing here waits: the report is sent without waiting for its answer, at most one at a time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import ray
import structlog
from ray.actor import ActorHandle
from ray.exceptions import RayError
from ray.serve.config import AutoscalingContext

from cluster import ledger
from cluster.contracts.residency import Decision, DeviceUse, ModelUse
from cluster.hardware import CPU
from cluster.logs import configure_logging
from cluster.residency.keeper import Keeper, News, Seen
from cluster.residency.world import Device, ModelNow, Outcome, Phase, Rules, World, gpu_share
from cluster.serving.args import PolicyArgs

# Without a change the ledger hears from us this often, in seconds.
HEARTBEAT_S = 1.0
# Serve kills a replica this much after its grace period at the latest.
KILL_MARGIN_S = 30.0

_log = structlog.get_logger(__name__)


class Steward:
    """Holds the keeper, and what the ledger has not acknowledged yet."""

    def __init__(self, args: PolicyArgs) -> None:
        configure_logging(args.ledger.log)
        self._args = args
        self._budgets = {model.model: model.budget_bytes for model in args.models}
        rules = Rules(args.residency.min_stay_s, args.residency.max_wait_s, args.residency.idle_unload_s)
        self._keeper = Keeper(args.models, _devices(args), rules, args.drain_s + KILL_MARGIN_S)
        self._news = News()
        self._mail = _Mail(args)
        self._said: dict[str, str] = {}

    def tick(self, contexts: Mapping[str, AutoscalingContext]) -> dict[str, int]:
        """Replica counts by model, for those that are to change or must hold."""
        now = time.time()
        self._news = self._mail.answer() or self._news
        seen = [_seen(model.model, contexts[model.model]) for model in self._args.models if model.model in contexts]
        outcome = self._keeper.tick(now, seen, self._news)
        decisions = self._new_decisions(outcome, now)
        self._mail.send(self._report(now, outcome, seen, contexts, decisions))
        return outcome.targets

    def _new_decisions(self, outcome: Outcome, now: float) -> tuple[Decision, ...]:
        """What was decided, less what was said before: a model that waits is not news at every tick."""
        fresh = []
        for verdict in outcome.verdicts:
            if self._said.get(verdict.subject) != f"{verdict.action}: {verdict.reason}":
                _log.info("residency", action=verdict.action, model=verdict.subject, reason=verdict.reason)
                fresh.append(Decision(now, verdict.subject, verdict.action, verdict.reason))
        self._said = {verdict.subject: f"{verdict.action}: {verdict.reason}" for verdict in outcome.verdicts}
        return tuple(fresh)

    def _report(
        self, now: float, outcome: Outcome, seen: list[Seen], contexts: Mapping[str, AutoscalingContext], decisions: tuple[Decision, ...]
    ) -> ledger.Report:
        world = self._keeper.world
        return ledger.Report(
            at=now,
            devices=self._device_uses(world),
            gpus=self._args.gpus,
            models=tuple(self._model_use(model, world, outcome, contexts) for model in world.models),
            running={one.model: one.replicas for one in seen},
            leaving=tuple(self._keeper.leaving()),
            starting=any(model.target > model.running for model in world.models),
            decisions=decisions,
            swaps=sum(verdict.swap for verdict in outcome.verdicts),
            granted=outcome.granted,
            load_s=self._keeper.loads(),
        )

    def _model_use(self, model: ModelNow, world: World, outcome: Outcome, contexts: Mapping[str, AutoscalingContext]) -> ModelUse:
        places = {one.device for one in world.occupants if one.owner == model.model and one.phase is not Phase.LEAVING and one.device}
        queued = float(contexts[model.model].total_queued_requests)
        return ModelUse(
            model=model.model,
            device=", ".join(sorted(places)) or (CPU if model.pool == "cpu" else ""),
            resident=model.running > 0 and model.target > 0,
            loading=model.target > 0 and model.running == 0 and not model.failed,
            ongoing=round(max(0.0, model.requests - queued)),
            queued=round(queued),
            loads_total=0,
            evictions_total=0,
            last_load_s=None,
            budget_bytes=self._budgets[model.model],
            measured_bytes=None,
            wait_forecast_s=outcome.forecast.get(model.model),
        )

    def _device_uses(self, world: World) -> tuple[DeviceUse, ...]:
        given = {device.id: 0 for device in world.devices}
        for one in world.occupants:
            device = one.device or (CPU if one.pool == "cpu" else None)
            if device in given:
                given[device] += self._budgets[one.owner]
        for lease in world.leases:
            if lease.device in given:
                given[lease.device] += self._lease_bytes(lease.device, lease.share)
        gpus = [DeviceUse(gpu.id, gpu.name, gpu.memory_bytes, given[gpu.id]) for gpu in self._args.gpus]
        cpu = [DeviceUse(CPU, "CPU", self._args.cpu_bytes, given[CPU])] if self._args.cpu_bytes else []
        return (*gpus, *cpu)

    def _lease_bytes(self, device: str, share: int) -> int:
        memory = next(gpu.memory_bytes for gpu in self._args.gpus if gpu.id == device)
        return memory * share // gpu_share(1)


class _Mail:
    """Reports to the ledger, one at a time. What a lost report carried goes with the next one."""

    def __init__(self, args: PolicyArgs) -> None:
        self._args = args
        self._ledger: ActorHandle[ledger.Ledger] | None = None
        self._sent: tuple[Any, ledger.Report] | None = None
        self._kept: list[ledger.Report] = []
        self._last: ledger.Report | None = None

    def answer(self) -> News | None:
        """What the ledger answered, if it did since the last look."""
        if self._sent is None:
            return None
        reference, report = self._sent
        ready, _ = ray.wait([reference], timeout=0)
        if not ready:
            return None
        self._sent = None
        try:
            news: News = ray.get(reference)
        except RayError as error:
            _log.warning("the ledger did not take a report", error=str(error).splitlines()[-1])
            self._ledger, self._kept = None, [report, *self._kept]
            return None
        return news

    def send(self, report: ledger.Report) -> None:
        if report.decisions or report.swaps or report.granted:
            self._kept.append(report)
        if self._sent is not None or not (self._kept or self._is_due(report)):
            return
        if self._ledger is None:
            self._ledger = ledger.start(self._args.ledger)
        whole = _together(report, self._kept)
        self._kept, self._last = [], report
        self._sent = (self._ledger.report.remote(whole), whole)

    def _is_due(self, report: ledger.Report) -> bool:
        last = self._last
        if last is None or report.leaving or report.at - last.at >= HEARTBEAT_S:
            return True
        return [(use.resident, use.loading, use.device) for use in last.models] != [
            (use.resident, use.loading, use.device) for use in report.models
        ]


def _together(report: ledger.Report, kept: list[ledger.Report]) -> ledger.Report:
    """``report`` with the decisions, swaps and grants of those kept (which include its own)."""
    return ledger.Report(
        at=report.at,
        devices=report.devices,
        gpus=report.gpus,
        models=report.models,
        running=report.running,
        leaving=report.leaving,
        starting=report.starting,
        decisions=tuple(decision for one in kept for decision in one.decisions),
        swaps=sum(one.swaps for one in kept),
        granted={lease: device for one in kept for lease, device in one.granted.items()},
        load_s=report.load_s,
    )


def _seen(model: str, context: AutoscalingContext) -> Seen:
    replicas = tuple(replica.to_full_id_str() for replica in context.running_replicas)
    return Seen(model, context.target_num_replicas, replicas, float(context.total_num_requests))


def _devices(args: PolicyArgs) -> list[Device]:
    return [*(Device(gpu.id, "gpu", gpu_share(1)) for gpu in args.gpus), Device(CPU, "cpu", args.cpu_bytes)]
