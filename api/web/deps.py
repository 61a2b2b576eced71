"""What endpoints are given: taken from the application's state, so that a test builds the same services with other parts.

Dependencies are coroutines although they wait for nothing: FastAPI sends plain functions through a thread, which costs more than all the
rest of a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.web.exchange import Exchange, exchange_of
from api.web.metrics import Metrics
from cluster.gateway import ModelGateway
from cluster.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """What one application is made of; stands on ``app.state.parts``."""

    gateway: ModelGateway
    settings: Settings
    metrics: Metrics


async def parts_of(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


async def exchange_for(request: Request) -> Exchange:
    return exchange_of(request.scope)


WithParts = Annotated[Parts, Depends(parts_of)]
WithExchange = Annotated[Exchange, Depends(exchange_for)]
