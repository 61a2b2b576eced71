"""A packing made to survive Ray: shares and an order of deployment with which Ray's own rule puts every model where it was packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cluster.packing import NEVER, Bundle, Packing, pack
from cluster.ray_allocator import Arrangement, Group, Want, arrange, realize, to_shares


def survive_ray(bundles: Sequence[Bundle], capacities: Sequence[int], packing: Packing) -> tuple[Packing, Arrangement] | None:
    """``packing`` with equal cards renamed (fullest first) and the order in which Ray reproduces it.

    There is always one unless replicas are spread over cards. Then, in turn: Ray's own placement of the same models; the best packing
    that keeps the replicas of a model on one card; fewer and fewer models. None when not even the pinned ones can be placed.
    """
    packing = _fullest_first(bundles, capacities, packing)
    return (
        _as_packed(bundles, capacities, packing)
        or _as_ray_places(bundles, capacities, packing)
        or _replicas_together(bundles, capacities)
        or _with_fewer(bundles, capacities, packing)
    )


def _as_packed(bundles: Sequence[Bundle], capacities: Sequence[int], packing: Packing) -> tuple[Packing, Arrangement] | None:
    found = arrange(_groups(bundles, capacities, packing), len(capacities))
    return None if found is None else (packing, found)


def _as_ray_places(bundles: Sequence[Bundle], capacities: Sequence[int], packing: Packing) -> tuple[Packing, Arrangement] | None:
    groups = realize(_wants(bundles, capacities, packing), len(capacities))
    if groups is None:
        return None
    return Packing(_places(groups, len(bundles)), optimal=False), Arrangement(groups, tuple(range(len(capacities))))


def _replicas_together(bundles: Sequence[Bundle], capacities: Sequence[int]) -> tuple[Packing, Arrangement] | None:
    whole = [replace(bundle, costs=tuple(min(cost * bundle.copies, NEVER) for cost in bundle.costs), copies=1) for bundle in bundles]
    found = pack(whole, capacities)
    if found is None:
        return None
    places = tuple(where * bundle.copies for where, bundle in zip(found.places, bundles, strict=True))
    return _as_packed(bundles, capacities, _fullest_first(bundles, capacities, Packing(places, optimal=False)))


def _with_fewer(bundles: Sequence[Bundle], capacities: Sequence[int], packing: Packing) -> tuple[Packing, Arrangement] | None:
    """The least valuable model left out, again and again."""
    while optional := [i for i, where in enumerate(packing.places) if where and not bundles[i].required]:
        out = min(optional, key=lambda i: (bundles[i].value, -i))
        packing = Packing(tuple(() if i == out else where for i, where in enumerate(packing.places)), optimal=False)
        found = _as_packed(bundles, capacities, packing) or _as_ray_places(bundles, capacities, packing)
        if found is not None:
            return found
    return None


def _wants(bundles: Sequence[Bundle], capacities: Sequence[int], packing: Packing) -> list[Want]:
    return [
        Want(
            i,
            bundle.copies,
            tuple(to_shares([cost], room)[0] if cost <= room else None for cost, room in zip(bundle.costs, capacities, strict=True)),
        )
        for i, (bundle, where) in enumerate(zip(bundles, packing.places, strict=True))
        if where
    ]


def _groups(bundles: Sequence[Bundle], capacities: Sequence[int], packing: Packing) -> list[Group]:
    """One group for each packed bundle, with shares that sum to at most one on every device."""
    shares = [0] * len(bundles)
    for device, capacity in enumerate(capacities):
        pieces = [i for i, where in enumerate(packing.places) for place in where if place == device]
        for i, units in zip(pieces, to_shares([bundles[i].costs[device] for i in pieces], capacity), strict=True):
            # Copies differ by at most the unit that three thirds of a card lack; the deployment has one share, so it takes the smaller.
            shares[i] = min(shares[i], units) if shares[i] else units
    return [Group(i, shares[i], where) for i, where in enumerate(packing.places) if where]


def _fullest_first(bundles: Sequence[Bundle], capacities: Sequence[int], packing: Packing) -> Packing:
    """Equal cards renamed so that fuller ones have lower indices: Ray opens empty cards in that order, and never goes back to one that
    is fuller than where the plan goes, or the plan would not have gathered the free space best."""
    count = len(capacities)
    load = [sum(b.costs[d] * where.count(d) for b, where in zip(bundles, packing.places, strict=True)) for d in range(count)]
    sort = [(capacity, *(bundle.costs[d] for bundle in bundles)) for d, capacity in enumerate(capacities)]
    new: dict[int, int] = {}
    for kind in dict.fromkeys(sort):
        members = [d for d in range(count) if sort[d] == kind]
        new.update(zip(sorted(members, key=lambda d: (-load[d], d)), members, strict=True))
    return replace(packing, places=tuple(tuple(sorted(new[d] for d in where)) for where in packing.places))


def _places(groups: Sequence[Group], count: int) -> tuple[tuple[int, ...], ...]:
    by_key = {group.key: group.devices for group in groups}
    return tuple(by_key.get(i, ()) for i in range(count))
