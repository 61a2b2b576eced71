"""How the job of a batch shows whose requests it sends.

The answers of a batch are those of the API's own endpoints, so its job asks over HTTP, in the name of whoever made the batch. Keys are kept
as hashes only, so there is none that the job could show; a key made for each batch would have to be stored in the clear, and would be worth
something after the batch. Instead the job signs a token that names the batch and nothing else, valid for minutes, with the key that signs
access tokens: whoever can read that file is Hearth's owner already. What the token is worth is looked up at each use (see
api/batches/repository.py): it stands for the batch's owner, with their present role, the limits of the key the batch was made with, and no
scope but `models`, while that person and key are valid and the batch is open.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from cluster.errors import Unauthorized
from cluster.home import Home
from cluster.signing import ALGORITHM, SigningKeys

ISSUER = "hearth/batches"
TYPE = "batch+jwt"
VALID_S = 600


@dataclass(frozen=True, slots=True)
class BatchClaims:
    """``expires_at``: Unix time."""

    batch_id: uuid.UUID
    expires_at: float


class BatchTokens:
    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys
        there = {"iss": {"essential": True, "value": ISSUER}, "exp": {"essential": True}, "iat": {"essential": True}}
        self._claims = JWTClaimsRegistry(leeway=0, **there)  # type: ignore[arg-type]  # its options are TypedDicts of its own

    @classmethod
    def of(cls, home: Home) -> BatchTokens:
        return cls(SigningKeys(home.signing_keys))

    def issue(self, batch_id: uuid.UUID) -> str:
        now, key = int(time.time()), self._keys.current()
        claims = {"iss": ISSUER, "sub": str(batch_id), "iat": now, "exp": now + VALID_S}
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}, claims, key, algorithms=[ALGORITHM])

    def read(self, token: str) -> BatchClaims:
        """Raises Unauthorized unless ``token`` is one of these, and not expired."""
        try:
            decoded = jwt.decode(token, self._keys.all(), algorithms=[ALGORITHM])
            self._claims.validate(decoded.claims)
            if decoded.header.get("typ") == TYPE and "kid" in decoded.header:
                return BatchClaims(uuid.UUID(decoded.claims["sub"]), float(decoded.claims["exp"]))
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            pass
        raise Unauthorized("The token of a batch is not valid, or no longer.")
