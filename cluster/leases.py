"""Leases of device memory, kept in a file: what was accepted survives a kill of the process that keeps it."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from cluster.contracts.residency import Lease
from cluster.errors import NotFound
from cluster.residency.world import LeaseNow, gpu_share


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    holder: str
    num_gpus: float
    budget_bytes: int
    requested_at: float
    expires_at: float
    device: str | None = None
    taken: bool = False


_FILE = TypeAdapter(dict[str, _Entry])


class LeaseBook:
    """Every change is on the disk before the method returns. Times are Unix seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = _FILE.validate_json(path.read_bytes()) if path.exists() else {}

    def request(self, lease_id: str, holder: str, num_gpus: float, budget_bytes: int, now: float, ttl_s: float) -> Lease:
        """A lease, not granted yet, that lapses in ``ttl_s`` unless renewed. The same ``lease_id`` again is the same lease, renewed."""
        if lease_id in self._entries:
            return self.renew(lease_id, now, ttl_s)
        entry = _Entry(id=lease_id, holder=holder, num_gpus=num_gpus, budget_bytes=budget_bytes, requested_at=now, expires_at=now + ttl_s)
        self._write({**self._entries, lease_id: entry})
        return _public(entry)

    def renew(self, lease_id: str, now: float, ttl_s: float, taken_on: str | None = None) -> Lease:
        """Pushes the end to ``now + ttl_s``; ``taken_on``: the device the holder's process runs on. Raises NotFound when it has lapsed."""
        entry = self._get(lease_id)
        changes: dict[str, object] = {"expires_at": now + ttl_s}
        if taken_on is not None:
            changes |= {"device": taken_on, "taken": True}
        return self._replace(entry, changes)

    def grant(self, lease_id: str, device: str) -> Lease:
        """Raises NotFound when the lease has lapsed since it was decided."""
        return self._replace(self._get(lease_id), {"device": device})

    def release(self, lease_id: str) -> None:
        """Gives the share back; nothing happens when it has lapsed already."""
        if lease_id in self._entries:
            self._write({key: entry for key, entry in self._entries.items() if key != lease_id})

    def expire(self, now: float) -> list[Lease]:
        """Drops leases past their end and returns them."""
        lapsed = [entry for entry in self._entries.values() if entry.expires_at <= now]
        if lapsed:
            self._write({key: entry for key, entry in self._entries.items() if entry.expires_at > now})
        return [_public(entry) for entry in lapsed]

    def has(self, lease_id: str) -> bool:
        return lease_id in self._entries

    def all(self) -> tuple[Lease, ...]:
        return tuple(_public(entry) for entry in self._entries.values())

    def for_residency(self) -> tuple[LeaseNow, ...]:
        """The same leases as the residency decision takes them."""
        return tuple(
            LeaseNow(entry.id, entry.holder, gpu_share(entry.num_gpus), entry.requested_at, entry.device, entry.taken)
            for entry in self._entries.values()
        )

    def _get(self, lease_id: str) -> _Entry:
        try:
            return self._entries[lease_id]
        except KeyError:
            raise NotFound(f"There is no lease '{lease_id}': it was released, or it lapsed; request a new one.") from None

    def _replace(self, entry: _Entry, changes: dict[str, object]) -> Lease:
        changed = entry.model_copy(update=changes)
        self._write({**self._entries, entry.id: changed})
        return _public(changed)

    def _write(self, entries: dict[str, _Entry]) -> None:
        write_durably(self._path, _FILE.dump_json(entries))
        self._entries = entries


def _public(entry: _Entry) -> Lease:
    return Lease(
        id=entry.id,
        holder=entry.holder,
        num_gpus=entry.num_gpus,
        budget_bytes=entry.budget_bytes,
        granted=entry.device is not None,
        expires_at=entry.expires_at,
        device=entry.device,
        taken=entry.taken,
    )


def write_durably(path: Path, content: bytes) -> None:
    """Replaces ``path`` at once and for good: a reader, or a restart after a crash, sees the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
