"""The residency snapshot as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cluster.contracts.residency import DeviceUse, ModelUse, ResidencySnapshot

Value = Callable[[ModelUse], float | None]

_GAUGES: tuple[tuple[str, str, Value], ...] = (
    ("resident", "1 while the model has a replica that answers.", lambda use: float(use.resident)),
    ("loading", "1 while a replica of the model starts.", lambda use: float(use.loading)),
    ("ongoing_requests", "Requests being worked on.", lambda use: float(use.ongoing)),
    ("queued_requests", "Requests that wait.", lambda use: float(use.queued)),
    ("budget_bytes", "Memory the plan gave the model.", lambda use: float(use.budget_bytes)),
    ("measured_bytes", "Memory the model was measured to use.", lambda use: use.measured_bytes),
    ("last_load_seconds", "Seconds its last start took.", lambda use: use.last_load_s),
)
_COUNTERS: tuple[tuple[str, str, Value], ...] = (
    ("loads", "Times the model was loaded.", lambda use: float(use.loads_total)),
    ("evictions", "Times the model had to leave.", lambda use: float(use.evictions_total)),
)


class ResidencyCollector(Collector):
    """``snapshot`` None: the ledger did not answer; that is a metric too."""

    def __init__(self, snapshot: ResidencySnapshot | None) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("hearth_residency_up", "1 while the residency ledger answers.", value=float(self._snapshot is not None))
        if self._snapshot is None:
            return
        models = self._snapshot.models
        for name, help_text, value in _GAUGES:
            yield _of_models(GaugeMetricFamily(f"hearth_model_{name}", help_text, labels=("model", "device")), models, value)
        for name, help_text, value in _COUNTERS:
            yield _of_models(CounterMetricFamily(f"hearth_model_{name}", help_text, labels=("model", "device")), models, value)
        yield CounterMetricFamily("hearth_swaps", "Times one model made room for another.", value=self._snapshot.swaps_total)
        yield from _of_devices(self._snapshot.devices)


def _of_models(family: GaugeMetricFamily | CounterMetricFamily, uses: Iterable[ModelUse], value: Value) -> Metric:
    for use in uses:
        found = value(use)
        if found is not None:
            family.add_metric((use.model, use.device), found)
    return family


def _of_devices(devices: Iterable[DeviceUse]) -> Iterable[Metric]:
    memory = GaugeMetricFamily("hearth_device_memory_bytes", "Memory of the device.", labels=("device", "name"))
    budget = GaugeMetricFamily("hearth_device_budget_bytes", "Memory the plan has given away.", labels=("device", "name"))
    measured = GaugeMetricFamily("hearth_device_measured_bytes", "Memory in use, as the driver reports it.", labels=("device", "name"))
    for device in devices:
        labels = (device.id, device.name)
        memory.add_metric(labels, device.memory_bytes)
        budget.add_metric(labels, device.budget_bytes)
        if device.measured_bytes is not None:
            measured.add_metric(labels, device.measured_bytes)
    return memory, budget, measured
