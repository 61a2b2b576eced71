"""Puts tools into an application, and removes what of them is past its time."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import Depends, FastAPI, Request

from api.conversations.repository import ConversationRepository
from api.outgoing.install import Outside
from api.web.deps import Parts
from cluster.tools.making import Tools, make_tools
from cluster.tools.paths import conversation_workspace
from cluster.tools.remote.client import McpTools
from cluster.tools.starting import GraphStarter
from cluster.tools.toolbox import HearthTools
from cluster.tools.workspaces import Workspaces
from cluster.upkeep import Upkeep


class ToolDesk:
    """The tools of this process. They work without :meth:`start` too; it sweeps."""

    def __init__(self, parts: Parts, outside: Outside, starter: GraphStarter | None) -> None:
        settings = parts.settings
        self._database = parts.stores.database
        self._tools: Tools = make_tools(settings, parts.gateway, parts.vectors, parts.stores.database, outside.client, starter)
        self._sweep = Upkeep("sweeping workspaces and calls of tools", settings.tools.sweep_s, self.sweep)

    @property
    def toolbox(self) -> HearthTools:
        return self._tools.toolbox

    @property
    def servers(self) -> McpTools:
        return self._tools.servers

    @property
    def workspaces(self) -> Workspaces:
        return self._tools.workspaces

    async def sweep(self) -> None:
        """Removes what is past its time, and the files of conversations that are gone."""
        await self._tools.sweep()
        spaces = await to_thread.run_sync(self.workspaces.of_conversations)
        async with self._database.session() as session:
            known = await ConversationRepository(session).known([conversation for _, conversation in spaces])
        for organisation, conversation in spaces:
            if conversation not in known:
                space = self.workspaces.of(organisation, conversation_workspace(conversation))
                await to_thread.run_sync(space.remove)

    async def start(self) -> None:
        self._sweep.start()

    async def stop(self) -> None:
        """Before the outgoing client is stopped, through which servers are reached."""
        await self._sweep.stop()
        await self._tools.close()


def install_tools(app: FastAPI, starter: GraphStarter | None = None) -> ToolDesk:
    """Also on ``app.state.tools``; needs ``app.state.parts`` and ``app.state.outgoing``. ``starter``: who runs graphs for tools that do.
    Whoever runs the app calls ``start`` and ``stop``."""
    parts, outside = app.state.parts, app.state.outgoing
    assert isinstance(parts, Parts)
    assert isinstance(outside, Outside)
    desk = ToolDesk(parts, outside, starter)
    app.state.tools = desk
    return desk


async def tools_of(request: Request) -> ToolDesk:
    desk = request.app.state.tools
    assert isinstance(desk, ToolDesk)
    return desk


WithTools = Annotated[ToolDesk, Depends(tools_of)]
