"""The planner: a pure function (devices, demands) -> Plan. Nothing is read or measured here; the same input gives the same plan.

In this order: pinned models must all fit, or :meth:`Plan.check` says which lacks how many bytes on which device; then the resident set
with the highest total priority; then the packing that leaves the largest free piece on one card (for training or a swap); then as many
models as that leaves room for, so that one of priority 0 is loaded at start only where it costs nothing. Models left out are loaded on
demand, where they fit beside the pinned ones, or rejected with the missing bytes. A model is placed only on devices its demand names:
nothing falls to the CPU unasked.

``num_gpus`` is budget / usable memory of the device (all of it, less the profile's reserve, so that Ray cannot give the reserve away), in
steps of 1/10 000 that Ray accepts, and every plan is checked against Ray's own choice of GPU (cluster/ray_allocator.py). Up to
``packing.EXACT_PIECES`` replicas the plan is the best there is; beyond, it is a good one and ``optimal`` is False.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cluster.errors import ConfigError
from cluster.hardware import Device, readable
from cluster.packing import MIB, NEVER, Bundle, Packing, pack
from cluster.ray_allocator import UNITS, Arrangement, Group, to_shares
from cluster.ray_packing import survive_ray


@dataclass(frozen=True, slots=True)
class Demand:
    """What one model asks for. ``budgets``: bytes of one replica on each device (by id) that can run it."""

    model: str
    budgets: Mapping[str, int]
    pinned: bool = False
    priority: int = 0
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Placement:
    """One replica on one device. ``num_gpus`` is 0 on the CPU. ``resident``: loaded at start; else loaded when asked for."""

    model: str
    replica: int
    device: str
    num_gpus: float
    budget_bytes: int
    resident: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A model that is not placed. ``short_bytes`` are missing on ``device``, the one that comes nearest (None: no device can run it)."""

    model: str
    reason: str
    short_bytes: int
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """``placements``: the resident ones in the order in which they must be deployed, then those on demand. ``shortfalls``: pinned models
    that do not fit; when there are any, nothing is placed. ``gpu_order``: ids of the GPUs in the order in which Ray must count them
    (CUDA_VISIBLE_DEVICES of the Ray node); the devices' own order unless cards differ. ``optimal``: proven to be the best plan."""

    placements: tuple[Placement, ...]
    rejected: tuple[Rejected, ...]
    shortfalls: tuple[Rejected, ...]
    gpu_order: tuple[str, ...]
    optimal: bool

    def check(self) -> Plan:
        """This plan; raises ConfigError when pinned models do not fit."""
        if self.shortfalls:
            lacks = " ".join(short.reason for short in self.shortfalls)
            raise ConfigError(f"Pinned models do not fit. {lacks} Unpin a model, or give it a smaller quantisation, context or 'parallel'.")
        return self


@dataclass(frozen=True, slots=True)
class _Pool:
    """Devices that are planned together: all GPUs, or the CPU; and the demands they can serve."""

    devices: tuple[Device, ...]
    demands: tuple[Demand, ...]

    def bundle(self, demand: Demand) -> Bundle:
        costs = tuple(max(demand.budgets.get(device.id, NEVER), _unit(device)) for device in self.devices)
        if demand.replicas > 1:
            costs = _same_share(costs, self.devices)
        return Bundle(costs, demand.replicas, demand.pinned, demand.priority)


