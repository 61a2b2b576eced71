"""One replica of a model whose engine computes: the start check, the load, and what it says of itself."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Any

import psutil
import structlog

from cluster.contracts.serving import ReplicaSpec, ReplicaStats
from cluster.hardware import DeviceReader, NvmlReader, require_free
from cluster.measurements import record_replica
from deployments.engines.registry import load_engine

# A peak is kept when it is this much above the last: memory in use flickers.
WORTH_NOTING = 1.02

log = structlog.get_logger(__name__)


class Replica:
    """``spec`` is what the Serve config carries (its JSON, or the object). ``engine``: the loaded engine, annotated by the caller.

    Raises Unavailable when the device has less free memory than the budget, and what the engine's ``load`` raises.
    """

    def __init__(self, spec: ReplicaSpec | Mapping[str, Any], reader: DeviceReader | None = None) -> None:
        self.spec = ReplicaSpec.model_validate(spec)
        self._reader = reader or NvmlReader()
        # Ray gives the replica its card this way; the first entry is device 0 of this process.
        self._card = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] if self.spec.device == "cuda" else None
        if self._card is not None:
            require_free(self._reader, self._card, self.spec.budget_bytes, self.spec.model)
        started = time.monotonic()
        self.engine: Any = load_engine(self.spec)
        self.load_s = time.monotonic() - started
        self._peak = self.memory_bytes()
        record_replica(self.spec, self._peak, self.load_s)
        log.info("loaded", model=self.spec.model, engine=self.spec.engine, device=self.spec.device, seconds=round(self.load_s, 2))

    def retuned(self, spec: ReplicaSpec) -> None:
        """What it measures from now on is of ``spec``."""
        self.spec, self._peak = spec, self.memory_bytes()
        record_replica(self.spec, self._peak)

    def stats(self, slots: int, running: int, queued: int) -> ReplicaStats:
        return ReplicaStats(slots, running, queued, self.memory_bytes(), self.load_s)

    async def note_memory(self) -> None:
        """Called with every health check: a peak higher than any before is kept for the next plan."""
        await asyncio.to_thread(self._note_memory)

    def _note_memory(self) -> None:
        used = self.memory_bytes()
        if used > self._peak * WORTH_NOTING:
            self._peak = used
            record_replica(self.spec, used)

    def memory_bytes(self) -> int:
        """Of this process and its children (vLLM's engine) on its card, or in RAM (also where the driver does not say)."""
        process = psutil.Process()
        family = [process, *process.children(recursive=True)]
        used = self._reader.used_by(self._card, frozenset(member.pid for member in family)) if self._card is not None else None
        return sum(_resident(member) for member in family) if used is None else used


def _resident(process: psutil.Process) -> int:
    """Bytes of RAM, pages shared with other processes divided among them; 0 for a process that has just ended."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0
