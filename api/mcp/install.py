"""Puts the MCP server into an application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from api.mcp.diagrams import DiagramShelf, GraphDiagrams
from api.mcp.documents import DocumentShelf
from api.mcp.door import Door
from api.mcp.files import FileShelf
from api.mcp.resources import Resources
from api.mcp.server import make_server
from api.mcp.sessions import Sessions
from api.mcp.shelf import Shelf
from api.mcp.subscriptions import Subscriptions
from api.web.bells import Bells
from api.web.deps import Parts
from cluster.graphs.library import graph_library
from cluster.tools.tool import Toolbox


def install_mcp(app: FastAPI, toolbox: Toolbox, bells: Bells, shelves: Sequence[Shelf] = ()) -> Door:
    """Also on ``app.state.mcp``, with ``toolbox`` on ``app.state.toolbox``; needs ``app.state.parts`` and ``app.state.tools``. ``shelves``:
    of more resources than those of Hearth. Whoever runs the app calls ``start`` and ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    sessions = Sessions(parts.stores.cache, parts.settings.tools)
    library = graph_library(parts.settings.home, parts.settings.graphs.spec_bytes)
    diagrams = GraphDiagrams(parts.stores.database, library, parts.settings.graphs)
    ours = (DiagramShelf(diagrams), DocumentShelf(parts.stores.database), FileShelf(app.state.tools.workspaces))
    resources = Resources([*shelves, *ours], parts.settings.tools.page)
    subscriptions = Subscriptions(parts.stores.cache, sessions, resources, parts.settings.tools)
    server = make_server(parts, toolbox, resources, subscriptions, sessions, bells)
    door = Door(server, sessions, subscriptions, bells, parts.settings.tools)
    app.state.mcp, app.state.toolbox = door, toolbox
    return door


async def door_of(request: Request) -> Door:
    door = request.app.state.mcp
    assert isinstance(door, Door)
    return door


WithDoor = Annotated[Door, Depends(door_of)]


async def toolbox_of(request: Request) -> Toolbox:
    toolbox: Toolbox = request.app.state.toolbox
    return toolbox


WithToolbox = Annotated[Toolbox, Depends(toolbox_of)]
