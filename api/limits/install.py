"""Puts limits into an application."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request

from api.limits.limiter import Limiter
from api.limits.middleware import LimitsMiddleware
from cluster.settings import Settings
from cluster.stores.clients import StoreClients


def install_limits(app: FastAPI, settings: Settings, stores: StoreClients) -> Limiter:
    """From here on every request of somebody known is held to their limits. Call before ``install_authentication``: what is added later
    stands further out, and this needs to be told who asks. Also on ``app.state.limiter``; whoever runs the app calls
    ``await app.state.limiter.leases.close()`` at its end."""
    limiter = Limiter(stores, settings.quotas)
    app.state.limiter = limiter
    app.add_middleware(LimitsMiddleware, limiter=limiter)
    return limiter


async def limiter_of(request: Request) -> Limiter:
    limiter = request.app.state.limiter
    assert isinstance(limiter, Limiter)
    return limiter


WithLimiter = Annotated[Limiter, Depends(limiter_of)]
