"""What a client keeps for us between the rounds of a call: sealed, for this call of this person, and for a while."""

from __future__ import annotations

import base64
import binascii

from mcp.server.request_state import InvalidRequestState, RequestStateBoundary, RequestStateSecurity

from api.mcp.asking import Context, principal_in
from cluster.errors import EngineError
from cluster.secrets.keyring import KeyRing

AUDIENCE = "hearth"
ABOUT = "mcp request state"


def sealing(ring: KeyRing, kept_s: float) -> RequestStateBoundary:
    """Middleware of the server. ``ring``: the same in all processes, because each may serve the next round."""
    security = RequestStateSecurity(codec=_Sealed(ring), ttl=kept_s, bind_principal=_person, audience=AUDIENCE)
    return RequestStateBoundary(security, default_audience=AUDIENCE)


def _person(context: Context) -> str:
    who = principal_in(context)
    return f"{who.organisation_id}/{who.user_id}"


class _Sealed:
    """A RequestStateCodec."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def seal(self, payload: bytes) -> str:
        version, sealed = self._ring.seal(payload.decode(), ABOUT)
        return f"{version}.{base64.urlsafe_b64encode(sealed).decode()}"

    def unseal(self, token: str) -> bytes:
        version, _, sealed = token.partition(".")
        try:
            number, bytes_ = int(version[:10]), base64.b64decode(sealed.encode("ascii"), altchars=b"-_", validate=True)
            return self._ring.open(number, bytes_, ABOUT).encode()
        except (ValueError, binascii.Error, EngineError):
            raise InvalidRequestState("it does not open") from None
