"""What runs have been: a checkpoint after every super-step, from which a run goes on after a crash, and to which a person goes back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.base.id import uuid6

from cluster.contracts.generation import Json
from cluster.errors import NotFound
from cluster.graphs.saver import Saver
from cluster.settings import Settings
from cluster.stores.straight import straight_pool
from cluster.stores.urls import database_url

# Channels of a run's state (deployments/agents/state.py).
VALUES, VISITS, GIVEN, TAKEN = "values", "visits", "given", "taken"
_LAPSED = """
SELECT DISTINCT c.thread_id FROM checkpoints c JOIN graph_runs r ON r.thread::text = c.thread_id
WHERE r.state IN ('succeeded', 'failed', 'cancelled') AND r.finished_at < now() - make_interval(days => %s)
"""
# A fork writes its checkpoint before its row.
_LONE = """
SELECT c.thread_id FROM checkpoints c WHERE NOT EXISTS (SELECT FROM graph_runs r WHERE r.thread::text = c.thread_id)
GROUP BY c.thread_id HAVING max((c.checkpoint ->> 'ts')::timestamptz) < now() - interval '1 hour'
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """One checkpoint. ``step``: of LangGraph, from -1. ``values``: the state that expressions see; ``visits``: how often each node had been
    visited; ``coming``: the nodes that were to be visited next."""

    id: str
    at: datetime
    step: int
    values: Mapping[str, Json]
    visits: Mapping[str, int]
    coming: frozenset[str]


class Checkpoints:
    """A pool of ``connections`` of its own. Nothing is connected before the first use. Belongs to one event loop."""

    def __init__(self, settings: Settings, connections: int = 4) -> None:
        self._settings = settings
        self._pool = straight_pool(database_url(settings), settings.storage, connections)

    async def open(self) -> None:
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    def saver(self) -> Saver:
        """For one run, or one task. It keeps the latest ``graphs.checkpoints``, and some more until it looks again."""
        return Saver(self._pool, self._settings.graphs.checkpoints)

    async def history(self, thread: uuid.UUID, most: int, before: str | None = None) -> Sequence[Moment]:
        """The latest first. ``before``: id of the last one of the page before."""
        earlier = _config(thread, before) if before is not None else None
        return [_moment(found) async for found in self.saver().alist(_config(thread), before=earlier, limit=most)]

    async def at(self, thread: uuid.UUID, checkpoint_id: str) -> Moment:
        """Raises NotFound."""
        return _moment(await self._find(thread, checkpoint_id))

    async def before(self, thread: uuid.UUID, node: str) -> Moment:
        """The latest at which ``node`` was to be visited next: from there it is done again. Raises NotFound."""
        earlier: str | None = None
        while page := await self.history(thread, 20, earlier):
            found = next((moment for moment in page if node in moment.coming), None)
            if found is not None:
                return found
            earlier = page[-1].id
        raise NotFound(f"There is no checkpoint from which node '{node}' could be run again: it was not reached, or that is too long ago.")

    async def fork(self, thread: uuid.UUID, checkpoint_id: str, target: uuid.UUID, values: Mapping[str, Json]) -> Moment:
        """Makes ``target`` a thread that begins with this checkpoint, ``values`` put over those of its state. Raises NotFound."""
        found = await self._find(thread, checkpoint_id)
        saver = self.saver()
        checkpoint = found.checkpoint.copy()
        checkpoint["id"] = str(uuid6(clock_seq=-1))
        channels = dict(checkpoint["channel_values"])
        channels[VALUES] = dict(channels.get(VALUES) or {}) | dict(values)
        checkpoint["channel_values"] = channels
        metadata = {**found.metadata, "source": "fork"}
        config = cast("RunnableConfig", {"configurable": {"thread_id": str(target), "checkpoint_ns": ""}})
        # Every channel is new to the thread, so each is written, under the version it had.
        versions = {name: checkpoint["channel_versions"][name] for name in channels if name in checkpoint["channel_versions"]}
        if VALUES not in versions:
            versions[VALUES] = saver.get_next_version(None, None)
        checkpoint["channel_versions"] = {**checkpoint["channel_versions"], VALUES: versions[VALUES]}
        await saver.aput(config, checkpoint, cast("Any", metadata), versions)
        return await self.at(target, checkpoint["id"])

    async def prune(self, thread: uuid.UUID) -> None:
        """Keeps the latest ``graphs.checkpoints``, as savers do by themselves now and then. Only when nobody writes to the thread."""
        await self.saver().keep_latest(str(thread))

    async def delete(self, *threads: uuid.UUID) -> None:
        await self.saver().aprune([str(thread) for thread in threads], strategy="delete")

    async def remove_lapsed(self) -> int:
        """Removes those of runs that ended longer than ``graphs.checkpoint_days`` ago, and of runs that are gone; of how many threads."""
        async with self._pool.connection() as connection:
            lapsed = await (await connection.execute(_LAPSED, (self._settings.graphs.checkpoint_days,))).fetchall()
            lone = await (await connection.execute(_LONE)).fetchall()
        threads = [row["thread_id"] for row in (*lapsed, *lone)]
        await self.saver().aprune(threads, strategy="delete")
        return len(threads)

    async def _find(self, thread: uuid.UUID, checkpoint_id: str) -> CheckpointTuple:
        found = await self.saver().aget_tuple(_config(thread, checkpoint_id))
        if found is None:
            raise NotFound(
                f"There is no checkpoint '{checkpoint_id[:64]}' of this run; it may be too long ago (setting graphs.checkpoints)."
            )
        return found


def _config(thread: uuid.UUID, checkpoint_id: str | None = None) -> RunnableConfig:
    named = {"checkpoint_id": checkpoint_id} if checkpoint_id is not None else {}
    return {"configurable": {"thread_id": str(thread), "checkpoint_ns": "", **named}}


def _moment(found: CheckpointTuple) -> Moment:
    channels = found.checkpoint["channel_values"]
    given, taken = channels.get(GIVEN) or {}, channels.get(TAKEN) or {}
    coming = {name for name, counts in given.items() if any(many > taken.get(name, {}).get(one, 0) for one, many in counts.items())}
    return Moment(
        id=found.checkpoint["id"],
        at=datetime.fromisoformat(found.checkpoint["ts"]),
        step=found.metadata.get("step", -1),
        values=channels.get(VALUES) or {},
        visits=channels.get(VISITS) or {},
        coming=frozenset(coming),
    )
