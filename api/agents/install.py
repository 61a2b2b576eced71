"""Puts graphs, and the tools that they call, into an application."""

from __future__ import annotations

from fastapi import FastAPI

from api.tools.install import install_tools
from api.web.deps import Parts
from api.workflows.install import Graphs, install_graphs
from cluster.agents import AgentRuntime
from cluster.graphs.library import graph_library
from cluster.graphs.starting import RunStarter
from cluster.tools.tool import Toolbox


def install_agents(app: FastAPI, runtime: AgentRuntime, toolbox: Toolbox | None = None) -> Graphs:
    """On ``app.state.graphs`` and ``app.state.tools``; needs ``app.state.parts`` and ``app.state.outgoing``. Whoever runs the app calls
    ``start`` and ``stop`` of both. Tools may begin runs of graphs, and graphs call tools;
    ``toolbox``: others, in place of those."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    settings = parts.settings
    library = graph_library(settings.home, int(settings.graphs.spec_bytes))
    starter = RunStarter(parts.stores.database, settings.graphs, library)
    ours = install_tools(app, starter).toolbox
    graphs = install_graphs(app, runtime, library, toolbox or ours)
    starter.wakes(lambda: graphs.aside(runtime.wake()))
    return graphs
