"""The device memory of a training: leased from the cluster's ledger, so that models on demand make room and come back when it ends.

A lease is renewed while the training runs. Killed, it renews no more, and after ``tuning.lease_ttl_s`` seconds the memory is the models'.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from cluster.contracts.residency import DeviceUse, Lease, ResidencySnapshot
from cluster.errors import Conflict, HearthError, NotFound
from cluster.hardware import CPU
from cluster.settings import TuningSettings

GIB = 2**30
LOOK_S = 1.0


class Ledger(Protocol):
    """What of the ledger a training uses; see ``cluster/ledger.py``. Calls wait for the answer."""

    def snapshot(self) -> ResidencySnapshot: ...

    def request_lease(self, lease_id: str, holder: str, num_gpus: float, budget_bytes: int, ttl_s: float) -> Lease: ...

    def renew_lease(self, lease_id: str, ttl_s: float, taken_on: str | None = None) -> Lease: ...

    def release_lease(self, lease_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """``ids``: one for each worker, the same in every attempt at the job, so that none asks for more. ``each``: bytes of one worker."""

    ids: Sequence[str]
    holder: str
    each: int


@dataclass(slots=True)
class Held:
    """``share`` of a GPU, for Ray, that each worker has. ``lost``: why the memory is no longer the training's; None: it is."""

    share: float
    devices: tuple[str, ...]
    lost: str | None = None
    taken: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raises Conflict once the lease has lapsed."""
        if self.lost is not None:
            raise Conflict(
                f"The memory of the training was given to others: {self.lost} It goes on from its checkpoint when it is retried."
            )


@contextmanager
def leased(ledger: Ledger, wanted: Wanted, limits: TuningSettings, waiting: Callable[[str], None]) -> Iterator[Held]:
    """Memory for every worker, as long as the block lasts. ``waiting``: told now and then what it waits for; what it raises ends the wait.
    Raises Conflict, naming what would have to leave, where there is no room within ``tuning.lease_wait_s``, or can never be."""
    cards = _cards(ledger.snapshot())
    smallest = min((card.memory_bytes for card in cards), default=0)
    if wanted.each > smallest or len(wanted.ids) > len(cards):
        raise Conflict(never_fits(wanted, cards))
    share = min(1.0, wanted.each / smallest)
    try:
        for lease_id in wanted.ids:
            ledger.request_lease(lease_id, wanted.holder, share, wanted.each, limits.lease_ttl_s)
        devices = _granted(ledger, wanted, limits, waiting)
        held = Held(share, devices)
        with _renewing(ledger, wanted.ids, limits.lease_ttl_s, held):
            yield held
    finally:
        for lease_id in wanted.ids:
            ledger.release_lease(lease_id)


def _granted(ledger: Ledger, wanted: Wanted, limits: TuningSettings, waiting: Callable[[str], None]) -> tuple[str, ...]:
    until = time.monotonic() + limits.lease_wait_s
    while True:
        leases = [ledger.renew_lease(lease_id, limits.lease_ttl_s) for lease_id in wanted.ids]
        if all(lease.granted for lease in leases):
            return tuple(lease.device or "" for lease in leases)
        told = must_leave(wanted, ledger.snapshot())
        if time.monotonic() > until:
            raise Conflict(f"There was no room within {limits.lease_wait_s:.0f} s (tuning.lease_wait_s). {told}")
        waiting(told)
        time.sleep(LOOK_S)


@contextmanager
def _renewing(ledger: Ledger, ids: Sequence[str], ttl_s: float, held: Held) -> Iterator[None]:
    over = threading.Event()

    def renew() -> None:
        while not over.wait(ttl_s / 4):
            try:
                for number, lease_id in enumerate(ids):
                    ledger.renew_lease(lease_id, ttl_s, held.taken[number] if number < len(held.taken) else None)
            except NotFound as error:
                held.lost = error.message
                return
            except HearthError:
                continue  # Ray is starting the ledger again; it knows the lease, which has three more turns

    thread = threading.Thread(target=renew, name="renewing the lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def never_fits(wanted: Wanted, cards: Sequence[DeviceUse]) -> str:
    sizes = ", ".join(f"{card.id} has {_gib(card.memory_bytes)}" for card in cards) or "there is none"
    return (
        f"The training needs {len(wanted.ids)} x {_gib(wanted.each)}, each on a card of its own, and {sizes}, with nothing else on it. "
        "Ask for fewer workers, set gradient_checkpointing, lower max_tokens, or choose a smaller base."
    )


def must_leave(wanted: Wanted, seen: ResidencySnapshot) -> str:
    """What holds the memory that is asked for, card by card."""
    parts = []
    for card in _cards(seen):
        there = [model for model in seen.models if card.id in model.device.split(", ") and model.resident]
        held = [f"model '{model.model}' ({_gib(model.budget_bytes)})" for model in there]
        held += [f"{lease.holder} ({_gib(lease.budget_bytes)})" for lease in seen.leases if lease.device == card.id]
        free = card.memory_bytes - card.budget_bytes
        parts.append(
            f"on {card.id} {_gib(free)} of {_gib(card.memory_bytes)} are free, and there are {', '.join(held) or 'none that leave'}"
        )
    return f"The training needs {_gib(wanted.each)} on one card: {'; '.join(parts)}. One of these would have to leave; pinned models stay."


def _cards(seen: ResidencySnapshot) -> list[DeviceUse]:
    return [device for device in seen.devices if device.id != CPU]


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
