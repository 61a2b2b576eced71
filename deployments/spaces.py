"""The index of one space as it lives: writes that are on disk when they return, searches between them, and rebuilding beside itself.

Up to ``vectors.exact_points`` a search compares everything: exact, and a few milliseconds. Beyond, an approximate index is built off the
request path. The shard is copied while writes wait; another process builds in the copy; meanwhile this one serves, and remembers the ids it
wrote; they are copied over, and then the new generation counts. A crash at any moment leaves the old one, which has everything.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import structlog
from filelock import Timeout

from cluster.contracts.retrieval import EVERYTHING, Filters, Hit, Point, Scrolled, SearchQuery, Space, SpaceState
from cluster.errors import EngineError, Unavailable
from cluster.generations import Generations, sync_tree
from cluster.home import REPOSITORY
from cluster.settings import VectorSettings
from deployments.engines.qdrant_edge import Shard, create, open_shard
from deployments.engines.qdrant_facts import Facts
from deployments.engines.qdrant_scope import Scope
from deployments.finding import choose

# Points written between two looks at who else waits: about three milliseconds.
SLICE = 64
# How often a write looks whether the copy that is being made is done, in seconds.
LOOK_S = 0.02
# Between two writes, in seconds: whoever waits to copy looks more often than that, and so gets a turn however much is written.
GAP_S = 0.002
# After a build that failed, in seconds.
RETRY_S = 600.0

log = structlog.get_logger(__name__)


class SpaceIndex:
    """Made by :meth:`make` or :meth:`open`. Belongs to one event loop."""

    def __init__(self, generations: Generations, shard: Shard, settings: VectorSettings) -> None:
        self._generations = generations
        self._shard = shard
        self._settings = settings
        self._turn = asyncio.Lock()
        self._file_lock = generations.write_lock(0)
        self._building = False
        self._touched: set[str] | None = None  # ids written since the copy was made; None while there is none
        self._changed = abs(shard.points - shard.facts.indexed)
        self._written_at = time.monotonic()
        self._failed_at: float | None = None

    @classmethod
    def make(cls, folder: Path, space: Space, settings: VectorSettings) -> SpaceIndex:
        generations = Generations(folder)
        first = generations.begin()
        shard = create(first, Facts(space, settings.keyword_language), settings.search_width)
        sync_tree(first)
        generations.publish(first)
        return cls(generations, shard, settings)

    @classmethod
    def open(cls, folder: Path, settings: VectorSettings) -> SpaceIndex | None:
        """None where a crash left no index: nothing was ever acknowledged there."""
        generations = Generations(folder)
        generations.sweep()
        current = generations.current
        return cls(generations, open_shard(current, settings.search_width), settings) if current is not None else None

    @property
    def space(self) -> Space:
        return self._shard.facts.space

    @property
    def state(self) -> SpaceState:
        return SpaceState(self.space, self._shard.points, self._shard.facts.indexed, self._building)

    async def upsert(self, scope: Scope, points: Sequence[Point]) -> int:
        """All checked before the first is written; on disk when it returns."""
        async with self._writing() as shard:
            prepared = shard.prepare(scope, points)
            for start in range(0, len(prepared), SLICE):
                piece = prepared[start : start + SLICE]
                shard.write(piece)
                self._note([str(point.id) for point in piece])
                await asyncio.sleep(0)  # searches go in between
            shard.flush()
        return len(prepared)

    async def delete(self, scope: Scope, filters: Filters, keep_version: int | None = None) -> int:
        async with self._writing() as shard:
            doomed = scope.select(filters, other_than_version=keep_version)
            if self._touched is not None:
                self._touched.update(shard.ids(doomed))
            count = shard.delete(doomed)
            if count:
                shard.flush()
        self._changed += count
        return count

    def search(self, scope: Scope, query: SearchQuery) -> tuple[Hit, ...]:
        choice = choose(self._shard.search(scope, query), query)
        return choice.hits(self._shard.chunks(scope, choice.ids))

    def scroll(self, scope: Scope, filters: Filters, after: str | None, limit: int) -> Scrolled:
        return self._shard.scroll(scope, filters, after, limit)

    def count(self, scope: Scope, filters: Filters = EVERYTHING) -> int:
        return self._shard.count(scope, filters)

    def is_due(self) -> bool:
        """Whether an index should be built now: there is enough, enough of it is new, and nobody writes (or far too much has come)."""
        now, facts = time.monotonic(), self._shard.facts
        if self._building or (self._failed_at is not None and now - self._failed_at < RETRY_S):
            return False
        if self._shard.points <= self._settings.exact_points:
            return False
        if facts.indexed and self._changed <= facts.indexed * self._settings.rebuild_share:
            return False
        return now - self._written_at >= self._settings.quiet_s or self._changed > self._settings.exact_points

    async def build(self) -> None:
        """Builds the approximate index beside this one and takes its place. A failure is logged, and this one stays."""
        started = time.monotonic()
        self._building = True
        target = self._generations.begin()
        try:
            await self._copy(target)
            changed = self._changed
            await self._run_builder(target)
            await self._catch_up(target)
        except (OSError, EngineError, Unavailable, TimeoutError) as error:
            self._failed_at = time.monotonic()
            log.warning("index not built", space=self.space.model, error=str(error), retry_s=RETRY_S)
        else:
            self._changed -= changed
            log.info("index built", space=self.space.model, points=self._shard.facts.indexed, seconds=round(time.monotonic() - started, 1))
        finally:
            self._touched = None
            await asyncio.to_thread(self._generations.sweep)
            self._building = False  # not before: the sweep takes a target that does not count yet

    def close(self) -> None:
        self._shard.close()

    async def _copy(self, target: Path) -> None:
        async with self._writing() as shard:
            shard.flush()
            current = self._generations.current
            assert current is not None, "an open index has a generation"
            self._touched = set()
            await asyncio.to_thread(shutil.copytree, current, target)

    async def _run_builder(self, target: Path) -> None:
        tied = [sys.executable, "-m", "cluster.stores.tied", str(int(signal.SIGKILL)), "-1", "-1"]
        builder = [sys.executable, "-m", "deployments.engines.qdrant_index", str(target), "--threads", str(self._settings.build_threads)]
        process = await asyncio.create_subprocess_exec(*tied, *builder, cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(self._settings.build_timeout_s):
                _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise EngineError(f"The process that builds the index ended with status {process.returncode}: {said.decode()[-1000:].strip()}")

    async def _catch_up(self, target: Path) -> None:
        """Copies what was written meanwhile, first while more is written, the last of it while writes wait; then ``target`` counts."""
        fresh = open_shard(target, self._settings.search_width)
        try:
            while len(self._touched or ()) > SLICE:
                self._copy_some(fresh)
                await asyncio.sleep(0)
            async with self._writing() as old:
                while self._touched:
                    self._copy_some(fresh)
                if fresh.points != old.points:
                    raise EngineError(f"The new index has {fresh.points} points instead of {old.points}.")
                fresh.flush()
                await asyncio.to_thread(sync_tree, target)
                self._generations.publish(target)
                self._shard, fresh = fresh, old
        finally:
            fresh.close()

    def _copy_some(self, fresh: Shard) -> None:
        assert self._touched is not None, "only while an index is built"
        ids = list(islice(self._touched, SLICE))
        self._touched.difference_update(ids)
        self._shard.copy_to(fresh, ids)

    def _note(self, ids: Sequence[str]) -> None:
        self._changed += len(ids)
        if self._touched is not None:
            self._touched.update(ids)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Shard]:
        """This writer's turn, and nobody copies the files. Raises Unavailable after ``vectors.lock_wait_s``."""
        async with self._turn:
            await self._locked()
            try:
                yield self._shard
            finally:
                self._written_at = time.monotonic()
                self._file_lock.release()
                await asyncio.sleep(GAP_S)

    async def _locked(self) -> None:
        deadline = time.monotonic() + self._settings.lock_wait_s
        while True:
            try:
                self._file_lock.acquire(timeout=0)
            except Timeout:
                if time.monotonic() >= deadline:
                    raise Unavailable("The index is being copied by a backup and takes no writes; retry in 10 s.") from None
                await asyncio.sleep(LOOK_S)
            else:
                return
