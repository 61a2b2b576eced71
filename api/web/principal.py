"""Who asks: set on the request by whatever authenticated it, and read by every endpoint that must know."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request

from cluster.errors import Forbidden, Unauthorized


class Role(StrEnum):
    """What somebody may do in an organisation; each includes the ones before it."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Principal:
    """``key_id``: the API key that was shown, None for a signed-in person. ``scopes``: what that key is limited to; empty: nothing beyond
    the role."""

    user_id: uuid.UUID
    organisation_id: uuid.UUID
    role: Role
    key_id: uuid.UUID | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)


async def principal_of(request: Request) -> Principal:
    """Raises Unauthorized when nobody was authenticated."""
    principal = getattr(request.state, "principal", None)
    if not isinstance(principal, Principal):
        raise Unauthorized("Say who you are: send `Authorization: Bearer <API key or access token>`.")
    return principal


def requires(role: Role) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency: the principal, who has at least ``role``; raises Unauthorized or Forbidden."""

    async def check(request: Request) -> Principal:
        principal = await principal_of(request)
        if not principal.role.includes(role):
            raise Forbidden(f"This needs the role '{role}', and you are '{principal.role}' here; ask an admin of your organisation.")
        return principal

    return check


AsViewer = Annotated[Principal, Depends(requires(Role.VIEWER))]
AsEditor = Annotated[Principal, Depends(requires(Role.EDITOR))]
AsAdmin = Annotated[Principal, Depends(requires(Role.ADMIN))]