def _unit(device: Device) -> int:
    """The least that Ray can count, in bytes of the device."""
    return -(-device.usable_bytes // UNITS) if device.is_gpu else 0


def _same_share(costs: tuple[int, ...], devices: Sequence[Device]) -> tuple[int, ...]:
    """Replicas of one deployment ask Ray for one share, whatever card they land on: on cards of different size, the largest they need."""
    runs = [(cost, device.usable_bytes) for cost, device in zip(costs, devices, strict=True) if cost <= device.usable_bytes]
    share = max((-(-cost * UNITS // room) for cost, room in runs), default=0)
    return tuple(
        max(cost, share * device.usable_bytes // UNITS) if cost <= device.usable_bytes else cost
        for cost, device in zip(costs, devices, strict=True)
    )


def plan(devices: Sequence[Device], demands: Sequence[Demand]) -> Plan:
    """The plan for ``demands`` (unique models) on ``devices`` (unique ids). Never raises for what does not fit: see :class:`Plan`."""
    gpus = tuple(device for device in devices if device.is_gpu and device.usable_bytes > 0)
    cpus = tuple(device for device in devices if not device.is_gpu)
    on_gpu = tuple(d for d in demands if any(device.id in d.budgets for device in gpus))
    on_cpu = tuple(d for d in demands if d not in on_gpu and any(device.id in d.budgets for device in cpus))
    homeless = tuple(_homeless(d) for d in demands if d not in on_gpu and d not in on_cpu)
    parts = [_plan_pool(_Pool(pool, wants)) for pool, wants in ((gpus, on_gpu), (cpus, on_cpu)) if wants]
    pinned = {d.model for d in demands if d.pinned}
    shortfalls = (*(r for r in homeless if r.model in pinned), *(s for part in parts for s in part.shortfalls))
    placements = [placement for part in parts for placement in part.placements]
    return Plan(
        placements=() if shortfalls else tuple(sorted(placements, key=lambda placement: not placement.resident)),
        rejected=(*(r for r in homeless if r.model not in pinned), *(r for part in parts for r in part.rejected)),
        shortfalls=shortfalls,
        gpu_order=next((part.gpu_order for part in parts if part.gpu_order), tuple(gpu.id for gpu in gpus)),
        optimal=all(part.optimal for part in parts),
    )


def _homeless(demand: Demand) -> Rejected:
    needs = min(demand.budgets.values(), default=0)
    return Rejected(demand.model, f"'{demand.model}' needs {readable(needs)}, and no device of the plan can run it.", needs)


def _plan_pool(pool: _Pool) -> Plan:
    bundles = [pool.bundle(demand) for demand in pool.demands]
    capacities = [device.usable_bytes for device in pool.devices]
    packing = pack(bundles, capacities)
    if packing is None:
        return Plan((), (), _shortfalls(pool, bundles, capacities), (), optimal=True)
    if not pool.devices[0].is_gpu:
        return _write_down(pool, bundles, packing, None)
    survived = survive_ray(bundles, capacities, packing)
    if survived is None:
        return Plan((), (), _spread_too_far(pool), (), optimal=False)
    return _write_down(pool, bundles, *survived)


def _write_down(pool: _Pool, bundles: Sequence[Bundle], packing: Packing, arranged: Arrangement | None) -> Plan:
    on_cpu = [Group(i, 0, where) for i, where in enumerate(packing.places) if where]
    placements = [
        _placement(pool, group.key, replica, device, group.share, resident=True)
        for group in (arranged.groups if arranged else on_cpu)
        for replica, device in enumerate(group.devices)
    ]
    free = _beside_pinned(pool, bundles, packing)
    rejected: list[Rejected] = []
    for i, where in enumerate(packing.places):
        if where:
            continue
        found = _on_demand(pool, bundles[i], i, free)
        if isinstance(found, Rejected):
            rejected.append(found)
        else:
            placements.extend(found)
    gpu_order = tuple(pool.devices[d].id for d in arranged.device_order) if arranged else ()
    return Plan(tuple(placements), tuple(rejected), (), gpu_order, packing.optimal)


def _placement(pool: _Pool, i: int, replica: int, device: int, units: int, resident: bool) -> Placement:
    demand, where = pool.demands[i], pool.devices[device]
    budget = demand.budgets[where.id]
    of = f"{readable(budget)} of {where.id}'s {readable(where.usable_bytes)}"
    if demand.pinned:
        reason = f"pinned: {of}, always resident"
    elif resident:
        reason = f"resident by priority {demand.priority}: {of}"
    else:
        reason = f"on demand: loads into {of} when asked for, and takes turns with the models that are not pinned"
    return Placement(demand.model, replica, where.id, units / UNITS, budget, resident, reason)


def _beside_pinned(pool: _Pool, bundles: Sequence[Bundle], packing: Packing) -> list[int]:
    """Bytes that the pinned models leave on each device."""
    free = [device.usable_bytes for device in pool.devices]
    for bundle, where in zip(bundles, packing.places, strict=True):
        for device in where if bundle.required else ():
            free[device] -= bundle.costs[device]
    return free


def _on_demand(pool: _Pool, bundle: Bundle, i: int, beside: Sequence[int]) -> list[Placement] | Rejected:
    """All copies beside the pinned models, each where it leaves the least free (as Ray would), or why not."""
    free, placements = list(beside), []
    for replica in range(bundle.copies):
        rooms = [(room - cost, d) for d, (room, cost) in enumerate(zip(free, bundle.costs, strict=True)) if room >= cost]
        if not rooms:
            return _reject(pool, bundle, i, free, replica)
        device = min(rooms)[1]
        free[device] -= bundle.costs[device]
        capacity = pool.devices[device].usable_bytes
        units = to_shares([bundle.costs[device]], capacity)[0] if pool.devices[device].is_gpu else 0
        placements.append(_placement(pool, i, replica, device, units, resident=False))
    return placements


def _reject(pool: _Pool, bundle: Bundle, i: int, free: Sequence[int], replica: int) -> Rejected:
    """The device that comes nearest names the missing bytes."""
    short, device = min((cost - room, d) for d, (room, cost) in enumerate(zip(free, bundle.costs, strict=True)) if cost < NEVER)
    where, model = pool.devices[device], pool.demands[i].model
    copy = f" (replica {replica + 1} of {bundle.copies})" if bundle.copies > 1 else ""
    beside = "has" if free[device] == where.usable_bytes else "has beside the pinned models"
    reason = (
        f"'{model}'{copy} needs {readable(bundle.costs[device])}; {where.id} ({where.name}) {beside} {readable(max(0, free[device]))}: "
        f"it lacks {readable(short)}."
    )
    return Rejected(model, reason, short, where.id)


def _spread_too_far(pool: _Pool) -> tuple[Rejected, ...]:
    """The pinned models fit, but Ray's rule would put their replicas elsewhere in every order of deployment."""
    copied = [demand for demand in pool.demands if demand.pinned and demand.replicas > 1]
    return tuple(
        Rejected(d.model, f"'{d.model}': Ray cannot spread its {d.replicas} replicas over these cards beside the other pinned models.", 0)
        for d in copied
    )


def _shortfalls(pool: _Pool, bundles: Sequence[Bundle], capacities: Sequence[int]) -> tuple[Rejected, ...]:
    """As many pinned models as fit are packed, and the larger ones of them, so that little is missing; each of the others says what it
    lacks beside them."""
    wished = [replace(bundle, required=False, value=2**40 + min(bundle.costs) * bundle.copies // MIB) for bundle in bundles]
    pinned = [i for i, bundle in enumerate(bundles) if bundle.required]
    most = pack([wished[i] for i in pinned], capacities)
    assert most is not None, "nothing is required"
    free = list(capacities)
    for i, where in zip(pinned, most.places, strict=True):
        for device in where:
            free[device] -= bundles[i].costs[device]
    left_out = [i for i, where in zip(pinned, most.places, strict=True) if not where]
    missing = [_on_demand(pool, bundles[i], i, free) for i in left_out]
    return tuple(short for short in missing if isinstance(short, Rejected))
