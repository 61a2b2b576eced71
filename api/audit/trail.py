"""Writing the audit log: in the transaction of what is written about, so that neither is there without the other."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.audit.repository import AuditEvents
from api.audit.tables import AuditEvent
from api.web.deps import WithSession
from api.web.exchange import exchange_of
from api.web.principal import Principal
from cluster.stores.sql import AsyncSession

Detail = str | int | bool | None | list[str]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from, and its id."""

    address: str | None
    request_id: str | None


class Trail:
    """``principal`` None: nobody is known yet, as in a sign-in."""

    def __init__(self, session: AsyncSession, origin: Origin, principal: Principal | None = None) -> None:
        self._events = AuditEvents(session)
        self._origin = origin
        self._principal = principal

    def record(
        self,
        action: str,
        target: str | None = None,
        *,
        organisation_id: uuid.UUID | None = None,
        actor_id: uuid.UUID | None = None,
        **detail: Detail,
    ) -> None:
        """``target``: the row, as ``<noun>:<id>``. ``detail``: never a secret, and nothing of a person but ids. The organisation and
        the actor are the principal's where not given."""
        principal = self._principal
        self._events.add(
            AuditEvent(
                organisation_id=organisation_id or (principal.organisation_id if principal else None),
                actor_id=actor_id or (principal.user_id if principal else None),
                key_id=principal.key_id if principal else None,
                action=action,
                target=target,
                address=self._origin.address,
                request_id=self._origin.request_id,
                detail={name: value for name, value in detail.items() if value is not None},
            )
        )


async def origin_of(request: Request) -> Origin:
    return Origin(request.client.host[:64] if request.client else None, exchange_of(request.scope).request_id)


async def trail_for(request: Request, session: WithSession) -> Trail:
    principal = getattr(request.state, "principal", None)
    return Trail(session, await origin_of(request), principal if isinstance(principal, Principal) else None)


WithOrigin = Annotated[Origin, Depends(origin_of)]
WithTrail = Annotated[Trail, Depends(trail_for)]
