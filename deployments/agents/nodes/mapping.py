"""The node ``map``: one node for every item of a list, each item a step of its own."""

from __future__ import annotations

import asyncio

from cluster.contracts.generation import Json
from cluster.errors import TooLarge, Unprocessable
from cluster.graphs.pending import Pending
from cluster.specs.nodes import MapNode
from deployments.agents.visiting import Visit, performed
from deployments.agents.waiting import Waits


async def run_map(node: MapNode, visit: Visit) -> Json:
    """Results in order. Where an item failed, those that were begun come to their end and no other is begun; then it fails too."""
    items = await visit.value(node.over)
    if not isinstance(items, list):
        raise Unprocessable(f"'over' (`{node.over}`) is to be a list, found {type(items).__name__}.")
    if len(items) > node.most:
        raise TooLarge(f"'over' (`{node.over}`) has {len(items)} items, at most {node.most} are taken ('most' of the node).")
    return await _Items(node, visit, items).run()


class _Items:
    def __init__(self, node: MapNode, visit: Visit, items: list[Json]) -> None:
        self._node = node
        self._visit = visit
        self._items = items
        self._results: list[Json] = [None] * len(items)
        self._left = iter(range(len(items)))
        self._pending: list[Pending] = []
        self._failed = False

    async def run(self) -> Json:
        workers = [self._work() for _ in range(min(self._node.parallel, len(self._items)))]
        for end in await asyncio.gather(*workers, return_exceptions=True):
            if end is not None:
                raise end
        if self._pending:
            raise Waits(self._pending)
        return self._results

    async def _work(self) -> None:
        for index in self._left:
            if self._failed:
                return
            try:
                self._results[index] = await self._one(index)
            except Waits as waits:
                self._pending += waits.pending
            except Exception:
                self._failed = True
                raise

    async def _one(self, index: int) -> Json:
        scope = {**self._visit.scope, "item": self._items[index], "index": index}
        return await performed(self._node.each, self._visit.within(f"[{index}]", scope=scope), skips=self._node.skip_errors)
