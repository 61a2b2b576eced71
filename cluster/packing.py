"""Which models fit on which devices together: the best packing, exactly, for up to ``EXACT_PIECES`` pieces; a good one beyond.

A piece is one replica. Best means, in this order: all required pieces; the highest total priority; the largest free piece on one device;
the most models; the free space gathered on as few devices as possible (the sum of squares of free space). Everything is deterministic.

The exact search is dynamic programming over subsets of pieces, vectorised: a mask of pieces fits on k devices when it splits into a part
that fits on the k-th and a rest that fits on the others, and gathering free space is additive over devices. That is 3^n splits per device
(n <= 11: 177 147), a few milliseconds in numpy; an integer-programming solver needs longer only to be called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

EXACT_PIECES = 11
# Stands for "cannot run there": above any device, and far from overflowing a sum of EXACT_PIECES.
NEVER = 2**56
MIB = 2**20

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bundle:
    """One model: ``copies`` pieces that are packed together or not at all. ``costs``: bytes on each device, or NEVER."""

    costs: tuple[int, ...]
    copies: int = 1
    required: bool = False
    value: int = 0


@dataclass(frozen=True, slots=True)
class Packing:
    """``places[i]``: the devices of bundle i's copies; empty when it is left out. ``optimal``: proven to be the best."""

    places: tuple[tuple[int, ...], ...]
    optimal: bool


def pack(bundles: Sequence[Bundle], capacities: Sequence[int]) -> Packing | None:
    """The best packing, or None when the required bundles do not all fit."""
    # Optional bundles that fit nowhere even alone only blow up the search.
    fitting = [i for i, bundle in enumerate(bundles) if bundle.required or _alone(bundle, capacities)]
    kept = [bundles[i] for i in fitting]
    exact = sum(bundle.copies for bundle in kept) <= EXACT_PIECES
    found = (_pack_exactly if exact else _pack_greedily)(kept, capacities)
    if found is None:
        return None
    places: list[tuple[int, ...]] = [() for _ in bundles]
    for i, where in zip(fitting, found, strict=True):
        places[i] = where
    return Packing(tuple(places), exact)


