"""What processes use: CPU seconds and memory, by psutil."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """``cpu_s``: user and system time since the process started. ``pss_bytes``: its memory, shared pages divided among their users."""

    pid: int
    name: str
    cpu_s: float
    pss_bytes: int


def tree(pid: int) -> list[psutil.Process]:
    """The process and its descendants that live now; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_by_pid(processes: Iterable[psutil.Process]) -> dict[int, float]:
    """CPU seconds so far, of those that live."""
    found = {}
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found[process.pid] = times.user + times.system
    return found


def cpu_between(before: dict[int, float], after: dict[int, float]) -> float:
    """CPU seconds spent between two looks; a process that ended meanwhile counts up to nothing, a new one from its start."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def look(processes: Iterable[psutil.Process]) -> list[ProcessUse]:
    """Memory and CPU of those that live."""
    found = []
    for process in processes:
        try:
            with process.oneshot():
                times = process.cpu_times()
                pss = int(process.memory_full_info().pss)
                found.append(ProcessUse(process.pid, title(process), times.user + times.system, pss))
        except psutil.NoSuchProcess:
            continue
    return found


def title(process: psutil.Process) -> str:
    """What a process is, for people: Ray names its workers ("ray::ServeController") and those of its dashboard
    ("ray-dashboard-JobHead-0"), others run a module or a program."""
    command = process.cmdline()
    if not command:
        return process.name()
    if command[0].startswith(("ray::", "ray-")):
        return command[0].split(".")[0].split("(")[0].strip()
    if "-c" in command[:-1] and "multiprocessing" in command[command.index("-c") + 1]:
        parent = process.parent()
        return f"multiprocessing child of {title(parent) if parent else 'nobody'}"
    if "-m" in command[:-1]:
        return command[command.index("-m") + 1]
    scripts = [part.rsplit("/", 1)[-1] for part in command[1:] if part.endswith(".py")]
    return scripts[0] if scripts else command[0].rsplit("/", 1)[-1]
