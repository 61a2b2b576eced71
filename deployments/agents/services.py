"""What runs of graphs are given: all that is outside of them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cluster.contracts.generation import Json, JsonObject
from cluster.gateway import ModelGateway
from cluster.graphs.metering import NodeEnd
from cluster.guard.guarding import Guarded
from cluster.settings import Settings
from cluster.specs.guard import GuardSpec
from cluster.specs.prices import PriceTable
from cluster.tools.tool import Toolbox
from deployments.agents.ahead import Ahead
from deployments.agents.expressions import Expressions


@dataclass(frozen=True, slots=True)
class Passages:
    """``spent``: tokens by model."""

    passages: tuple[JsonObject, ...]
    spent: tuple[tuple[str, int], ...] = ()


class Finding(Protocol):
    """What collections say."""

    async def find(
        self, organisation_id: uuid.UUID, question: str, collections: Sequence[str] | None, settings: str, limit: int | None
    ) -> Passages:
        """``collections`` None: all. Raises NotFound, naming the nearest, and BadInput for a question without a word."""
        ...


class Media(Protocol):
    """Bytes that expressions name."""

    async def read(self, organisation_id: uuid.UUID, workspace: str, place: str) -> bytes:
        """Of a file of the workspace, an id of ``/v1/files``, or a ``data:`` URL. Raises NotFound, BadInput, TooLarge."""
        ...


class Live(Protocol):
    """Whoever follows a run sees what its models say while they say it; nothing depends on it."""

    async def say(self, run_id: uuid.UUID, node: str, text: str) -> None:
        """Raises nothing."""
        ...

    def look(self, run_id: uuid.UUID) -> None:
        """Something new is written down of the run. Raises nothing."""
        ...

    def turned(self, run_id: uuid.UUID) -> None:
        """As ``look``, and it may be in another state."""
        ...


class Metering(Protocol):
    """What nodes did, counted for whoever watches (cluster/graphs/metering.py)."""

    def note(self, end: NodeEnd) -> None:
        """Raises nothing."""
        ...


class Guarding(Protocol):
    """What values must pass (cluster/guard/guarding.py)."""

    async def apply(self, value: Json, spec: GuardSpec, *, model: str | None = None) -> Guarded: ...


@dataclass(frozen=True, slots=True)
class Services:
    """Of one process. Belongs to one event loop. ``ahead`` None: models are loaded when they are asked. ``meter`` None: nobody counts."""

    settings: Settings
    gateway: ModelGateway
    toolbox: Toolbox
    finding: Finding
    media: Media
    live: Live
    guard: Guarding
    prices: PriceTable
    expressions: Expressions
    ahead: Ahead | None = None
    meter: Metering | None = None
