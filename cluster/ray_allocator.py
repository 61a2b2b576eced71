"""Ray's own choice of GPU, simulated: shares that Ray accepts, and an order of deployment in which Ray puts every model as planned.

Ray counts GPUs in units of 1/10 000. A request for a part of a GPU goes to the GPU that it leaves with the least free share, the lowest
index on a tie (``NodeResourceInstanceSet::TryAllocate`` in Ray's src/ray/common/scheduling/resource_instance_set.cc; shares finer than
1/10 000 are refused by ray/_common/ray_option_utils.py). A request for exactly one GPU follows the same rule: only an empty GPU has room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

UNITS = 10_000
# States looked at before an order is given up; far beyond what plans of 8 models reach.
MAX_STATES = 2_000


@dataclass(frozen=True, slots=True)
class Group:
    """The replicas of one deployment, started one after the other: ``share`` in units each, ``devices`` where the plan wants them."""

    key: int
    share: int
    devices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """``groups`` in deployment order; ``device_order[i]`` is the planner's index of the device that Ray must know as GPU i."""

    groups: tuple[Group, ...]
    device_order: tuple[int, ...]


def choose_gpu(free: Sequence[int], share: int) -> int | None:
    """The GPU that Ray gives a request for ``share`` units, or None when it has to wait."""
    fitting = [(room - share, gpu) for gpu, room in enumerate(free) if room >= share]
    return min(fitting)[1] if fitting else None


def to_shares(budgets: Sequence[int], capacity: int) -> list[int]:
    """Units for budgets that share one device: each rounded up. Where that would pass the whole device although the bytes fit (three
    thirds), only the largest remainders are rounded up, so that the sum is exactly one."""
    floors = [budget * UNITS // capacity for budget in budgets]
    remainders = [budget * UNITS % capacity for budget in budgets]
    spare = UNITS - sum(floors)
    upward = sorted((i for i, rest in enumerate(remainders) if rest), key=lambda i: (-remainders[i], i))[:spare]
    return [max(1, units + (i in upward)) for i, units in enumerate(floors)]


def start_group(free: Sequence[int], group: Group, order: Sequence[int], copies: int | None = None) -> tuple[list[int], Group] | None:
    """Free shares after Ray has started ``copies`` replicas of ``group`` (by default one for each of its devices), and the group with its
    devices in the order in which Ray fills them; or None when a replica would land on a device that the group does not name. ``free`` and
    Ray's indices are in ``order`` (see Arrangement)."""
    left, wanted, filled = list(free), list(group.devices), []
    for _ in range(len(group.devices) if copies is None else copies):
        gpu = choose_gpu(left, group.share)
        if gpu is None or order[gpu] not in wanted:
            return None
        wanted.remove(order[gpu])
        filled.append(order[gpu])
        left[gpu] -= group.share
    return left, replace(group, devices=tuple(filled))


def arrange(groups: Sequence[Group], devices: int) -> Arrangement | None:
    """An order in which Ray's rule gives every group its devices; tried in turn: the devices as they are; fuller devices first; and then
    with cards closed by raising the last share on them, so that nothing else is drawn there. None when even that does not work, which
    takes deployments whose replicas are spread over several devices."""
    if not groups:
        return Arrangement((), tuple(range(devices)))
    load = [sum(group.share * group.devices.count(d) for group in groups) for d in range(devices)]
    natural = tuple(range(devices))
    fuller_first = tuple(sorted(natural, key=lambda d: (-load[d], d)))
    for order in (natural, fuller_first):
        found = _search(groups, order, load)
        if found is not None:
            return Arrangement(found, order)
    closed = _closing(groups, fuller_first, load)
    return None if closed is None else Arrangement(closed, fuller_first)


def _search(groups: Sequence[Group], order: Sequence[int], load: Sequence[int]) -> tuple[Group, ...] | None:
    """Depth-first over deployment orders, groups on the fullest devices and large shares first. What is placed decides what is free, so a
    set of groups that failed once fails always."""
    ready = sorted(groups, key=lambda group: (-max(load[d] for d in group.devices), min(group.devices), -group.share, group.key))
    failed: set[int] = set()

    def extend(placed: int, free: list[int]) -> tuple[Group, ...] | None:
        if placed == (1 << len(ready)) - 1:
            return ()
        for i, group in enumerate(ready):
            started = None if placed >> i & 1 else start_group(free, group, order)
            if started is None or placed | 1 << i in failed:
                continue
            rest = extend(placed | 1 << i, started[0])
            if rest is not None:
                return (started[1], *rest)
            if len(failed) > MAX_STATES:
                return None
        failed.add(placed)
        return None

    return extend(0, [UNITS] * len(order))


def _closing(groups: Sequence[Group], order: Sequence[int], load: Sequence[int]) -> tuple[Group, ...] | None:
    """Device after device in Ray's order; the last share on each raised until no later group fits beside it."""
    if any(len(set(group.devices)) > 1 for group in groups):
        return None
    done: list[Group] = []
    free = [UNITS] * len(order)
    for device in order:
        mine = sorted((group for group in groups if group.devices[0] == device), key=lambda group: (-group.share, group.key))
        later = [group.share for group in groups if group not in mine and group.key not in {old.key for old in done}]
        left = UNITS - load[device]
        if mine and later and left >= min(later):
            mine[-1] = replace(mine[-1], share=mine[-1].share + (left - min(later)) // len(mine[-1].devices) + 1)
        for group in mine:
            started = start_group(free, group, order)
            if started is None:
                return None
            free = started[0]
            done.append(started[1])
    return tuple(done)


@dataclass(frozen=True, slots=True)
class Want:
    """A deployment without a place yet: ``shares`` in units that one of its ``copies`` needs on each device, None where it cannot run."""

    key: int
    copies: int
    shares: tuple[int | None, ...]


def realize(wants: Sequence[Want], devices: int) -> tuple[Group, ...] | None:
    """Places found by Ray's rule itself: an order, and a share for each, with which every copy lands where that share is enough. Large
    ones are tried first. None when there is no such order, or none within MAX_STATES."""
    ready = sorted(wants, key=lambda want: (-max((share for share in want.shares if share is not None), default=0), want.key))
    failed: set[tuple[int, tuple[int, ...]]] = set()
    order = tuple(range(devices))

    def extend(placed: int, free: list[int]) -> tuple[Group, ...] | None:
        if placed == (1 << len(ready)) - 1:
            return ()
        state = (placed, tuple(free))
        if state in failed or len(failed) > MAX_STATES:
            return None
        for i, want in enumerate(ready):
            for share in () if placed >> i & 1 else sorted({share for share in want.shares if share is not None}):
                enough = tuple(d for d in order if (needed := want.shares[d]) is not None and needed <= share)
                started = start_group(free, Group(want.key, share, enough * want.copies), order, want.copies)
                rest = extend(placed | 1 << i, started[0]) if started else None
                if started and rest is not None:
                    return (started[1], *rest)
        failed.add(state)
        return None

    return extend(0, [UNITS] * devices)
