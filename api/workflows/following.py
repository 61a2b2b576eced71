"""A run's events as they are sent, and what models say meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from api.web.following import Told
from api.workflows.install import Graphs
from cluster.graphs.following import Event, RunFollower
from cluster.graphs.live import Piece


def follower_of(graphs: Graphs, organisation_id: uuid.UUID, run_id: uuid.UUID) -> RunFollower:
    parts = graphs.parts
    return RunFollower(parts.stores.database, graphs.ears, parts.settings.graphs, organisation_id, run_id)


async def told_of(follower: RunFollower, after: int) -> AsyncGenerator[Told | None, None]:
    """Events behind the number ``after``; pieces of text have no number."""
    async with aclosing(follower.events(after)) as events:
        async for event in events:
            if isinstance(event, Event):
                yield event.number, {"type": event.kind, "time": event.at, **event.data}
            elif isinstance(event, Piece):
                yield None, _said(event)
            else:
                yield None


def _said(piece: Piece) -> dict[str, Any]:
    missed = {"missed": True} if piece.missed else {}
    return {"type": "text", "node": piece.node, "text": piece.text, **missed}
