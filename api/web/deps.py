"""What endpoints are given: taken from the application's state, so that a test builds the same services with other parts."""

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


def parts_of(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


def exchange_for(request: Request) -> Exchange:
    return exchange_of(request.scope)


WithParts = Annotated[Parts, Depends(parts_of)]
WithExchange = Annotated[Exchange, Depends(exchange_for)]
