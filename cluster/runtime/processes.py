"""Our processes, and only ours: found by the mark in their environment or by their open files, ended, and cleaned up after.

Every process a cluster starts inherits HEARTH_CLUSTER_MARK (one value for each HEARTH_HOME). Some programs overwrite the memory that holds
their environment, so a process that holds a file below the cluster's scratch folder open, or descends from one of ours, counts too.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

from cluster.home import Home

MARK = "HEARTH_CLUSTER_MARK"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the kernel's folder, not a temporary file of ours


def ours(home: Home) -> list[psutil.Process]:
    """Living processes of the cluster of ``home``, oldest first, without the calling process and its ancestors."""
    found = {process.pid: process for process in psutil.process_iter() if _is_ours(process, home)}
    for process in list(found.values()):
        found.update({child.pid: child for child in _children(process)})
    me = psutil.Process()
    for spared in (me, *me.parents()):
        found.pop(spared.pid, None)
    return sorted(found.values(), key=_started)


def end(processes: Sequence[psutil.Process], grace_s: float = 8.0) -> int:
    """SIGTERM, then SIGKILL for what is left after ``grace_s`` seconds. Returns how many there were."""
    for process in processes:
        _send(process, kill=False)
    _, alive = psutil.wait_procs(processes, timeout=grace_s)
    for process in alive:
        _send(process, kill=True)
    psutil.wait_procs(alive, timeout=grace_s)
    return len(processes)


def sweep(home: Home, grace_s: float = 8.0) -> int:
    """Ends every process of ``home``'s cluster and removes its shared memory, sockets and scratch folder.

    Returns how many processes there were.
    """
    ended = 0
    deadline = time.monotonic() + 3 * grace_s
    while (remaining := ours(home)) and time.monotonic() < deadline:
        memory = shared_memory(remaining)
        ended += end(remaining, grace_s)
        for segment in memory:
            segment.unlink(missing_ok=True)
    shutil.rmtree(home.scratch, ignore_errors=True)
    return ended


def shared_memory(processes: Iterable[psutil.Process]) -> set[Path]:
    """Files in /dev/shm that ``processes`` have mapped: what a killed engine would leave behind."""
    mapped: set[Path] = set()
    for process in processes:
        try:
            regions = process.memory_maps(grouped=True)
        except (psutil.Error, OSError):
            continue  # it ended while we looked, or is not ours to look into
        mapped.update(Path(region.path) for region in regions if region.path.startswith(f"{SHARED_MEMORY}/"))
    return {path for path in mapped if path.exists()}


def alive(pid: int, home: Home) -> bool:
    """Whether ``pid`` lives and is a process of ``home``'s cluster (a recycled pid is not)."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and _is_ours(process, home)
    except psutil.Error:
        return False


def _is_ours(process: psutil.Process, home: Home) -> bool:
    try:
        if process.environ().get(MARK) == home.mark:
            return True
    except (psutil.Error, OSError):
        return False
    return _holds_open(process.pid, f"{home.scratch}/")


def _holds_open(pid: int, prefix: str) -> bool:
    try:
        with os.scandir(f"/proc/{pid}/fd") as descriptors:
            return any(_target(entry.path).startswith(prefix) for entry in descriptors)
    except OSError:
        return False


def _target(link: str) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 - a string is all we need of a "file" that may be a socket
    except OSError:
        return ""


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _started(process: psutil.Process) -> float:
    try:
        return process.create_time()
    except psutil.Error:
        return 0.0


def _send(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return
