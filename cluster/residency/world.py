"""What a residency decision is made from, and what it says.

Shares are whole numbers: ten-thousandths of a GPU (Ray's own precision), bytes of memory for models on the CPU. Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from cluster.ray_allocator import UNITS

Pool = Literal["gpu", "cpu"]
Action = Literal["load", "evict", "hold", "grant"]


def gpu_share(num_gpus: float) -> int:
    """``num_gpus`` in the unit Ray counts in, rounded as Ray rounds it."""
    return round(num_gpus * UNITS)


class Phase(StrEnum):
    """``starting``: told to start, perhaps still waiting for its share. ``leaving``: told to stop; it holds its share until its process is
    gone."""

    STARTING = "starting"
    RUNNING = "running"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Device:
    id: str
    pool: Pool
    capacity: int


@dataclass(frozen=True, slots=True)
class Occupant:
    """One replica (or one lease that is in use) and its share of one device; ``device`` None: not known where."""

    owner: str
    pool: Pool
    share: int
    phase: Phase
    device: str | None = None


@dataclass(frozen=True, slots=True)
class ModelNow:
    """One model as it stands. ``target``: replicas Serve was told to run (0 while it is being evicted); ``running``: those that answer.

    ``requests``: waiting and worked on together. ``waiting_since``: since when a request waits without any replica; ``ready_since``: since
    when a replica answers; ``began``: when the start now going on got its share; ``failed``: Serve gave up starting it, so it neither holds
    nor gets a share.
    """

    model: str
    pool: Pool
    share: int
    target: int
    running: int
    requests: float
    last_used: float
    waiting_since: float | None = None
    ready_since: float | None = None
    began: float | None = None
    load_s: float = 5.0
    replicas: int = 1
    pinned: bool = False
    priority: int = 0
    failed: bool = False

    @property
    def busy(self) -> bool:
        return self.requests > 0

    @property
    def settled(self) -> bool:
        """All replicas it was told to run answer."""
        return self.target > 0 and self.running >= self.target


@dataclass(frozen=True, slots=True)
class LeaseNow:
    """A share asked for (``device`` None) or granted on ``device``. ``taken``: its holder's process has the share in Ray's books."""

    id: str
    holder: str
    share: int
    requested_at: float
    device: str | None = None
    taken: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """Models in the profile's order, which is also the order in which Serve deploys them."""

    now: float
    devices: tuple[Device, ...]
    models: tuple[ModelNow, ...]
    occupants: tuple[Occupant, ...] = ()
    leases: tuple[LeaseNow, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """See ResidencySettings."""

    min_stay_s: float
    max_wait_s: float
    idle_unload_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to ``subject`` (a model or a lease) and why, as a sentence. ``swap``: an eviction that makes room for another."""

    action: Action
    subject: str
    reason: str
    swap: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """``targets``: replica counts to set; a model that is missing stays as it is (a waiting model with no room must be missing, because
    Serve starts a replica for any waiting deployment that a policy names). ``placed``: where Ray will put the starts that have room now, by
    model, one device for each. ``granted``: leases given, with their device. ``forecast``: seconds until a request sent now would start,
    None when unknown."""

    targets: dict[str, int] = field(default_factory=dict)
    placed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    granted: dict[str, str] = field(default_factory=dict)
    forecast: dict[str, float | None] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
