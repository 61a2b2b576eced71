"""The people of an organisation: adding them, changing what they may do, and removing them."""

from __future__ import annotations

import uuid

from sqlalchemy.exc import IntegrityError

from api.adapters.marking import record_marked
from api.audit.trail import Trail
from api.auth.identity import Identity
from api.auth.repository import RefreshTokens
from api.keys.repository import ApiKeys
from api.people.repository import Member, People
from api.people.schemas import ChangeBody, NewUser, UserBody, UserEntry, UserPage
from api.people.tables import User
from api.web.principal import Principal, Role
from cluster.errors import Conflict, Forbidden, NotFound
from cluster.learning.taking_back import take_back_of
from cluster.settings import AdapterSettings
from cluster.stores.sql import AsyncSession


class Users:
    """Those of ``principal``'s organisation, and no others."""

    def __init__(self, session: AsyncSession, principal: Principal, identity: Identity, trail: Trail, adapters: AdapterSettings) -> None:
        self._session = session
        self._people = People(session)
        self._principal = principal
        self._identity = identity
        self._trail = trail
        self._adapters = adapters

    async def page(self, cursor: str, limit: int) -> UserPage:
        found = await self._people.members(self._principal.organisation_id, cursor, limit + 1)
        users = [UserEntry.of(member) for member in found[:limit]]
        return UserPage(users=users, next_cursor=users[-1].email if len(found) > limit else None)

    async def one(self, user_id: uuid.UUID) -> UserEntry:
        return UserEntry.of(await self._find(user_id))

    async def add(self, body: UserBody) -> NewUser:
        """A new account, or a membership for one that exists, whose password and name are its own. Raises Conflict for a member."""
        here, email = self._principal.organisation_id, body.email.lower()
        user = await self._people.by_email(email)
        if user is not None and await self._people.member(here, user.id) is not None:
            raise Conflict(f"Somebody with this e-mail is a member already; change them with PATCH /api/v1/users/{user.id}.").about("email")
        made = user is None
        if user is None:
            hashed = await self._identity.passwords.hash(body.password) if body.password else None
            user = await self._create(User(email=email, name=body.name, password_hash=hashed))
        await self._people.join(here, user.id, body.role)
        self._trail.record("user.created" if made else "member.added", f"user:{user.id}", role=body.role.value)
        invitation = await self._invitation(user) if made and body.password is None else None
        return NewUser(user=UserEntry.of(Member(user, body.role)), invitation=invitation)

    async def rename(self, name: str) -> UserEntry:
        """Oneself."""
        member = await self._find(self._principal.user_id)
        member.user.name = name
        self._trail.record("user.renamed", f"user:{member.user.id}")
        return UserEntry.of(member)

    async def change(self, user_id: uuid.UUID, body: ChangeBody) -> UserEntry:
        """Raises Conflict when nobody would be left to decide, Forbidden to switch off somebody whom others share."""
        member = await self._find(user_id)
        if body.role not in {None, Role.ADMIN} or body.is_active is False:
            await self._keep_an_admin(member)
        if body.is_active is not None:
            await self._check_only_here(user_id)
            member.user.is_active = body.is_active
        if body.role is not None:
            await self._people.join(self._principal.organisation_id, user_id, body.role)
        self._trail.record("member.changed", f"user:{user_id}", role=body.role and body.role.value, is_active=body.is_active)
        return await self.one(user_id)

    async def invite(self, user_id: uuid.UUID) -> NewUser:
        """A new invitation to choose a password, for somebody who forgot theirs or never had one."""
        member = await self._find(user_id)
        await self._check_only_here(user_id)
        self._trail.record("user.invited", f"user:{user_id}")
        return NewUser(user=UserEntry.of(member), invitation=await self._invitation(member.user))

    async def remove(self, user_id: uuid.UUID, *, erase: bool) -> None:
        """From the organisation: their keys and sign-ins there end. ``erase``: the account and everything they own too."""
        member = await self._find(user_id)
        await self._keep_an_admin(member)
        here = self._principal.organisation_id
        await ApiKeys(self._session).revoke_all(here, user_id)
        await RefreshTokens(self._session).revoke_all(user_id, here)
        if erase:
            await self._check_only_here(user_id)
            record_marked(self._trail, await take_back_of(self._session, here, user_id, self._adapters))
            await self._people.erase(user_id)
        else:
            await self._people.leave(here, user_id)
        self._trail.record("user.erased" if erase else "member.removed", f"user:{user_id}")

    async def _create(self, user: User) -> User:
        try:
            async with self._session.begin_nested():
                return await self._people.add_user(user)
        except IntegrityError:
            raise Conflict("Somebody made an account with this e-mail at the same moment; look again.").about("email") from None

    async def _find(self, user_id: uuid.UUID) -> Member:
        member = await self._people.member(self._principal.organisation_id, user_id)
        if member is None:
            raise NotFound("There is no such user in your organisation; GET /api/v1/users lists them.")
        return member

    async def _keep_an_admin(self, member: Member) -> None:
        others = await self._people.other_admins(self._principal.organisation_id, member.user.id)
        if member.role is Role.ADMIN and others == 0:
            raise Conflict("This is the organisation's last admin; make somebody else an admin first.")

    async def _check_only_here(self, user_id: uuid.UUID) -> None:
        """What concerns the whole account is no single organisation's to decide."""
        if len(await self._people.organisations_of(user_id)) > 1:
            raise Forbidden("This person belongs to another organisation too, so their account is only theirs to change.")

    async def _invitation(self, user: User) -> str:
        return await self._identity.pending.put("invitation", str(user.id), self._identity.settings.invitation_s)
