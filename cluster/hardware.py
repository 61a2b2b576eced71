"""The devices of a machine: what NVML reports, or what a profile declares, and the CPU.

``DeviceReader`` is the edge to NVML; ``NvmlReader`` is real, ``cluster.fakes.nvml.FakeReader`` stands for a machine with other cards.
Memory is in bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil
import pynvml  # type: ignore[import-untyped]
from pydantic import ByteSize

from cluster.cpu import cpu_model
from cluster.errors import EngineError, NotFound, Unavailable
from cluster.specs.profile import ProfileSpec

CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Device:
    """``memory_bytes`` is the whole device (on the CPU: what models may use in all); ``reserve_bytes`` of it is never given away.

    ``compute_capability`` is None exactly on the CPU. ``uuid`` is what CUDA_VISIBLE_DEVICES accepts, None for declared devices.
    """

    id: str
    name: str
    memory_bytes: int
    compute_capability: str | None
    reserve_bytes: int = 0
    uuid: str | None = None

    @property
    def is_gpu(self) -> bool:
        return self.compute_capability is not None

    @property
    def usable_bytes(self) -> int:
        return max(0, self.memory_bytes - self.reserve_bytes)


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """One look at a device. ``used_bytes`` counts every process and the driver."""

    total_bytes: int
    used_bytes: int
    free_bytes: int


class DeviceReader(Protocol):
    """The GPUs of this machine, now. ``ref`` is an index ("0") or a UUID ("GPU-…"), as CUDA_VISIBLE_DEVICES writes them."""

    def devices(self) -> tuple[Device, ...]:
        """All GPUs in NVML's (PCI bus) order; empty where there is no NVIDIA driver."""
        ...

    def memory(self, ref: str) -> MemoryReading:
        """Raises NotFound for a device that is not there."""
        ...

    def used_by(self, ref: str, pids: frozenset[int]) -> int | None:
        """Bytes of the device held by these processes together; None where the driver does not say (a container with its own pids)."""
        ...


class NvmlReader:
    """NVML through nvidia-ml-py. Opens the library for each call and closes it again, so that an idle reader holds nothing."""

    def devices(self) -> tuple[Device, ...]:
        with _nvml() as found:
            return tuple(_describe(index) for index in range(pynvml.nvmlDeviceGetCount())) if found else ()

    def memory(self, ref: str) -> MemoryReading:
        with _nvml() as found:
            if not found:
                raise NotFound(f"No GPU '{ref}': this machine has no NVIDIA driver.")
            memory = pynvml.nvmlDeviceGetMemoryInfo(_handle(ref))
            return MemoryReading(int(memory.total), int(memory.used), int(memory.free))

    def used_by(self, ref: str, pids: frozenset[int]) -> int | None:
        with _nvml() as found:
            if not found:
                return None
            processes = pynvml.nvmlDeviceGetComputeRunningProcesses(_handle(ref))
        known = [process.usedGpuMemory for process in processes if process.pid in pids]
        return None if not known or None in known else sum(int(used) for used in known)


@contextmanager
def _nvml() -> Iterator[bool]:
    """NVML opened for the block; yields False where there is no driver. Any other failure of NVML is an EngineError."""
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded):
        yield False
        return
    except pynvml.NVMLError as error:
        raise EngineError(f"NVML does not start: {error}. Check the driver with nvidia-smi.") from None
    try:
        yield True
    except pynvml.NVMLError as error:
        raise EngineError(f"NVML does not answer: {error}. Check the driver with nvidia-smi.") from None
    finally:
        pynvml.nvmlShutdown()


def _handle(ref: str) -> object:
    try:
        return pynvml.nvmlDeviceGetHandleByIndex(int(ref)) if ref.isdecimal() else pynvml.nvmlDeviceGetHandleByUUID(ref)
    except (pynvml.NVMLError_NotFound, pynvml.NVMLError_InvalidArgument):
        raise NotFound(f"No GPU '{ref}' on this machine; nvidia-smi -L lists those there are.") from None


def _describe(index: int) -> Device:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    return Device(
        id=f"gpu-{index}",
        name=str(pynvml.nvmlDeviceGetName(handle)),
        memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
        compute_capability=f"{major}.{minor}",
        uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
    )


def profile_devices(profile: ProfileSpec, reader: DeviceReader) -> tuple[Device, ...]:
    """The devices to plan for, GPUs first and the CPU last. What the profile declares wins; ``auto`` asks ``reader``."""
    if profile.devices == "cpu":
        gpus: tuple[Device, ...] = ()
    elif profile.devices == "auto":
        gpus = reader.devices()
    else:
        gpus = tuple(Device(f"gpu-{i}", spec.name, int(spec.memory), spec.compute_capability) for i, spec in enumerate(profile.devices))
    reserve = int(profile.device_reserve)
    kept = tuple(Device(gpu.id, gpu.name, gpu.memory_bytes, gpu.compute_capability, reserve, gpu.uuid) for gpu in gpus)
    return (*kept, cpu_device(profile.cpu_memory))


def cpu_device(memory: int | None = None) -> Device:
    """The CPU as a device: ``memory`` bytes for models, or half of what the machine (or its container) has."""
    return Device(CPU, cpu_model(), int(memory) if memory else machine_memory() // 2, None)


def machine_memory() -> int:
    """RAM in bytes: the machine's, or the container's limit where that is lower."""
    total = int(psutil.virtual_memory().total)
    limit = Path("/sys/fs/cgroup/memory.max")
    if not limit.is_file():
        return total
    text = limit.read_text(encoding="ascii").strip()
    return min(total, int(text)) if text.isdecimal() else total


def require_free(reader: DeviceReader, ref: str, budget_bytes: int, model: str) -> MemoryReading:
    """The start check of a replica: what is free on its device covers its budget, else Unavailable saying how much is missing."""
    reading = reader.memory(ref)
    if reading.free_bytes < budget_bytes:
        raise Unavailable(
            f"'{model}' needs {readable(budget_bytes)} on GPU {ref}, but only {readable(reading.free_bytes)} of "
            f"{readable(reading.total_bytes)} are free: it lacks {readable(budget_bytes - reading.free_bytes)}. "
            f"See with nvidia-smi who holds the rest; retry in 5 s."
        )
    return reading


def readable(count: int) -> str:
    """Bytes for people: '11.2 GiB'."""
    return ByteSize(count).human_readable(separator=" ")
