"""Access tokens: short-lived, signed by us, and never believed about what somebody may do, which is looked up."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
import time
import uuid
from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from cluster.errors import Unauthorized
from cluster.settings import AuthSettings
from cluster.signing import ALGORITHM, SigningKeys

TYPE = "at+jwt"
EXPIRED = "The token is not valid, or no longer; sign in again, or refresh it."


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """``family_id``: the sign-in it comes from. ``expires_at``: Unix time."""

    user_id: uuid.UUID
    organisation_id: uuid.UUID
    family_id: uuid.UUID
    expires_at: float


class AccessTokens:
    def __init__(self, keys: SigningKeys, settings: AuthSettings) -> None:
        self._keys = keys
        self._settings = settings
        self._claims = JWTClaimsRegistry(
            leeway=0,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            exp={"essential": True},
            iat={"essential": True},
        )

    def issue(self, user_id: uuid.UUID, organisation_id: uuid.UUID, family_id: uuid.UUID) -> str:
        now, key = int(time.time()), self._keys.current()
        claims = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": str(user_id),
            "org": str(organisation_id),
            "sid": str(family_id),
            "iat": now,
            "exp": now + self._settings.access_token_s,
            "jti": secrets.token_hex(8),
        }
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}, claims, key, algorithms=[ALGORITHM])

    def read(self, token: str) -> AccessClaims:
        """Raises Unauthorized unless ``token`` is ours, for us, and not expired. The algorithm is ours to choose, not the token's."""
        try:
            decoded = jwt.decode(token, self._keys.all(), algorithms=[ALGORITHM])
            self._claims.validate(decoded.claims)
            if decoded.header.get("typ") != TYPE or "kid" not in decoded.header:
                raise Unauthorized(EXPIRED)
            claims = decoded.claims
            return AccessClaims(
                uuid.UUID(claims["sub"]), uuid.UUID(claims["org"]), uuid.UUID(claims["sid"]), expires_at=float(claims["exp"])
            )
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            raise Unauthorized(EXPIRED) from None


def claimed_issuer(token: str) -> str:
    """Who a JWT says made it, unchecked: only for choosing whose keys to check it with. Empty for what is no JWT."""
    parts = token.split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return ""
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else ""


def digest(token: str) -> bytes:
    """What is stored of a token of 256 random bits."""
    return hashlib.sha256(token.encode()).digest()
