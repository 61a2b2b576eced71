"""Users, organisations and memberships in the database."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, text

from api.people.tables import Membership, Organisation, User
from api.web.principal import Role
from cluster.stores.sql import AsyncSession

# Any number of Hearth's own: PostgreSQL's advisory lock of the first start.
FIRST_START = 48_880


@dataclass(frozen=True, slots=True)
class Member:
    user: User
    role: Role


class People:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_first_start(self) -> None:
        """Until the transaction ends, nobody else makes the first organisation."""
        await self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FIRST_START})

    async def first_organisation(self) -> Organisation | None:
        return await self._session.scalar(select(Organisation).order_by(Organisation.created_at, Organisation.id).limit(1))

    async def add_organisation(self, name: str) -> Organisation:
        organisation = Organisation(name=name)
        self._session.add(organisation)
        await self._session.flush()
        await self._session.refresh(organisation)
        return organisation

    async def organisation(self, organisation_id: uuid.UUID) -> Organisation | None:
        return await self._session.get(Organisation, organisation_id)

    async def organisations_of(self, user_id: uuid.UUID) -> Sequence[tuple[Organisation, Role]]:
        chosen = (
            select(Organisation, Membership.role)
            .join(Membership, Membership.organisation_id == Organisation.id)
            .where(Membership.user_id == user_id)
            .order_by(Organisation.created_at, Organisation.id)
        )
        return [(organisation, Role(role)) for organisation, role in (await self._session.execute(chosen)).all()]

    async def add_user(self, user: User) -> User:
        self._session.add(user)
        await self._session.flush()
        await self._session.refresh(user)
        return user

    async def user(self, user_id: uuid.UUID) -> User | None:
        return await self._session.get(User, user_id)

    async def by_email(self, email: str) -> User | None:
        return await self._session.scalar(select(User).where(User.email == email))

    async def by_subject(self, issuer: str, subject: str) -> User | None:
        return await self._session.scalar(select(User).where(User.issuer == issuer, User.keycloak_id == subject))

    async def role_of(self, organisation_id: uuid.UUID, user_id: uuid.UUID) -> Role | None:
        """None: no member, or not active."""
        chosen = (
            select(Membership.role)
            .join(User, User.id == Membership.user_id)
            .where(Membership.organisation_id == organisation_id, Membership.user_id == user_id, User.is_active)
        )
        role = await self._session.scalar(chosen)
        return None if role is None else Role(role)

    async def members(self, organisation_id: uuid.UUID, after: str, most: int) -> Sequence[Member]:
        """By e-mail, those after ``after``."""
        chosen = (
            select(User, Membership.role)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.organisation_id == organisation_id, User.email > after)
            .order_by(User.email)
            .limit(most)
        )
        return [Member(user, Role(role)) for user, role in (await self._session.execute(chosen)).all()]

    async def member(self, organisation_id: uuid.UUID, user_id: uuid.UUID) -> Member | None:
        chosen = (
            select(User, Membership.role)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.organisation_id == organisation_id, User.id == user_id)
        )
        row = (await self._session.execute(chosen)).one_or_none()
        return None if row is None else Member(row[0], Role(row[1]))

    async def join(self, organisation_id: uuid.UUID, user_id: uuid.UUID, role: Role) -> None:
        """Makes them a member with this role, or gives a member this role."""
        row = await self._session.get(Membership, (organisation_id, user_id))
        if row is None:
            self._session.add(Membership(organisation_id=organisation_id, user_id=user_id, role=role.value))
        else:
            row.role = role.value
        await self._session.flush()

    async def leave(self, organisation_id: uuid.UUID, user_id: uuid.UUID) -> None:
        theirs = (Membership.organisation_id == organisation_id) & (Membership.user_id == user_id)
        await self._session.execute(delete(Membership).where(theirs))

    async def other_admins(self, organisation_id: uuid.UUID, user_id: uuid.UUID) -> int:
        """How many active admins there are besides ``user_id``. Holds the organisation's row until the transaction ends, so that two
        admins cannot remove each other at once."""
        await self._session.execute(select(Organisation.id).where(Organisation.id == organisation_id).with_for_update())
        chosen = (
            select(func.count())
            .select_from(Membership)
            .join(User, User.id == Membership.user_id)
            .where(Membership.organisation_id == organisation_id, Membership.role == Role.ADMIN.value, User.is_active)
            .where(Membership.user_id != user_id)
        )
        return await self._session.scalar(chosen) or 0

    async def erase(self, user_id: uuid.UUID) -> None:
        """The user and everything they own."""
        await self._session.execute(delete(User).where(User.id == user_id))
