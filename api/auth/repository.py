"""Sign-ins in the database."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import delete, func, select, update

from api.auth.tables import RefreshToken
from api.people.tables import Membership, User
from cluster.stores.sql import AsyncSession


class RefreshTokens:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, token: RefreshToken) -> None:
        """Also forgets the person's expired ones."""
        gone = (RefreshToken.user_id == token.user_id) & (RefreshToken.expires_at < func.now())
        await self._session.execute(delete(RefreshToken).where(gone))
        self._session.add(token)
        await self._session.flush()

    async def find(self, token_hash: bytes) -> RefreshToken | None:
        return await self._session.scalar(select(RefreshToken).where(RefreshToken.token_hash == token_hash))

    async def use(self, token_id: uuid.UUID, now: datetime) -> bool:
        """Uses the token up. False when it was used, revoked or has expired; of two at once one gets True."""
        told = (
            update(RefreshToken)
            .where(RefreshToken.id == token_id, RefreshToken.used_at.is_(None), RefreshToken.revoked_at.is_(None))
            .where(RefreshToken.expires_at > func.now())
            .values(used_at=now)
            .returning(RefreshToken.id)
        )
        return await self._session.scalar(told) is not None

    async def revoke_family(self, family_id: uuid.UUID) -> None:
        theirs = (RefreshToken.family_id == family_id) & RefreshToken.revoked_at.is_(None)
        await self._session.execute(update(RefreshToken).where(theirs).values(revoked_at=func.now()))

    async def revoke_all(self, user_id: uuid.UUID, organisation_id: uuid.UUID | None = None) -> None:
        """Ends every sign-in of the person, or those in one organisation."""
        theirs = (RefreshToken.user_id == user_id) & RefreshToken.revoked_at.is_(None)
        if organisation_id is not None:
            theirs &= RefreshToken.organisation_id == organisation_id
        await self._session.execute(update(RefreshToken).where(theirs).values(revoked_at=func.now()))

    async def role_in(self, family_id: uuid.UUID, user_id: uuid.UUID, organisation_id: uuid.UUID) -> str | None:
        """The person's role, if the sign-in stands, they are active, and still in the organisation."""
        stands = (
            select(RefreshToken.id)
            .where(RefreshToken.family_id == family_id, RefreshToken.user_id == user_id, RefreshToken.revoked_at.is_(None))
            .exists()
        )
        chosen = (
            select(Membership.role)
            .join(User, User.id == Membership.user_id)
            .where(Membership.user_id == user_id, Membership.organisation_id == organisation_id, User.is_active, stands)
        )
        return await self._session.scalar(chosen)
