"""A machine with the GPUs you say: for tests, and for trying a profile on cards you do not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.errors import NotFound
from cluster.hardware import Device, MemoryReading


class FakeReader:
    """Answers as NVML would on a machine with ``devices``. ``used`` maps a device's id to the bytes its processes hold, by pid."""

    def __init__(self, devices: Sequence[Device] = (), used: Mapping[str, Mapping[int, int]] | None = None) -> None:
        self._devices = tuple(devices)
        self.used: dict[str, dict[int, int]] = {name: dict(by_pid) for name, by_pid in (used or {}).items()}

    def devices(self) -> tuple[Device, ...]:
        return self._devices

    def memory(self, ref: str) -> MemoryReading:
        device = self._find(ref)
        used = sum(self.used.get(device.id, {}).values())
        return MemoryReading(device.memory_bytes, used, device.memory_bytes - used)

    def used_by(self, ref: str, pids: frozenset[int]) -> int | None:
        held = self.used.get(self._find(ref).id, {})
        return sum(held[pid] for pid in pids & held.keys()) if pids & held.keys() else None

    def _find(self, ref: str) -> Device:
        for index, device in enumerate(self._devices):
            if ref in {str(index), device.uuid}:
                return device
        raise NotFound(f"No GPU '{ref}' on this machine; nvidia-smi -L lists those there are.")


def p40s(count: int) -> tuple[Device, ...]:
    """Tesla P40 cards as NVML reports them with ECC on: 23040 MiB, compute capability 6.1."""
    return tuple(Device(f"gpu-{index}", "Tesla P40", 23040 * 2**20, "6.1", uuid=f"GPU-fake-{index}") for index in range(count))
