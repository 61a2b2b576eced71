"""What tools that run graphs need of whoever runs graphs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Protocol

from cluster.contracts.generation import JsonObject
from cluster.tools.tool import ToolCaller


@dataclass(frozen=True, slots=True)
class StartedRun:
    """``state``: one of cluster.graphs.states. ``output``: where it succeeded. ``error``: why it failed.
    ``steps``: that were done so far."""

    run_id: uuid.UUID
    graph: str
    state: str
    output: JsonObject | None = None
    error: str | None = None
    steps: int = 0


class GraphStarter(Protocol):
    async def start(self, graph: str, given: JsonObject, caller: ToolCaller, *, task: bool = False) -> StartedRun:
        """A run of its own of ``graph`` (``name`` or ``name@version``), in the name of ``caller``, one deeper than theirs. With the
        same ``caller.key`` again it is the run that was started first. Returns once the run is written down; it does not wait for its
        end. ``task``: it is listed among the tasks. Raises NotFound, BadInput for an input that is not of its schema, and Overloaded."""
        ...

    async def look(self, organisation_id: uuid.UUID, run_id: uuid.UUID) -> StartedRun:
        """How a run stands. Raises NotFound, also for one of another organisation."""
        ...
