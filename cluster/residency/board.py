"""The free share of every device, by Ray's own rule: a request goes to the device with the least free share that still holds it.

Two numbers for each device: ``now`` is what Ray can give this moment; ``later`` is what stays free when everything that leaves has left and
everything that was promised has arrived. A start is safe where Ray would put it now, if ``later`` bears it there too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from cluster.ray_allocator import choose_gpu
from cluster.residency.world import Device, Occupant, Phase, Pool


class Board:
    """Occupants whose device is unknown are placed by the rule, in the order given. ``pending``: starts that wait for a share which is
    leaving; ``stuck``: owners of starts that no device will hold as things stand; ``placed``: where starts with room now go, by owner."""

    def __init__(self, devices: Iterable[Device], occupants: Iterable[Occupant]) -> None:
        self.devices = {device.id: device for device in devices}
        self.now = {device.id: device.capacity for device in self.devices.values()}
        self.later = dict(self.now)
        self.pending = 0
        self.stuck: list[Occupant] = []
        self.placed: dict[str, tuple[str, ...]] = {}
        self.seated: list[Occupant] = []
        self._closed: set[str] = set()
        self._promises: list[tuple[int, str]] = []
        self._seat(tuple(occupants))

    def ids(self, pool: Pool) -> list[str]:
        """Devices of ``pool``, in order, without those closed."""
        return [device.id for device in self.devices.values() if device.pool == pool and device.id not in self._closed]

    def close(self, device: str) -> None:
        """Keep ``device`` for a start that waits for it: nothing else may use it in this round."""
        self._closed.add(device)

    def would_start(self, pool: Pool, share: int) -> str | None:
        """The device Ray would choose now, whatever was promised; None: it would queue the start."""
        ids = [device.id for device in self.devices.values() if device.pool == pool]
        chosen = choose_gpu([self.now[id_] for id_ in ids], share)
        return None if chosen is None else ids[chosen]

    def start_now(self, pool: Pool, share: int) -> str | None:
        """The device Ray would choose now, or None if it has no room or choosing it would break a promise."""
        chosen = self.would_start(pool, share)
        if chosen is None or chosen in self._closed:
            return None
        return chosen if self.later[chosen] >= share or self._make_way(chosen, share) else None

    def room_now(self, pool: Pool, share: int) -> str | None:
        """The tightest device with free room that nobody else was promised; Ray may choose another."""
        fitting = [id_ for id_ in self.ids(pool) if min(self.now[id_], self.later[id_]) >= share]
        return min(fitting, key=lambda id_: self.later[id_], default=None)

    def room_later(self, pool: Pool, share: int) -> str | None:
        """The tightest device that will hold ``share`` without anyone else leaving."""
        return min((id_ for id_ in self.ids(pool) if self.later[id_] >= share), key=lambda id_: self.later[id_], default=None)

    def take(self, owner: str, pool: Pool, share: int, device: str) -> None:
        """A start that has its room now."""
        self.now[device] -= share
        self.later[device] -= share
        self.placed[owner] = (*self.placed.get(owner, ()), device)
        self.seated.append(Occupant(owner, pool, share, Phase.STARTING, device))

    def promise(self, share: int, device: str) -> None:
        """``share`` is spoken for once it is free: on ``device``, or where it fits when something else has taken that."""
        if self.later[device] < share:
            device = self.room_later(self.devices[device].pool, share) or device
        self.later[device] -= share
        self._promises.append((share, device))

    def leave(self, owner: str) -> None:
        """All replicas of ``owner`` were told to stop: their shares will be free later, not now."""
        for occupant in self.seated:
            if occupant.owner == owner and occupant.phase is not Phase.LEAVING and occupant.device is not None:
                self.later[occupant.device] += occupant.share
        self.seated = [occupant for occupant in self.seated if occupant.owner != owner]

    def shares_on(self, device: str) -> dict[str, int]:
        """Share of ``device`` that each owner holds and has not been told to give back."""
        held: dict[str, int] = defaultdict(int)
        for occupant in self.seated:
            if occupant.device == device and occupant.phase is not Phase.LEAVING:
                held[occupant.owner] += occupant.share
        return dict(held)

    def _make_way(self, device: str, share: int) -> bool:
        """Moves promises from ``device`` to others, so that ``share`` fits beside those that stay: Ray starts things where it will, and
        what was promised gets the room that this leaves."""
        later, promises = dict(self.later), list(self._promises)
        for number, (promised, where) in enumerate(self._promises):
            others = [id_ for id_ in self.ids(self.devices[device].pool) if id_ != device and later[id_] >= promised]
            if where != device or not others or later[device] >= share:
                continue
            tightest = min(others, key=lambda id_: later[id_])
            later[device] += promised
            later[tightest] -= promised
            promises[number] = (promised, tightest)
        if later[device] < share:
            return False
        self.later, self._promises = later, promises
        return True

    def _seat(self, occupants: tuple[Occupant, ...]) -> None:
        for occupant in occupants:
            if occupant.device is not None:
                self._sit(occupant, occupant.device)
        for occupant in occupants:
            if occupant.device is None and occupant.phase is not Phase.STARTING:
                self._guess(occupant)
        for occupant in occupants:
            if occupant.device is None and occupant.phase is Phase.STARTING:
                self._seat_start(occupant)

    def _sit(self, occupant: Occupant, device: str) -> None:
        self.now[device] -= occupant.share
        if occupant.phase is not Phase.LEAVING:
            self.later[device] -= occupant.share
        self.seated.append(Occupant(occupant.owner, occupant.pool, occupant.share, occupant.phase, device))

    def _guess(self, occupant: Occupant) -> None:
        # It runs, so it has a place; where the rule finds none, earlier guesses were wrong, and the emptiest device is the safest one.
        device = self.would_start(occupant.pool, occupant.share) or max(
            self.ids(occupant.pool), key=lambda id_: self.now[id_], default=None
        )
        if device is not None:
            self._sit(occupant, device)

    def _seat_start(self, start: Occupant) -> None:
        device = self.would_start(start.pool, start.share)
        if device is not None:
            self.take(start.owner, start.pool, start.share, device)
            return
        self.pending += 1
        device = self.room_later(start.pool, start.share)
        if device is not None:
            self.promise(start.share, device)
        else:
            self.stuck.append(start)
