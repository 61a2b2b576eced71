"""`hearth bench idle`: what a cluster that nobody asks anything costs, process by process."""

from __future__ import annotations

import time
from collections.abc import Callable

from cluster.bench.hearth import Hearth
from cluster.bench.report import BenchResult, Cell
from cluster.bench.usage import ProcessUse, look
from cluster.specs.profile import ProfileSpec

MIB = 2**20


def run(profile: ProfileSpec, report: Callable[[str], None], *, settle_s: float = 15.0, watch_s: float = 30.0) -> BenchResult:
    """Raises ``profile``, lets it come to rest, and watches it. Raises EngineError when it does not start."""
    report(f"starting a cluster of its own (profile {profile.name})")
    with Hearth(profile) as hearth:
        report(f"letting it settle, then watching it for {watch_s:.0f} s")
        time.sleep(settle_s)
        before = look(hearth.processes())
        time.sleep(watch_s)
        after = look(hearth.processes())
    return summarise(profile.name, before, after, watch_s)


def summarise(profile: str, before: list[ProcessUse], after: list[ProcessUse], watch_s: float) -> BenchResult:
    """Memory at the end, and the share of one core used in between, by kind of process; those that came or went meanwhile are left out."""
    started = {use.pid: use.cpu_s for use in before}
    kinds: dict[str, list[tuple[int, float]]] = {}
    for use in after:
        if use.pid in started:
            kinds.setdefault(use.name, []).append((use.pss_bytes, (use.cpu_s - started[use.pid]) / watch_s))
    rows: list[tuple[Cell, ...]] = [
        (name, len(uses), sum(pss for pss, _ in uses) / MIB, 100 * sum(share for _, share in uses)) for name, uses in kinds.items()
    ]
    rows.sort(key=lambda row: -float(row[2] or 0))
    every = [use for uses in kinds.values() for use in uses]
    rows.append(("all", len(every), sum(pss for pss, _ in every) / MIB, 100 * sum(share for _, share in every)))
    notes = (
        f"Profile {profile}, no traffic, {watch_s:.0f} s. PSS: memory with shared pages divided among the processes that share them. "
        "CPU in per cent of one core.",
    )
    return BenchResult("idle", ("process", "count", "PSS, MiB", "CPU, %"), tuple(rows), notes)
