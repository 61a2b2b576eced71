"""What endpoints are given: taken from the application's state, so that a test builds the same services with other parts.

Dependencies are coroutines although they wait for nothing: FastAPI sends plain functions through a thread, which costs more than all the
rest of a request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.web.exchange import Exchange, exchange_of
from api.web.metrics import Metrics
from cluster.gateway import ModelGateway
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from cluster.stores.sql import AsyncSession
from cluster.vectors import VectorStore


@dataclass(frozen=True, slots=True)
class Parts:
    """What one application is made of; stands on ``app.state.parts``."""

    gateway: ModelGateway
    settings: Settings
    metrics: Metrics
    stores: StoreClients
    vectors: VectorStore


async def parts_of(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


async def exchange_for(request: Request) -> Exchange:
    return exchange_of(request.scope)


async def session_for(request: Request) -> AsyncIterator[AsyncSession]:
    """One transaction for the endpoint: committed when it returns, before the answer is sent, and rolled back when it raises."""
    async with (await parts_of(request)).stores.database.session() as session:
        yield session


WithParts = Annotated[Parts, Depends(parts_of)]
WithExchange = Annotated[Exchange, Depends(exchange_for)]
# By default what a dependency does after its yield comes after the answer, which would then promise what is not yet kept.
WithSession = Annotated[AsyncSession, Depends(session_for, scope="function")]
