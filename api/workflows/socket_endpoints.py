"""Runs over WebSockets: one, or several over one connection."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter, WebSocket
from pydantic import Field

from api.web.bodies import query, validated
from api.web.following import AfterQuery, OneWay, as_messages
from api.web.principal import Principal
from api.web.schema import Body
from api.web.sockets import named, sockets_of
from api.workflows.following import follower_of, told_of
from api.workflows.install import Graphs, graphs_of
from cluster.ending import end
from cluster.errors import BadInput, Conflict, Unprocessable

router = APIRouter(prefix="/api/v1/workflows", tags=["workflows"])

# Runs that one connection follows at once.
MOST_FOLLOWED = 50


@router.websocket("/runs/ws")
async def watch_runs(socket: WebSocket) -> None:
    """Follows those that the other side names: see api/README.md."""
    graphs = await graphs_of(socket)

    async def begin(who: Principal) -> ManyRuns:
        return ManyRuns(graphs, who.organisation_id)

    await sockets_of(socket).serve(socket, begin)


@router.websocket("/runs/{run_id}/ws")
async def watch_run(socket: WebSocket, run_id: str) -> None:
    """Its events behind `after`, to its end."""
    graphs = await graphs_of(socket)

    async def begin(who: Principal) -> OneWay:
        follower = follower_of(graphs, who.organisation_id, named(run_id, "run"))
        after = query(socket, AfterQuery).after
        await follower.over(after)
        return OneWay(told_of(follower, after))

    await sockets_of(socket).serve(socket, begin)


class FollowMessage(Body):
    type: str
    run_id: str = Field(max_length=60)
    after: int = Field(0, ge=0, le=2**31 - 1)


class ManyRuns:
    """The talk of a WebSocket over which several runs are followed. `{"type": "follow", "run_id", "after"}` begins with one, `leave` ends
    it; each message of ours names its ``run_id``, and `end` says that nothing more comes of one."""

    def __init__(self, graphs: Graphs, organisation_id: uuid.UUID) -> None:
        self._graphs = graphs
        self._organisation_id = organisation_id
        self._following: dict[uuid.UUID, asyncio.Task[None]] = {}
        # One message: a slow reader slows the followers down, which look again later.
        self._queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(1)

    async def messages(self) -> AsyncGenerator[dict[str, Any] | None, None]:
        try:
            while True:
                yield await self._queue.get()
        finally:
            await end(self._following.values())

    async def heard(self, message: dict[str, Any]) -> dict[str, Any] | None:
        asked = validated(message, FollowMessage, Unprocessable)
        run_id = named(asked.run_id, "run")
        if asked.type == "leave":
            task = self._following.pop(run_id, None)
            await end([task] if task is not None else [])
            return {"type": "left", "run_id": str(run_id)}
        if asked.type != "follow":
            raise BadInput(f"There are no messages of type '{asked.type[:60]}' here; send 'follow', 'leave' or 'ping'.")
        if run_id in self._following:
            raise Conflict(f"The run {run_id} is followed already.")
        if len(self._following) >= MOST_FOLLOWED:
            raise Conflict(f"{MOST_FOLLOWED} runs are followed over one connection at most; leave one, or open another.")
        follower = follower_of(self._graphs, self._organisation_id, run_id)
        await follower.over(asked.after)
        self._following[run_id] = asyncio.create_task(self._follow(run_id, asked.after))
        return None

    async def _follow(self, run_id: uuid.UUID, after: int) -> None:
        follower = follower_of(self._graphs, self._organisation_id, run_id)
        async for message in as_messages(told_of(follower, after)):
            if message is not None:
                await self._queue.put({"run_id": str(run_id), **message})
        self._following.pop(run_id, None)
        await self._queue.put({"run_id": str(run_id), "type": "end"})
