"""Signing in with a password, staying signed in, and signing out.

Transactions are opened here and not for the whole endpoint: an answer that refuses must keep what it wrote (the failed sign-in in the audit
log, the end of a family whose token was used twice), and no connection is held while a password is hashed.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta

from api.audit.trail import Origin, Trail
from api.auth.identity import Identity
from api.auth.repository import RefreshTokens
from api.auth.schemas import TokenPair
from api.auth.tables import RefreshToken
from api.auth.tokens import digest
from api.people.repository import People
from api.people.tables import User
from api.web.principal import Principal, Role
from cluster.errors import Conflict, Forbidden, Unauthorized
from cluster.stores.sql import AsyncSession

WRONG = "The e-mail or the password is wrong."
ENDED = "The refresh token is not valid, or no longer; sign in again."


class SignIns:
    def __init__(self, identity: Identity, origin: Origin) -> None:
        self._identity = identity
        self._origin = origin

    async def login(self, email: str, password: str, organisation_id: uuid.UUID | None) -> TokenPair:
        """Raises Unauthorized, with the same words and after the same work whether the account exists or not; Overloaded after too many
        failures; Forbidden for somebody without this organisation."""
        email = email.lower()
        await self._identity.guard.begin(email, self._origin.address)
        async with self._identity.database.session() as session:
            user = await People(session).by_email(email)
        if not await self._identity.passwords.matches(user.password_hash if user and user.is_active else None, password) or user is None:
            await self._note_failure(user)
            raise Unauthorized(WRONG)
        await self._identity.guard.succeeded(email, self._origin.address)
        outdated = user.password_hash is not None and self._identity.passwords.is_outdated(user.password_hash)
        newer = await self._identity.passwords.hash(password) if outdated else None
        async with self._identity.database.session() as session:
            if newer is not None and (row := await People(session).user(user.id)) is not None:
                row.password_hash = newer
            return await self._begin(session, user.id, organisation_id, "auth.login")

    async def begin(self, principal: Principal, action: str) -> TokenPair:
        """For somebody whom an issuer vouches for."""
        async with self._identity.database.session() as session:
            return await self._begin(session, principal.user_id, principal.organisation_id, action)

    async def refresh(self, token: str, organisation_id: uuid.UUID | None) -> TokenPair:
        """The next pair; the token is used up. One that was used before ends the sign-in: either it or its successor was stolen."""
        pair: TokenPair | None = None
        async with self._identity.database.session() as session:
            tokens = RefreshTokens(session)
            found = await tokens.find(digest(token))
            if found is not None and await tokens.use(found.id, datetime.now(UTC)):
                pair = await self._continue(session, found, organisation_id)
            if found is not None and pair is None:
                await tokens.revoke_family(found.family_id)
                self._trail(session).record(
                    "auth.refresh_refused", f"user:{found.user_id}", organisation_id=found.organisation_id, reused=found.used_at is not None
                )
        if pair is None:
            raise Unauthorized(ENDED)
        return pair

    async def logout(self, principal: Principal, token: str, *, everywhere: bool) -> None:
        """Ends the sign-in that the access ``token`` belongs to, or all of the person's. Raises Conflict for an API key."""
        if principal.key_id is not None:
            raise Conflict("An API key is not signed in; revoke it with DELETE /api/v1/keys/{id}.")
        async with self._identity.database.session() as session:
            tokens = RefreshTokens(session)
            if everywhere:
                await tokens.revoke_all(principal.user_id)
            else:
                await tokens.revoke_family(self._identity.tokens.read(token).family_id)
            Trail(session, self._origin, principal).record("auth.logout", f"user:{principal.user_id}", everywhere=everywhere)
        self._identity.bearer.forget(token)

    async def change_password(self, principal: Principal, current: str | None, new: str) -> None:
        """Ends every sign-in of the person. Raises Unauthorized when ``current`` is wrong; it is not asked of somebody without one."""
        async with self._identity.database.session() as session:
            user = await People(session).user(principal.user_id)
        if user is not None and user.password_hash is not None:
            await self._identity.guard.begin(user.email, self._origin.address)
            if not await self._identity.passwords.matches(user.password_hash, current or ""):
                await self._note_failure(user)
                raise Forbidden("The current password is wrong.")
            await self._identity.guard.succeeded(user.email, self._origin.address)
        await self._set_password(principal.user_id, new, "user.password")

    async def accept(self, invitation: str, password: str) -> None:
        """Gives the person who was invited their password. Raises Unauthorized for an invitation that was taken, or is too old."""
        user_id = await self._identity.pending.take("invitation", invitation)
        if user_id is None or not await self._set_password(uuid.UUID(user_id), password, "user.invitation_accepted"):
            raise Unauthorized("The invitation was accepted already, or is too old; ask an admin for a new one.")

    async def _set_password(self, user_id: uuid.UUID, password: str, action: str) -> bool:
        """Whether there is such a user."""
        hashed = await self._identity.passwords.hash(password)
        async with self._identity.database.session() as session:
            user = await People(session).user(user_id)
            if user is None:
                return False
            user.password_hash = hashed
            await RefreshTokens(session).revoke_all(user_id)
            home = await People(session).organisations_of(user_id)
            where = home[0][0].id if home else None
            self._trail(session).record(action, f"user:{user_id}", organisation_id=where, actor_id=user_id)
        return True

    async def _begin(self, session: AsyncSession, user_id: uuid.UUID, organisation_id: uuid.UUID | None, action: str) -> TokenPair:
        places = {organisation.id: role for organisation, role in await People(session).organisations_of(user_id)}
        chosen = organisation_id or next(iter(places), None)
        if chosen is None or chosen not in places:
            raise Forbidden("You do not belong to this organisation; leave 'organisation_id' out, or ask one of its admins to add you.")
        self._trail(session).record(action, f"user:{user_id}", organisation_id=chosen, actor_id=user_id)
        return await self._pair(session, uuid.uuid4(), user_id, chosen, places[chosen])

    async def _continue(self, session: AsyncSession, used: RefreshToken, organisation_id: uuid.UUID | None) -> TokenPair | None:
        """None when the person is no longer in the organisation."""
        chosen = organisation_id or used.organisation_id
        role = await People(session).role_of(chosen, used.user_id)
        return None if role is None else await self._pair(session, used.family_id, used.user_id, chosen, role)

    async def _pair(
        self, session: AsyncSession, family_id: uuid.UUID, user_id: uuid.UUID, organisation_id: uuid.UUID, role: Role
    ) -> TokenPair:
        settings, token = self._identity.settings, secrets.token_urlsafe(32)
        row = RefreshToken(
            family_id=family_id,
            user_id=user_id,
            organisation_id=organisation_id,
            token_hash=digest(token),
            expires_at=datetime.now(UTC) + timedelta(seconds=settings.refresh_token_s),
        )
        await RefreshTokens(session).add(row)
        return TokenPair(
            access_token=self._identity.tokens.issue(user_id, organisation_id, family_id),
            expires_in=settings.access_token_s,
            refresh_token=token,
            user_id=user_id,
            organisation_id=organisation_id,
            role=role,
        )

    async def _note_failure(self, user: User | None) -> None:
        """The same steps for an account that does not exist."""
        async with self._identity.database.session() as session:
            places = await People(session).organisations_of(user.id if user else uuid.uuid4())
            where = places[0][0].id if places else None
            self._trail(session).record("auth.failed", f"user:{user.id}" if user else None, organisation_id=where)

    def _trail(self, session: AsyncSession) -> Trail:
        return Trail(session, self._origin)
