"""Making the tools of a process: ours, and those of MCP servers (which are in ``remote/``)."""

from __future__ import annotations

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


def make_tools(
    settings: Settings,
    gateway: ModelGateway,
    vectors: VectorStore,
    database: Database,
    outgoing: Outgoing,
    starter: GraphStarter | None = None,
) -> HearthTools:
    """For one event loop. ``gateway`` and ``outgoing`` stay the caller's to close; the tools are closed before them."""
    home = Home(settings.home)
    workspaces = Workspaces(home.workspaces, settings.tools)
    remote = McpTools(database, outgoing, SecretSource.of(database, home), workspaces, settings)
    around = Around(settings, gateway, vectors, database, outgoing, workspaces, starter)
    return HearthTools(around, remote)
