"""Puts the counting of usage into an application."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request

from api.usage.ledger import UsageLedger
from api.usage.middleware import UsageMiddleware
from cluster.settings import Settings
from cluster.specs.prices import PriceTable
from cluster.stores.clients import StoreClients


def install_usage(app: FastAPI, settings: Settings, stores: StoreClients, prices: PriceTable) -> UsageLedger:
    """The ledger, also on ``app.state.usage``. Whoever runs the app calls its ``start`` and ``stop``. Call before
    ``install_authentication``, which says whose account it is."""
    ledger = UsageLedger(stores, settings.quotas, prices)
    app.state.usage = ledger
    app.add_middleware(UsageMiddleware, ledger=ledger)
    return ledger


async def ledger_of(request: Request) -> UsageLedger:
    ledger = request.app.state.usage
    assert isinstance(ledger, UsageLedger)
    return ledger


WithLedger = Annotated[UsageLedger, Depends(ledger_of)]
