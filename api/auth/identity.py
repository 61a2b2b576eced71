"""What signing in is made of, for one application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.auth.bearer import BearerTokens
from api.auth.guard import Guard
from api.auth.oidc import Issuer
from api.auth.passwords import Passwords
from api.auth.pending import Pending
from api.auth.tokens import AccessTokens
from cluster.batches.tokens import BatchTokens
from cluster.home import Home
from cluster.settings import AuthSettings, Settings
from cluster.signing import SigningKeys
from cluster.stores.clients import StoreClients
from cluster.stores.sql import Database


@dataclass(frozen=True, slots=True)
class Identity:
    """Stands on ``app.state.identity``. ``issuers``: by their address."""

    settings: AuthSettings
    database: Database
    passwords: Passwords
    tokens: AccessTokens
    guard: Guard
    pending: Pending
    issuers: dict[str, Issuer]
    bearer: BearerTokens


def make_identity(settings: Settings, stores: StoreClients) -> Identity:
    """Reads and makes nothing yet: the signing key comes with its first use."""
    auth = settings.auth
    keys = SigningKeys(Home(settings.home).signing_keys)
    tokens = AccessTokens(keys, auth)
    issuers = {one.issuer: Issuer(one, auth) for one in auth.oidc}
    bearer = BearerTokens(stores.database, tokens, BatchTokens(keys), issuers, auth)
    return Identity(auth, stores.database, Passwords(), tokens, Guard(stores.cache, auth), Pending(stores.cache), issuers, bearer)


async def identity_of(request: Request) -> Identity:
    identity = request.app.state.identity
    assert isinstance(identity, Identity)
    return identity


WithIdentity = Annotated[Identity, Depends(identity_of)]
