"""What the endpoints of language models are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.agents.deps import WithGateway
from api.generation.service import Generations
from api.web.deps import WithExchange, WithParts
from api.web.principal import AsViewer


async def generations(parts: WithParts, gateway: WithGateway, exchange: WithExchange, who: AsViewer) -> Generations:
    return Generations(gateway, parts.settings, parts.metrics, exchange, str(who.organisation_id))


WithGenerations = Annotated[Generations, Depends(generations)]
