"""One OpenID Connect issuer: what it says of itself, its keys, and whether a token is one of its own."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry
from pydantic import BaseModel, ValidationError

from api.auth.tokens import EXPIRED
from cluster.errors import ConfigError, Unauthorized, Unavailable
from cluster.settings import AuthSettings, OidcIssuer
from cluster.stores.urls import OTHERS

log = structlog.get_logger(__name__)

LEEWAY_S = 30
LARGEST_ANSWER = 2**20
Claims = dict[str, Any]


class Discovery(BaseModel):
    """What ``/.well-known/openid-configuration`` must hold. Source: OpenID Connect Discovery 1.0, section 3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Issuer:
    """Belongs to one event loop. Nothing is fetched before it is needed."""

    def __init__(self, settings: OidcIssuer, auth: AuthSettings) -> None:
        self.settings = settings
        self._auth = auth
        self._lock = asyncio.Lock()
        self._discovery: Discovery | None = None
        self._keys: KeySet | None = None
        self._fetched = self._tried = float("-inf")

    async def read(self, token: str, audience: str, nonce: str | None = None) -> Claims:
        """The claims of a token that this issuer signed for ``audience`` and that has not expired. Raises Unauthorized for any other,
        Unavailable when its keys cannot be had."""
        rules = JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            claims = await self._verified(token)
            rules.validate(claims)
        except (JoseError, ValueError):
            raise Unauthorized(EXPIRED) from None
        if nonce is not None and claims.get("nonce") != nonce:
            raise Unauthorized("The issuer's answer belongs to another sign-in; begin again.")
        return claims

    async def address(self, **parameters: str) -> str:
        """Where a person's browser goes to sign in."""
        endpoint = (await self._discovered()).authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    async def exchange(self, **parameters: str) -> str:
        """The ID token for an authorization code. Raises Unauthorized when the issuer refuses it."""
        form = {"grant_type": "authorization_code", "client_id": self.settings.client_id, **parameters}
        secret = _secret(self.settings.client_secret_file)
        endpoint = (await self._discovered()).token_endpoint
        auth = (self.settings.client_id, secret) if secret else None
        async with self._client() as client:
            try:
                answer = await (client.post(endpoint, data=form, auth=auth) if auth else client.post(endpoint, data=form))
            except httpx.HTTPError:
                raise self._silent() from None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise self._silent()
        token = _object(answer).get("id_token") if answer.is_success else None
        if not isinstance(token, str):
            raise Unauthorized("The issuer did not accept the sign-in; begin again.")
        return token

    async def _verified(self, token: str) -> Claims:
        """Looks the signing key up by its id; one that is not known may be new."""
        keys = await self._current_keys()
        try:
            return jwt.decode(token, keys, algorithms=list(self.settings.algorithms)).claims
        except InvalidKeyIdError:
            newer = await self._current_keys(unknown=True)
            if newer is keys:
                raise
            return jwt.decode(token, newer, algorithms=list(self.settings.algorithms)).claims

    async def _current_keys(self, *, unknown: bool = False) -> KeySet:
        """Its keys, fetched again when they are old, or one is missing, but not twice within auth.jwks_refetch_s. While the issuer does
        not answer, those that are known go on counting."""
        if self._keys is not None and not self._should_fetch(unknown):
            return self._keys
        async with self._lock:
            if self._keys is None or self._should_fetch(unknown):
                await self._fetch_keys()
        if self._keys is None:
            raise self._silent()
        return self._keys

    def _should_fetch(self, unknown: bool) -> bool:
        now = time.monotonic()
        return (unknown or now - self._fetched >= self._auth.jwks_max_age_s) and now - self._tried >= self._auth.jwks_refetch_s

    async def _fetch_keys(self) -> None:
        self._tried = time.monotonic()
        try:
            found = await self._get((await self._discovered()).jwks_uri)
            self._keys = KeySet.import_key_set(found)  # type: ignore[arg-type]  # checked by importing
            self._fetched = self._tried
        except (Unavailable, JoseError, ValueError, KeyError, TypeError) as error:
            log.warning("an issuer's keys could not be fetched", issuer=self.settings.name, error=type(error).__name__)

    async def _discovered(self) -> Discovery:
        if self._discovery is None:
            try:
                found = Discovery.model_validate(await self._get(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"))
            except ValidationError:
                raise self._silent() from None
            if found.issuer != self.settings.issuer:
                raise Unavailable(f"'{self.settings.name}' calls itself another issuer than auth.oidc says; correct it (retry in 60 s).")
            self._discovery = found
        return self._discovery

    async def _get(self, url: str) -> Claims:
        async with self._client() as client:
            try:
                answer = (await client.get(url)).raise_for_status()
            except httpx.HTTPError:
                raise self._silent() from None
        return _object(answer)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=self._auth.oidc_timeout_s)

    def _silent(self) -> Unavailable:
        return Unavailable(f"The issuer '{self.settings.name}' does not answer as it should; retry in 5 s.")


def _object(answer: httpx.Response) -> Claims:
    try:
        found = answer.json() if len(answer.content) <= LARGEST_ANSWER else None
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _secret(file: Path | None) -> str | None:
    if file is None:
        return None
    path = file.expanduser()
    try:
        mode, secret = path.stat().st_mode, path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{path}: not readable ({error.strerror}); write the issuer's client secret into it.") from None
    if mode & OTHERS:
        raise ConfigError(f"{path}: others can read it, and it holds a secret; `chmod 600 {path}`.")
    return secret
