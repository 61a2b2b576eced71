"""API keys in the database."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update

from api.keys.tables import ApiKey
from api.people.tables import Membership, User
from cluster.stores.sql import AsyncSession

# Seconds within which a second use is not written down.
USE_GRAIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ValidKey:
    key: ApiKey
    role: str


class ApiKeys:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, key: ApiKey) -> ApiKey:
        self._session.add(key)
        await self._session.flush()
        await self._session.refresh(key)
        return key

    async def valid(self, key_hash: bytes) -> ValidKey | None:
        """The key with this hash, unless it is expired or revoked, or its owner inactive or no longer in the organisation."""
        chosen = (
            select(ApiKey, Membership.role)
            .join(User, User.id == ApiKey.owner_id)
            .join(Membership, (Membership.user_id == ApiKey.owner_id) & (Membership.organisation_id == ApiKey.organisation_id))
            .where(ApiKey.key_hash == key_hash, ApiKey.revoked_at.is_(None), User.is_active)
            .where(or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()))
        )
        row = (await self._session.execute(chosen)).one_or_none()
        return None if row is None else ValidKey(row[0], row[1])

    async def note_use(self, key_id: uuid.UUID) -> None:
        """Writes when it was last used, at most once a minute."""
        stale = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < func.now() - USE_GRAIN)
        await self._session.execute(update(ApiKey).where(ApiKey.id == key_id, stale).values(last_used_at=func.now()))

    async def of_organisation(self, organisation_id: uuid.UUID, owner_id: uuid.UUID | None) -> Sequence[ApiKey]:
        """Newest first. ``owner_id`` None: everybody's."""
        chosen = select(ApiKey).where(ApiKey.organisation_id == organisation_id).order_by(ApiKey.created_at.desc(), ApiKey.id)
        if owner_id is not None:
            chosen = chosen.where(ApiKey.owner_id == owner_id)
        return (await self._session.scalars(chosen)).all()

    async def get(self, organisation_id: uuid.UUID, key_id: uuid.UUID, owner_id: uuid.UUID | None) -> ApiKey | None:
        chosen = select(ApiKey).where(ApiKey.organisation_id == organisation_id, ApiKey.id == key_id)
        if owner_id is not None:
            chosen = chosen.where(ApiKey.owner_id == owner_id)
        return await self._session.scalar(chosen)

    async def replace(self, key_id: uuid.UUID, successor: uuid.UUID, until: datetime) -> bool:
        """Lets ``key_id`` end at ``until`` at the latest. False when it was replaced or revoked already, also by somebody at the same
        moment: the database lets one of two win."""
        told = (
            update(ApiKey)
            .where(ApiKey.id == key_id, ApiKey.replaced_by_id.is_(None), ApiKey.revoked_at.is_(None))
            .where(or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()))
            .values(replaced_by_id=successor, expires_at=func.least(func.coalesce(ApiKey.expires_at, until), until))
            .returning(ApiKey.id)
        )
        return await self._session.scalar(told) is not None

    async def revoke(self, key_id: uuid.UUID) -> None:
        await self._session.execute(update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None)).values(revoked_at=func.now()))

    async def revoke_all(self, organisation_id: uuid.UUID, owner_id: uuid.UUID) -> None:
        """Those of a person who leaves."""
        theirs = (ApiKey.organisation_id == organisation_id) & (ApiKey.owner_id == owner_id) & ApiKey.revoked_at.is_(None)
        await self._session.execute(update(ApiKey).where(theirs).values(revoked_at=func.now()))
