"""The ledger's snapshot, shared by all requests of one process and at most half a second old."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ray.actor import ActorHandle
from ray.exceptions import RayError

from cluster.contracts.residency import ModelUse, ResidencySnapshot
from cluster.errors import Unavailable
from cluster.ledger import Ledger, find

FRESH_S = 0.5


class Overview:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._ledger: ActorHandle[Ledger] | None = None
        self._snapshot: ResidencySnapshot | None = None
        self._uses: dict[str, ModelUse] = {}
        self._taken = 0.0
        self._asking: asyncio.Task[ResidencySnapshot] | None = None

    async def snapshot(self) -> ResidencySnapshot:
        """Raises Unavailable while there is no ledger, or it does not answer."""
        if self._snapshot is not None and time.monotonic() - self._taken < FRESH_S:
            return self._snapshot
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def use(self, model: str) -> ModelUse | None:
        """How ``model`` stands; None when nobody knows: no ledger, or it has no report yet."""
        try:
            await self.snapshot()
        except Unavailable:
            return None
        return self._uses.get(model)

    async def _ask(self) -> ResidencySnapshot:
        ledger: Any = self._ledger or find()
        try:
            self._snapshot = await ledger.snapshot.remote()
        except RayError:
            self._ledger = None
            raise Unavailable("The ledger did not answer; Ray is starting it again. Please retry in 2 s.") from None
        self._ledger, self._taken = ledger, time.monotonic()
        self._uses = {use.model: use for use in self._snapshot.models}
        return self._snapshot
