"""The gateway of whoever asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.agents.gateway import AgentGateway
from api.audit.trail import WithOrigin
from api.releases.install import shadows_of
from api.releases.shadowed import ShadowedGateway
from api.releases.shadowing import Asker, Shadows
from api.web.principal import AsViewer
from api.workflows.install import WithGraphs


async def gateway_of(
    graphs: WithGraphs, who: AsViewer, origin: WithOrigin, shadows: Annotated[Shadows, Depends(shadows_of)]
) -> AgentGateway:
    return AgentGateway(ShadowedGateway(graphs.parts.gateway, shadows, Asker(who.user_id)), graphs, who, origin)


# Models, and the graphs that they can chat with.
WithGateway = Annotated[AgentGateway, Depends(gateway_of)]
