"""One more replica of a model, outside of Serve and known to nobody: to try settings on, behind all that is served.

Its class is named, not imported, as in the Serve config: it belongs to a room above.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from cluster.contracts.serving import ReplicaSpec
from cluster.optimising.load import Load, Sample
from cluster.serving.config import MODELS_BUILD
from cluster.standing_back import LAST, stand_back_entirely


class Trial:
    """The class of an actor. Raises what the replica raises."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        stand_back_entirely(LAST)
        told = ReplicaSpec.model_validate(spec)
        classes = importlib.import_module(MODELS_BUILD.partition(":")[0]).CLASSES
        self._replica: Any = classes[told.kind](told)

    async def set(self, retuning: Mapping[str, Any]) -> None:
        await self._replica.reconfigure(retuning)

    async def sample(self, load: Load, seed: int) -> Sample:
        return await load.run(self._replica, seed)

    async def memory(self) -> int:
        return int(self._replica.stats().memory_bytes)