def _alone(bundle: Bundle, capacities: Sequence[int]) -> bool:
    return sum(room // cost for cost, room in zip(bundle.costs, capacities, strict=True) if cost <= room) >= bundle.copies


def _pack_exactly(bundles: Sequence[Bundle], capacities: Sequence[int]) -> list[tuple[int, ...]] | None:
    owners = [i for i, bundle in enumerate(bundles) for _ in range(bundle.copies)]
    devices = range(len(capacities))
    loads = [_sums([min(bundles[i].costs[d], NEVER) for i in owners]) for d in devices]
    gathered = [_gathered(load, room) for load, room in zip(loads, capacities, strict=True)]
    chains = [_chain([gathered[o] for o in devices if o != d], len(owners)) for d in devices]
    best = _best_split(bundles, owners, gathered, chains, [room - load for room, load in zip(capacities, loads, strict=True)])
    if best is None:
        return None
    freest, part, rest = best
    masks = {freest: part}
    for step, device in reversed(list(enumerate(o for o in devices if o != freest))):
        masks[device] = _peel(gathered[device], chains[freest][step], chains[freest][step + 1], rest)
        rest ^= masks[device]
    copies = [next(d for d in devices if masks.get(d, 0) >> piece & 1) if _is_in(masks, piece) else None for piece in range(len(owners))]
    return [tuple(d for owner, d in zip(owners, copies, strict=True) if owner == i and d is not None) for i in range(len(bundles))]


def _is_in(masks: dict[int, int], piece: int) -> bool:
    return any(mask >> piece & 1 for mask in masks.values())


def _best_split(
    bundles: Sequence[Bundle], owners: Sequence[int], gathered: Sequence[Floats], chains: Sequence[Sequence[Floats]], frees: Sequence[Ints]
) -> tuple[int, int, int] | None:
    """(the device with the largest free piece, the mask of pieces on it, the mask of pieces elsewhere), or None."""
    whole, part, starts = _splits(len(owners))
    fits = np.maximum.reduceat(gathered[0][part] + chains[0][-1][whole ^ part], starts) > -np.inf
    allowed = _complete(bundles, owners) & fits
    if not allowed.any():
        return None
    value = _sums([bundles[i].value if i not in owners[:piece] else 0 for piece, i in enumerate(owners)])
    allowed &= value == value[allowed].max()
    count = _sums([int(i not in owners[:piece]) for piece, i in enumerate(owners)])
    candidates = np.flatnonzero(allowed[whole])
    best: tuple[tuple[int, int, float], tuple[int, int, int]] | None = None
    for device in _distinct(gathered):
        score = gathered[device][part[candidates]] + chains[device][-1][(whole ^ part)[candidates]]
        live = candidates[score > -np.inf]
        if not len(live):
            continue
        keys = (score[score > -np.inf], count[whole[live]], frees[device][part[live]])
        top = int(np.lexsort(keys)[-1])
        rank = (int(keys[2][top]), int(keys[1][top]), float(keys[0][top]))
        if best is None or rank > best[0]:
            best = rank, (device, int(part[live[top]]), int(whole[live[top]] ^ part[live[top]]))
    return best[1] if best else None


def _complete(bundles: Sequence[Bundle], owners: Sequence[int]) -> Bools:
    """Masks that hold every required bundle, and all copies or none of each."""
    masks = np.arange(1 << len(owners))
    good = np.ones(len(masks), dtype=np.bool_)
    for i, bundle in enumerate(bundles):
        mine = sum(1 << piece for piece, owner in enumerate(owners) if owner == i)
        good &= (masks & mine == mine) | ((masks & mine == 0) & (not bundle.required))
    return good


def _distinct(gathered: Sequence[Floats]) -> list[int]:
    """One device of each sort: equal ones are interchangeable."""
    kept: list[int] = []
    for d, scores in enumerate(gathered):
        if not any(np.array_equal(scores, gathered[k]) for k in kept):
            kept.append(d)
    return kept


def _sums(numbers: Sequence[int]) -> Ints:
    """The sum over each mask: sums[m] = sum of numbers[i] for the bits i of m."""
    sums = np.zeros(1 << len(numbers), dtype=np.int64)
    for i, number in enumerate(numbers):
        sums[1 << i : 2 << i] = sums[: 1 << i] + number
    return sums


def _gathered(loads: Ints, capacity: int) -> Floats:
    """Square of the space each mask leaves free, in MiB^2; -inf where it does not fit."""
    free = (capacity - loads) / MIB
    return np.where(loads <= capacity, free * free, -np.inf)


def _chain(scores: Sequence[Floats], pieces: int) -> list[Floats]:
    """chain[k][mask]: the best total score of ``mask`` on the first k devices."""
    start = np.full(1 << pieces, -np.inf)
    start[0] = 0.0
    chain = [start]
    whole, part, starts = _splits(pieces)
    for score in scores:
        # With one device there is nothing to split; the general step would give the same.
        step = score.copy() if len(chain) == 1 else np.maximum.reduceat(score[part] + chain[-1][whole ^ part], starts)
        chain.append(step)
    return chain


def _peel(score: Floats, before: Floats, after: Floats, mask: int) -> int:
    """The part of ``mask`` that the last device of a chain took in its best split."""
    for part in _parts(mask):
        if score[part] + before[mask ^ part] == after[mask]:
            return part
    raise AssertionError("a chain holds only sums of its parts")


def _parts(mask: int) -> list[int]:
    parts, part = [0], mask
    while part:
        parts.append(part)
        part = (part - 1) & mask
    return parts


@lru_cache(maxsize=EXACT_PIECES + 1)
def _splits(pieces: int) -> tuple[Ints, Ints, Ints]:
    """All (whole, part of whole), sorted by whole, and where each whole starts."""
    whole, part = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for i in range(pieces):
        bit = 1 << i
        whole = np.concatenate([whole, whole | bit, whole | bit])
        part = np.concatenate([part, part, part | bit])
    order = np.argsort(whole, kind="stable")
    whole, part = whole[order], part[order]
    return whole, part, np.searchsorted(whole, np.arange(1 << pieces)).astype(np.int64)


Places = dict[int, tuple[int, ...]]


def _pack_greedily(bundles: Sequence[Bundle], capacities: Sequence[int]) -> list[tuple[int, ...]] | None:
    """The required bundles, then the others as long as they fit: by value, and by value per byte; the better of the two."""
    start = _place_required(bundles, capacities)
    if start is None:
        return None
    optional = [i for i, bundle in enumerate(bundles) if not bundle.required and bundle.value > 0]
    by_value = sorted(optional, key=lambda i: (-bundles[i].value, min(bundles[i].costs), i))
    by_density = sorted(optional, key=lambda i: (-bundles[i].value / (min(bundles[i].costs) * bundles[i].copies), i))
    filled = [_fill(bundles, start, order, capacities) for order in (by_value, by_density)]
    best = max(filled, key=lambda places: (sum(bundles[i].value for i in places), len(places)))
    return [best.get(i, ()) for i in range(len(bundles))]


def _place_required(bundles: Sequence[Bundle], capacities: Sequence[int]) -> Places | None:
    """The required bundles alone: exactly where they are few enough, else by best fit."""
    required = [i for i, bundle in enumerate(bundles) if bundle.required]
    if sum(bundles[i].copies for i in required) > EXACT_PIECES:
        return _place(bundles, required, capacities)
    found = _pack_exactly([bundles[i] for i in required], capacities)
    return None if found is None else dict(zip(required, found, strict=True))


def _fill(bundles: Sequence[Bundle], start: Places, order: Sequence[int], capacities: Sequence[int]) -> Places:
    """``start`` and whatever of ``order`` fits beside it, packed anew each time where that works, else added where there is room."""
    places = start
    for i in order:
        more = _place(bundles, [*places, i], capacities)
        if more is None:
            added = _best_fit(bundles, [i], _room(bundles, places, capacities), None)
            more = None if added is None else {**places, **added}
        places = more or places
    return places


def _room(bundles: Sequence[Bundle], places: Places, capacities: Sequence[int]) -> list[int]:
    free = list(capacities)
    for i, where in places.items():
        for device in where:
            free[device] -= bundles[i].costs[device]
    return free


def _place(bundles: Sequence[Bundle], members: Sequence[int], capacities: Sequence[int]) -> Places | None:
    """Best-fit decreasing, once on all devices and once for each device kept for last; the result with the largest free piece."""
    best: tuple[tuple[int, float], Places] | None = None
    for last in (None, *range(len(capacities))):
        free = list(capacities)
        places = _best_fit(bundles, members, free, last)
        if places is None:
            continue
        rank = (max(free), sum((room / MIB) ** 2 for room in free))
        if best is None or rank > best[0]:
            best = rank, places
    return best[1] if best else None


def _best_fit(bundles: Sequence[Bundle], members: Sequence[int], free: list[int], last: int | None) -> Places | None:
    """Largest first, each to the device it fills most, ``last`` only when nothing else has room. Takes from ``free``."""
    places: Places = {}
    for i in sorted(members, key=lambda i: (-min(bundles[i].costs), i)):
        where: list[int] = []
        for _ in range(bundles[i].copies):
            rooms = [(d == last, free[d] - bundles[i].costs[d], d) for d in range(len(free)) if free[d] >= bundles[i].costs[d]]
            if not rooms:
                return None
            device = min(rooms)[2]
            free[device] -= bundles[i].costs[device]
            where.append(device)
        places[i] = tuple(sorted(where))
    return places
