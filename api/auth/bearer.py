"""Whose token a request carries: looked up once, then remembered for seconds."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import structlog
from cachetools import TLRUCache
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.audit.trail import Origin
from api.auth.federation import admit
from api.auth.oidc import Issuer
from api.auth.repository import RefreshTokens
from api.auth.tokens import EXPIRED, AccessTokens, claimed_issuer, digest
from api.batches.repository import principal_of_batch
from api.keys.repository import USE_GRAIN, ApiKeys, ValidKey
from api.keys.service import MARK
from api.web.principal import Principal, Role
from cluster.batches.tokens import ISSUER as BATCHES
from cluster.batches.tokens import BatchTokens
from cluster.errors import Unauthorized, Unavailable
from cluster.settings import AuthSettings
from cluster.stores.sql import Database

log = structlog.get_logger(__name__)

NO_KEY = "The API key is not known, or no longer valid; make one with POST /api/v1/keys or `hearth key create`."


@dataclass(frozen=True, slots=True)
class Known:
    """``until``: on the monotonic clock, when it must be looked up again."""

    principal: Principal
    until: float


class BearerTokens:
    """API keys, our access tokens, those of batches, and those of the issuers. Belongs to one event loop."""

    def __init__(
        self, database: Database, tokens: AccessTokens, batches: BatchTokens, issuers: dict[str, Issuer], settings: AuthSettings
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._batches = batches
        self._issuers = issuers
        self._settings = settings
        self._known: TLRUCache[bytes, Known] = TLRUCache(
            settings.cache_entries, ttu=lambda _key, known, _now: known.until, timer=time.monotonic
        )
        self._asked: dict[bytes, asyncio.Task[Known]] = {}

    async def principal(self, token: str) -> Principal:
        """Raises Unauthorized, or Unavailable while the database does not answer. What was revoked elsewhere is noticed within
        auth.cache_s; many requests with one token ask once."""
        key = digest(token)
        known = self._known.get(key)
        if known is None:
            asked = self._asked.get(key)
            if asked is None:
                asked = self._asked[key] = asyncio.ensure_future(self._ask(key, token))
                asked.add_done_callback(lambda _: self._asked.pop(key, None))
            known = await asyncio.shield(asked)  # whoever leaves does not end it for the others
        return known.principal

    def forget(self, token: str) -> None:
        """In this process it is looked up again at its next use."""
        self._known.pop(digest(token), None)

    async def _ask(self, key: bytes, token: str) -> Known:
        try:
            known = await self._look_up(token)
        except (OperationalError, PoolTimeout, OSError):
            raise Unavailable("Nobody can be recognised now, because the database does not answer; retry in 2 s.") from None
        self._known[key] = known
        return known

    async def _look_up(self, token: str) -> Known:
        if token.startswith(MARK):
            return await self._key(token)
        claimed = claimed_issuer(token)
        if claimed == BATCHES:
            return await self._batch(token)
        issuer = self._issuers.get(claimed)
        return await (self._person(token) if issuer is None else self._guest(token, issuer))

    async def _key(self, token: str) -> Known:
        async with self._database.session() as session:
            keys = ApiKeys(session)
            found = await keys.valid(digest(token))
            if found is None:
                raise Unauthorized(NO_KEY)
            key, now = found.key, time.time()
            if key.last_used_at is None or now - key.last_used_at.timestamp() > USE_GRAIN.total_seconds():
                await keys.note_use(key.id)
        return self._until(_principal(found), key.expires_at.timestamp() if key.expires_at else None)

    async def _person(self, token: str) -> Known:
        claims = self._tokens.read(token)
        async with self._database.session() as session:
            role = await RefreshTokens(session).role_in(claims.family_id, claims.user_id, claims.organisation_id)
        if role is None:
            raise Unauthorized(EXPIRED)
        return self._until(Principal(claims.user_id, claims.organisation_id, Role(role)), claims.expires_at)

    async def _batch(self, token: str) -> Known:
        claims = self._batches.read(token)
        async with self._database.session() as session:
            principal = await principal_of_batch(session, claims.batch_id)
        if principal is None:
            raise Unauthorized("The batch has ended, or the person or key that made it is no longer valid.")
        return self._until(principal, claims.expires_at)

    async def _guest(self, token: str, issuer: Issuer) -> Known:
        settings = issuer.settings
        claims = await issuer.read(token, settings.audience or settings.client_id)
        principal = await admit(self._database, settings, claims, Origin(None, None))
        return self._until(principal, float(claims["exp"]))

    def _until(self, principal: Principal, expires_at: float | None) -> Known:
        """``expires_at``: Unix time after which the token is nobody's."""
        seconds = self._settings.cache_s if expires_at is None else min(self._settings.cache_s, expires_at - time.time())
        return Known(principal, time.monotonic() + seconds)


def _principal(found: ValidKey) -> Principal:
    key = found.key
    return Principal(key.owner_id, key.organisation_id, Role(found.role), key.id, frozenset(key.scopes))
