"""Python, CPU, memory, disk and shared memory."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from cluster.cpu import cpu_flags, cpu_model
from cluster.doctor.finding import Finding, ok, problem, warning
from cluster.hardware import machine_memory, readable
from cluster.home import Home
from cluster.settings import Settings

GIB = 2**30
# What an idle cluster holds (Ray, Serve, the HTTP front) before any model.
IDLE_CLUSTER = GIB
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the kernel's folder, not a temporary file of ours


def check_machine(home: Home, settings: Settings, *, needs_llama_cpp: bool) -> Iterator[Finding]:
    """Findings about the machine itself. ``needs_llama_cpp``: whether the profile serves a model on that engine's CPU build."""
    yield check_python(sys.version_info[:3])
    yield check_cpu(platform.machine(), cpu_flags(), needs_llama_cpp=needs_llama_cpp)
    yield check_memory(machine_memory(), int(psutil.virtual_memory().available))
    yield check_disk(home)
    yield check_shared_memory(int(settings.ray.object_store))


def check_python(version: tuple[int, int, int]) -> Finding:
    said = ".".join(map(str, version))
    if (3, 11) <= version[:2] < (3, 13):
        return ok("python", said)
    return problem("python", f"{said} is not supported", "Use Python 3.11 or 3.12, then remove .venv and run `./hearth up` again.")


def check_cpu(architecture: str, flags: frozenset[str], *, needs_llama_cpp: bool) -> Finding:
    """The wheel of llama.cpp for x86-64 uses AVX2 without asking; on a CPU without it the engine's process dies."""
    notable = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if flag in flags]
    said = f"{cpu_model()}, {len(os.sched_getaffinity(0))} cores" + (f" ({', '.join(notable)})" if notable else "")
    if architecture in {"x86_64", "AMD64"} and "avx2" not in flags:
        found = problem if needs_llama_cpp else warning
        return found("cpu", f"{said}: no AVX2", "The llama.cpp wheel needs it: build xllamacpp from source here, or use another machine.")
    return ok("cpu", said)


def check_memory(total: int, available: int) -> Finding:
    said = f"{readable(total)}, {readable(available)} available"
    if available < IDLE_CLUSTER:
        return problem("memory", said, f"An idle cluster takes about {readable(IDLE_CLUSTER)} before any model: end other programs.")
    if available < 3 * IDLE_CLUSTER:
        return warning("memory", said, "Little is left for models: end other programs, or set cpu_memory in the profile.")
    return ok("memory", said)


def check_disk(home: Home) -> Finding:
    """Free space where weights, state and logs go."""
    existing = next(parent for parent in (home.root, *home.root.parents) if parent.exists())
    free = psutil.disk_usage(str(existing)).free
    said = f"{readable(free)} free at {existing}"
    if not os.access(existing, os.W_OK):
        return problem("disk", f"{existing} cannot be written to", "Set HEARTH_HOME to a folder of yours.")
    if free < GIB:
        return problem("disk", said, "Free some space, or set HEARTH_HOME to a folder on a larger disk.")
    if free < 10 * GIB:
        return warning("disk", said, "Too little for large weights: set HEARTH_HOME to a folder on a larger disk.")
    return ok("disk", said)


def check_shared_memory(object_store: int, folder: Path = SHARED_MEMORY) -> Finding:
    """Ray's object store lives there; where it does not fit, Ray uses files on disk, which is slow."""
    if not folder.is_dir():
        return warning("shared memory", f"there is no {folder}", "Ray will keep its objects on disk, which is slow.")
    usage = psutil.disk_usage(str(folder))
    said = f"{readable(usage.free)} of {readable(usage.total)} free at {folder}"
    if usage.free < object_store:
        advice = f"The object store wants {readable(object_store)}: in a container use --shm-size, or set HEARTH_RAY__OBJECT_STORE lower."
        return warning("shared memory", said, advice)
    return ok("shared memory", said)
