"""Making the tools of a process: ours, and those of MCP servers."""

from __future__ import annotations

from dataclasses import dataclass

from anyio import to_thread

from cluster.gateway import ModelGateway
from cluster.home import Home
from cluster.outgoing.client import Outgoing
from cluster.secrets.source import SecretSource
from cluster.settings import Settings
from cluster.stores.sql import Database
from cluster.tools.builtin.base import Around
from cluster.tools.remote.client import McpTools
from cluster.tools.starting import GraphStarter
from cluster.tools.toolbox import HearthTools
from cluster.tools.workspaces import Workspaces
from cluster.vectors import VectorStore


@dataclass(frozen=True, slots=True)
class Tools:
    """``servers``: those of MCP, whose tools ``toolbox`` has too. Belongs to one event loop."""

    toolbox: HearthTools
    servers: McpTools
    workspaces: Workspaces

    async def sweep(self) -> None:
        """Removes workspaces and calls that are past their time."""
        await to_thread.run_sync(self.workspaces.remove_lapsed)
        await self.toolbox.history.remove_older()

    async def close(self) -> None:
        await self.toolbox.close()


def make_tools(
    settings: Settings,
    gateway: ModelGateway,
    vectors: VectorStore,
    database: Database,
    outgoing: Outgoing,
    starter: GraphStarter | None = None,
) -> Tools:
    """``gateway`` and ``outgoing`` stay the caller's to close, after the tools."""
    home = Home(settings.home)
    workspaces = Workspaces(home.workspaces, settings.tools)
    servers = McpTools(database, outgoing, SecretSource.of(database, home), workspaces, settings)
    around = Around(settings, gateway, vectors, database, outgoing, workspaces, starter)
    return Tools(HearthTools(around, servers), servers, workspaces)
