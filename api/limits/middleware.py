"""Holds every request of somebody known to their limits, and tells them how they stand."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.limits.limiter import Limiter
from api.limits.metered import Metered, metered
from api.limits.standing import Headers, Verdict
from api.web.errors import error_response
from api.web.exchange import exchange_of
from api.web.principal import Principal
from cluster.errors import HearthError


class LimitsMiddleware:
    """Stands inside authentication, which says who asks; what is public passes. What asks a model counts as open until its answer has ended
    or the caller has left."""

    def __init__(self, app: ASGIApp, limiter: Limiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal = scope.get("state", {}).get("principal")
        if scope["type"] != "http" or not isinstance(principal, Principal):
            await self._app(scope, receive, send)
            return
        kind = metered(scope["method"], scope["path"])
        if kind is Metered.NOT:
            await self._app(scope, receive, send)
        elif kind is Metered.REQUEST:
            await self._request(principal, scope, receive, send)
        else:
            await self._ask(principal, scope, receive, send)

    async def _request(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            verdict = await self._limiter.request(principal)
        except HearthError as error:
            await error_response(error)(scope, receive, send)
            return
        await self._answer(verdict, scope, receive, send)

    async def _ask(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            verdict, lease = await self._limiter.ask(principal)
        except HearthError as error:
            await error_response(error)(scope, receive, send)
            return
        try:
            await self._answer(verdict, scope, receive, send)
        finally:
            lasting = exchange_of(scope).lasting
            if lasting is None:
                await self._limiter.leases.release(lease)
            else:
                self._limiter.leases.release_after(lasting, lease)

    async def _answer(self, verdict: Verdict, scope: Scope, receive: Receive, send: Send) -> None:
        headers = verdict.headers(openai=scope["path"].startswith("/v1/"))
        refusal = verdict.error()
        if refusal is not None:
            await error_response(refusal, headers)(scope, receive, send)
            return
        await self._app(scope, receive, _telling(send, headers))


def _telling(send: Send, shown: Headers) -> Send:
    async def send_telling(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in shown.items():
                headers.setdefault(name, value)
        await send(message)

    return send_telling
