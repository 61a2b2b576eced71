"""Who is on the cards, who waits, and what was decided: the snapshot behind ``/metrics``, ``/readyz`` and ``hearth status``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """``budget_bytes`` is what the plan has given away now; ``measured_bytes`` what NVML reports in use, None where there is no NVML."""

    id: str
    name: str
    memory_bytes: int
    budget_bytes: int
    measured_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ModelUse:
    """``ongoing`` requests are being worked on, ``queued`` wait. Counters count since HEARTH_HOME was made. ``wait_forecast_s``: seconds
    until a request sent now would start, None when unknown. ``failure``: why Serve gave up starting it."""

    model: str
    device: str
    resident: bool
    loading: bool
    ongoing: int
    queued: int
    loads_total: int
    evictions_total: int
    last_load_s: float | None
    budget_bytes: int
    measured_bytes: int | None
    wait_forecast_s: float | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of the residency policy. ``action``: load, evict, hold. ``at`` is a Unix time."""

    at: float
    model: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Memory taken by something that is not a served model (a training job). ``expires_at`` is a Unix time, renewed by its holder;
    ``device`` is where it was granted; ``taken``: its holder's process has started there."""

    id: str
    holder: str
    num_gpus: float
    budget_bytes: int
    granted: bool
    expires_at: float
    device: str | None = None
    taken: bool = False


@dataclass(frozen=True, slots=True)
class ResidencySnapshot:
    at: float
    devices: tuple[DeviceUse, ...]
    models: tuple[ModelUse, ...]
    leases: tuple[Lease, ...] = ()
    decisions: tuple[Decision, ...] = ()
    swaps_total: int = 0
