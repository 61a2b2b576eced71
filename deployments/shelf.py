"""The adapters a replica holds in memory: fetched when they are first asked, kept while they are used, given up when they are not.

Which there are stands in a file that the registry writes (cluster/learning/adapters/manifest.py); so a replica that starts after a crash
knows what its predecessor knew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from cluster.contracts.serving import ReplicaSpec
from cluster.errors import Conflict, HearthError, Overloaded
from cluster.learning.adapters.manifest import Manifest, ManifestFile
from deployments.engines.adapters import require_known
from deployments.engines.protocols import GenerationEngine

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Held:
    """``users``: requests that are on it now; ``used``: when the last one left."""

    folder: str
    used: float
    users: int = 0


class Shelf:
    """Adapters of ``spec`` itself are there from the start and stay; beside them up to ``spec.adapters_loaded``. Belongs to one event
    loop."""

    def __init__(self, spec: ReplicaSpec, engine: GenerationEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._spec = spec
        self._engine = engine
        self._clock = clock
        self._file = ManifestFile(Path(spec.adapters_file), spec.model) if spec.adapters_file else None
        self._held: dict[str, _Held] = {}
        self._refused: dict[str, str] = {}
        self._changing = asyncio.Lock()
        self._tidying: asyncio.Task[None] | None = None
        self._fetching: dict[str, asyncio.Task[None]] = {}

    @property
    def held(self) -> list[str]:
        """Ids, those of the spec left out."""
        return sorted(self._held)

    @asynccontextmanager
    async def using(self, adapter: str | None) -> AsyncIterator[None]:
        """Inside, ``adapter`` may be asked of the engine. Raises NotFound, Overloaded where all places are taken, and what the engine
        raises for an adapter that it does not take."""
        if adapter is None or adapter in self._spec.adapters or self._file is None:
            yield
            return
        while adapter not in self._held:
            await self._fetched(adapter)
        held = self._held[adapter]
        held.users += 1
        try:
            yield
        finally:
            held.users -= 1
            held.used = self._clock()

    def glance(self) -> None:
        """Looks in the background whether something else is to be held. Called now and then."""
        if self._file is not None and (self._tidying is None or self._tidying.done()):
            self._tidying = asyncio.ensure_future(self.tidy())

    async def tidy(self) -> None:
        """Fetches what requests will go to, and gives up what is not used any more. What the engine does not take is logged, and tried
        again when it is asked."""
        if self._file is None:
            return
        async with self._changing:
            manifest = self._file.read()
            kept = {name: held for name, held in self._held.items() if held.users or self._wanted(manifest, name, held)}
            warm = [entry for entry in manifest.adapters if entry.warm and entry.id not in kept and entry.id not in self._refused]
            room = max(0, self._spec.adapters_loaded - len(kept))
            added = {entry.id: entry.folder for entry in warm[:room]}
            if added or len(kept) < len(self._held):
                await self._tidied(kept, added)

    def close(self) -> None:
        """Nothing new is begun in the background."""
        for task in (self._tidying, *self._fetching.values()):
            if task is not None:
                task.cancel()

    async def _tidied(self, kept: Mapping[str, _Held], added: Mapping[str, str]) -> None:
        """Where one of several is not taken, each is tried alone."""
        try:
            await self._hold(kept, added)
        except HearthError as error:
            if len(added) > 1:
                for name, folder in added.items():
                    await self._tidied({**kept, **self._held}, {name: folder})
                return
            self._refused |= dict.fromkeys(added, error.message)
            log.warning("an adapter is not loaded", model=self._spec.model, adapter=list(added), reason=error.message)

    def _wanted(self, manifest: Manifest, name: str, held: _Held) -> bool:
        entry = manifest.by_id.get(name)
        return entry is not None and (entry.warm or self._clock() - held.used < self._spec.adapters_idle_s)

    async def _fetched(self, adapter: str) -> None:
        """Once for all who wait for it, and to its end, whoever of them leaves."""
        if adapter not in self._fetching:
            task = self._fetching[adapter] = asyncio.ensure_future(self._fetch(adapter))
            task.add_done_callback(lambda _: self._fetching.pop(adapter))
        await asyncio.shield(self._fetching[adapter])

    async def _fetch(self, adapter: str) -> None:
        assert self._file is not None
        async with self._changing:
            if adapter not in self._held:
                entry = self._file.read().by_id.get(adapter)
                if entry is None:
                    # Only those of the profile are named: the others are each an organisation's own.
                    require_known(adapter, self._spec.model, self._spec.adapters)
                    return
                await self._hold(self._with_room(), {adapter: entry.folder})
                self._refused.pop(adapter, None)

    def _with_room(self) -> dict[str, _Held]:
        """What stays beside one more: those that were used longest ago go first."""
        if not self._spec.adapters_loaded:
            raise Conflict(
                f"'{self._spec.model}' was started without room for adapters; raise adapter_room of the model in the profile, and start "
                "the cluster again (`hearth down`, `hearth up`)."
            )
        spare = len(self._held) - self._spec.adapters_loaded + 1
        idle = sorted((held.used, name) for name, held in self._held.items() if not held.users)
        if spare > len(idle):
            raise Overloaded(
                f"All {self._spec.adapters_loaded} adapters of '{self._spec.model}' that memory has room for (setting adapters.loaded) are "
                "being used; retry in 5 s."
            )
        gone = {name for _, name in idle[: max(0, spare)]}
        return {name: held for name, held in self._held.items() if name not in gone}

    async def _hold(self, kept: Mapping[str, _Held], added: Mapping[str, str]) -> None:
        before = self._held
        # At once: who asks for one that goes waits for its turn to fetch it again.
        self._held = dict(kept)
        folders = {name: held.folder for name, held in self._held.items()} | dict(added)
        try:
            await self._engine.set_adapters({**self._spec.adapters, **folders})
        except BaseException:
            self._held = before
            raise
        self._held |= {name: _Held(folder, self._clock()) for name, folder in added.items()}
        log.info("adapters loaded", model=self._spec.model, adapters=sorted(self._held))
