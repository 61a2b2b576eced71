"""Puts graphs into an application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection

from api.web.deps import Parts
from cluster.agents import AgentRuntime
from cluster.ending import end
from cluster.graphs.checkpoints import Checkpoints
from cluster.graphs.library import GraphLibrary
from cluster.graphs.live import LiveEars
from cluster.home import Home
from cluster.learning.adapters.manifest import Manifests
from cluster.tools.tool import Toolbox


class Graphs:
    """What graphs need in one process. ``runtime``: whoever carries runs on. ``toolbox``: what graphs may call. Belongs to one event
    loop."""

    def __init__(self, parts: Parts, runtime: AgentRuntime, library: GraphLibrary, toolbox: Toolbox) -> None:
        self.parts = parts
        self.runtime = runtime
        self.library = library
        self.toolbox = toolbox
        self.manifests = Manifests(Home(parts.settings.home))
        self.ears = LiveEars(parts.stores.cache)
        self.checkpoints = Checkpoints(parts.settings)
        self._tasks: set[asyncio.Task[Any]] = set()

    def aside(self, work: Awaitable[Any]) -> None:
        """Done in the background, also when whoever asked has left."""
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        await self.checkpoints.open()

    async def stop(self) -> None:
        await end(self._tasks)
        await self.ears.close()
        await self.checkpoints.close()


def install_graphs(app: FastAPI, runtime: AgentRuntime, library: GraphLibrary, toolbox: Toolbox) -> Graphs:
    """Also on ``app.state.graphs``; needs ``app.state.parts``. Whoever runs the app calls ``start`` and ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    graphs = Graphs(parts, runtime, library, toolbox)
    app.state.graphs = graphs
    return graphs


# Of a request or of a WebSocket.
async def graphs_of(connection: HTTPConnection) -> Graphs:
    graphs = connection.app.state.graphs
    assert isinstance(graphs, Graphs)
    return graphs


WithGraphs = Annotated[Graphs, Depends(graphs_of)]
