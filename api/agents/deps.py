"""The gateway of whoever asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.agents.gateway import AgentGateway
from api.audit.trail import WithOrigin
from api.web.principal import AsViewer
from api.workflows.install import WithGraphs


async def gateway_of(graphs: WithGraphs, who: AsViewer, origin: WithOrigin) -> AgentGateway:
    return AgentGateway(graphs.parts.gateway, graphs, who, origin)


# Models, and the graphs that they can chat with.
WithGateway = Annotated[AgentGateway, Depends(gateway_of)]
