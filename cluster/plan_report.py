"""A plan as it is shown: rows for tables, and the JSON of `hearth plan --json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cluster.errors import ConfigError
from cluster.hardware import Device
from cluster.placement import Plan, Rejected
from cluster.planning import ResolvedPlan


@dataclass(frozen=True, slots=True)
class PlacementRow:
    """One replica. ``engine`` and ``dtype`` are None for a plan of bare budgets, which knows no models."""

    model: str
    replica: int
    device: str
    num_gpus: float
    budget_bytes: int
    engine: str | None
    dtype: str | None
    resident: bool
    reason: str


@dataclass(frozen=True, slots=True)
class PlanReport:
    """``error`` says which pinned models lack how many bytes on which device; empty when they fit."""

    devices: tuple[Device, ...]
    placements: tuple[PlacementRow, ...]
    rejected: tuple[Rejected, ...]
    shortfalls: tuple[Rejected, ...]
    error: str
    optimal: bool

    def as_json(self) -> dict[str, Any]:
        """The object that `plan --json` prints: devices, placements and rejected, or one error in the shape of the API's errors."""
        if self.shortfalls:
            missing = [{"model": short.model, "device": short.device, "short_bytes": short.short_bytes} for short in self.shortfalls]
            return {
                "error": {"message": self.error, "type": ConfigError.type, "param": None, "code": "does_not_fit", "shortfalls": missing}
            }
        return {
            "devices": [
                {"id": device.id, "name": device.name, "memory_bytes": device.memory_bytes, "compute_capability": device.compute_capability}
                for device in self.devices
            ],
            "placements": [asdict(row) for row in self.placements],
            "rejected": [{"model": r.model, "reason": r.reason, "short_bytes": r.short_bytes} for r in self.rejected],
        }


def report_instance(devices: Sequence[Device], made: Plan) -> PlanReport:
    """A plan of bare budgets."""
    by_id = {device.id: device for device in devices}
    ordered = (*(by_id[name] for name in made.gpu_order), *(device for device in devices if device.id not in made.gpu_order))
    rows = tuple(
        PlacementRow(p.model, p.replica, p.device, p.num_gpus, p.budget_bytes, None, None, p.resident, p.reason) for p in made.placements
    )
    return PlanReport(ordered, rows, made.rejected, made.shortfalls, _error(made), made.optimal)


def report_profile(resolved: ResolvedPlan) -> PlanReport:
    """A profile's plan, each placement with its model's engine and whole reason."""
    models = {model.spec.id: model for model in resolved.models}
    rows = []
    for placement in resolved.plan.placements:
        model = models[placement.model]
        assert model.need is not None, "what is placed has a need"
        rows.append(
            PlacementRow(
                model=placement.model,
                replica=placement.replica,
                device=placement.device,
                num_gpus=placement.num_gpus,
                budget_bytes=placement.budget_bytes,
                engine=model.need.choice.engine,
                dtype=model.need.choice.dtype,
                resident=placement.resident,
                reason=model.reason,
            )
        )
    made = resolved.plan
    return PlanReport(resolved.devices, tuple(rows), made.rejected, made.shortfalls, _error(made), made.optimal)


def _error(made: Plan) -> str:
    try:
        made.check()
    except ConfigError as error:
        return error.message
    return ""
