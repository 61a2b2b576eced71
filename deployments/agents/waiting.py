"""Why a node does not go on: it waits for people, or a time, or should not be begun. Nothing is held meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.errors import Conflict
from cluster.graphs.pending import Pending


class Waits(Exception):
    """A node cannot go on before somebody answers or a time has come. Not a failure: it passes every ``on_error`` and retry."""

    def __init__(self, pending: Sequence[Pending]) -> None:
        super().__init__(f"waits for {', '.join(one.node for one in pending)}")
        self.pending = tuple(pending)


class NobodyKnows(Conflict):
    """Whether a tool did what cannot be done twice."""

    code = "nobody_knows"


class Paused(Exception):
    """A person paused the run: this node is not begun."""
