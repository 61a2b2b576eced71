"""What endpoints that search are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.retrieval.service import Knowledge
from api.web.deps import WithExchange, WithParts
from api.web.principal import AsViewer


async def knowledge(parts: WithParts, exchange: WithExchange, who: AsViewer) -> Knowledge:
    return Knowledge(parts, exchange, who.organisation_id)


WithKnowledge = Annotated[Knowledge, Depends(knowledge)]
