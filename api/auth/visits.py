"""Signing in at an issuer: the way there and back (authorization code with PKCE)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from pydantic import BaseModel

from api.audit.trail import Origin
from api.auth.federation import admit
from api.auth.identity import Identity
from api.auth.oidc import Issuer
from api.auth.schemas import Authorization, AuthorizeBody, CallbackBody, TokenPair
from api.auth.service import SignIns
from cluster.errors import BadInput, NotFound, Unauthorized

AWAY_S = 600


class Visit(BaseModel):
    """What is remembered of a sign-in while the person is at the issuer."""

    issuer: str
    redirect_uri: str
    nonce: str
    verifier: str
    session: str


class Visits:
    def __init__(self, identity: Identity, origin: Origin) -> None:
        self._identity = identity
        self._origin = origin

    async def begin(self, name: str, body: AuthorizeBody) -> Authorization:
        """Raises NotFound for an issuer that is not configured, BadInput for a place to return to that is not."""
        issuer = self._issuer(name)
        if body.redirect_uri not in issuer.settings.redirect_uris:
            raise BadInput("'redirect_uri' is not one of the issuer's redirect_uris (setting auth.oidc).").about("redirect_uri")
        nonce, verifier, session = (secrets.token_urlsafe(32) for _ in range(3))
        visit = Visit(issuer=issuer.settings.issuer, redirect_uri=body.redirect_uri, nonce=nonce, verifier=verifier, session=session)
        state = await self._identity.pending.put("oidc", visit.model_dump_json(), AWAY_S)
        url = await issuer.address(
            response_type="code",
            client_id=issuer.settings.client_id,
            redirect_uri=body.redirect_uri,
            scope="openid profile email",
            state=state,
            nonce=nonce,
            code_challenge=base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
            code_challenge_method="S256",
        )
        return Authorization(authorization_url=url, session=session)

    async def end(self, name: str, body: CallbackBody) -> TokenPair:
        """Raises Unauthorized for a state that nobody began, that was used, or that somebody else began."""
        issuer = self._issuer(name)
        kept = await self._identity.pending.take("oidc", body.state)
        visit = Visit.model_validate_json(kept) if kept is not None else None
        known = visit is not None and visit.issuer == issuer.settings.issuer
        if visit is None or not known or not hmac.compare_digest(visit.session.encode(), body.session.encode()):
            raise Unauthorized("This sign-in was not begun here, was ended already, or took too long; begin again.")
        token = await issuer.exchange(code=body.code, redirect_uri=visit.redirect_uri, code_verifier=visit.verifier)
        claims = await issuer.read(token, issuer.settings.client_id, visit.nonce)
        principal = await admit(self._identity.database, issuer.settings, claims, self._origin)
        return await SignIns(self._identity, self._origin).begin(principal, "auth.login_oidc")

    def _issuer(self, name: str) -> Issuer:
        for issuer in self._identity.issuers.values():
            if issuer.settings.name == name:
                return issuer
        raise NotFound("There is no such issuer; GET /api/v1/auth/oidc lists those that are configured.")
