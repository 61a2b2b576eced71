"""Puts what a request used on the account of whoever asked, however the request ended."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from api.usage.ledger import UsageLedger
from api.web.exchange import exchange_of
from api.web.principal import Principal


class UsageMiddleware:
    """Stands inside authentication and the exchange. A caller that left, and an answer that broke off, are counted with what there was."""

    def __init__(self, app: ASGIApp, ledger: UsageLedger) -> None:
        self._app = app
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal = scope.get("state", {}).get("principal")
        if scope["type"] != "http" or not isinstance(principal, Principal):
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            for model, used in exchange_of(scope).spent:
                self._ledger.note(principal, model, used)
