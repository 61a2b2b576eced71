"""Who is told what an answer used."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cluster.contracts.generation import Usage


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer, or a summary: ``model`` wrote it (a local model's id, or ``<provider>/<model>``) for ``user_id``, who showed ``key_id``
    or was signed in. ``usage.estimated``: the answer did not reach its end, or its provider did not count. ``cached``: the answer was
    given before, and no model wrote anything."""

    organisation_id: uuid.UUID
    user_id: uuid.UUID
    key_id: uuid.UUID | None
    model: str
    usage: Usage
    cached: bool = False


# Called once for each answer, after it was saved; not at all where the process ends in between.
OnSaved = Callable[[Answered], Awaitable[None]]


async def nobody(_: Answered) -> None:
    """Where usage is not accounted for."""
