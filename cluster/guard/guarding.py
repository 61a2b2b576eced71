"""What a value must pass before it is used: its shape, its length, injected instructions, personal data, policy, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cluster.contracts.generation import Json, Usage
from cluster.gateway import ModelGateway
from cluster.settings.graphs import GraphSettings
from cluster.specs.guard import GuardSpec

# Values with more text are read in a thread, so that nobody else waits.
INLINE_CHARS = 4_000

Check = Literal["injection", "pii", "policy"]


@dataclass(frozen=True, slots=True)
class Note:
    """What a check came upon, ``count`` times, and never the text itself. ``kind``: a kind of personal data, why a text counts as
    instructions (`override`), or the label that fits. ``did``: what became of it."""

    check: Check
    kind: str
    count: int
    did: Literal["marked", "removed", "masked", "noted", "passed"]


@dataclass(frozen=True, slots=True)
class Guarded:
    """``value``: as it may be used. ``usage``: of the model that read it for its policy; ``model``: which one that was."""

    value: Json
    notes: tuple[Note, ...] = ()
    usage: Usage = Usage()
    model: str | None = None


class Guard:
    """Applies guards. One serves all runs of a process."""

    def __init__(self, gateway: ModelGateway, settings: GraphSettings) -> None:
        self._gateway = gateway
        self._settings = settings

    async def apply(self, value: Json, spec: GuardSpec, *, model: str | None = None) -> Guarded:
        """``value`` as it may be used. ``model`` is asked about policy where the guard names none.

        Raises Refused, an Unprocessable that says which check failed and where in the value, and repeats nothing of it. Errors of the
        model that is asked about policy are raised as they are: a value that nobody could judge has not passed."""
