"""Puts authentication in front of an application."""

from __future__ import annotations

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.auth.identity import make_identity
from api.web.authenticate import METRICS, PUBLIC, AuthenticateMiddleware
from api.web.sockets import install_sockets
from cluster.settings import Settings
from cluster.stores.clients import StoreClients


def install_authentication(app: FastAPI, settings: Settings, stores: StoreClients) -> None:
    """From here on every request that is not public needs a key or a token. Call before other middleware is added: what is added later
    stands further out, and this needs the exchange and the crash handler around it."""
    identity = make_identity(settings, stores)
    app.state.identity = identity
    install_sockets(app, settings.http, identity.bearer)
    public = (*PUBLIC, METRICS) if settings.auth.public_metrics else PUBLIC
    app.add_middleware(AuthenticateMiddleware, authenticator=identity.bearer, public=public)
    # Serve's own proxy, and one of the owner's on this machine; see cluster/runtime/haproxy-loopback for what is let through.
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=["127.0.0.1", "::1"])
