"""People whom somebody else knows: the first token of theirs makes them a user here, and each says their role anew."""

from __future__ import annotations

import uuid

import tenacity
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import IntegrityError

from api.audit.trail import Origin, Trail
from api.auth.oidc import Claims
from api.people.repository import People
from api.people.tables import Organisation, User
from api.web.principal import Principal, Role
from cluster.errors import Conflict, Forbidden, Unauthorized, Unavailable
from cluster.settings import OidcIssuer
from cluster.stores.sql import AsyncSession, Database

Subject = TypeAdapter(uuid.UUID)


async def admit(database: Database, settings: OidcIssuer, claims: Claims, origin: Origin) -> Principal:
    """See :meth:`Federation.admit`. Two first tokens of one person may come at once: the second finds what the first made."""
    again = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(IntegrityError), stop=tenacity.stop_after_attempt(2), reraise=True
    )
    async for attempt in again:
        with attempt:
            async with database.session() as session:
                return await Federation(session, settings, Trail(session, origin)).admit(claims)
    raise AssertionError("the last attempt returns or raises")


class Federation:
    def __init__(self, session: AsyncSession, settings: OidcIssuer, trail: Trail) -> None:
        self._people = People(session)
        self._settings = settings
        self._trail = trail

    async def admit(self, claims: Claims) -> Principal:
        """Whose claims these are, as a member with the role that they say. Raises Forbidden for somebody who may not be here, Conflict
        when a local account has their e-mail."""
        role = role_from(claims, self._settings)
        if role is None:
            raise Forbidden("You have no role here; ask whoever runs the issuer to give you one of auth.oidc.roles.")
        organisation = await self._organisation()
        subject = str(claims["sub"])[:255]
        user = await self._people.by_subject(self._settings.issuer, subject) or await self._first_time(subject, claims)
        if not user.is_active:
            raise Unauthorized("This account is switched off; ask an admin of your organisation.")
        if await self._people.role_of(organisation.id, user.id) is not role:
            await self._people.join(organisation.id, user.id, role)
            self._trail.record("member.role", f"user:{user.id}", organisation_id=organisation.id, actor_id=user.id, role=role.value)
        return Principal(user.id, organisation.id, role)

    async def _first_time(self, subject: str, claims: Claims) -> User:
        email = _text(claims.get("email"), 320).lower() or f"{subject}@{self._settings.name}.invalid"
        known = await self._people.by_email(email)
        if known is None:
            name = _text(claims.get("name") or claims.get("preferred_username"), 200) or email[:200]
            made = User(email=email, name=name, issuer=self._settings.issuer, keycloak_id=subject)
            user = await self._people.add_user(made)
            self._trail.record("user.created", f"user:{user.id}", actor_id=user.id, issuer=self._settings.name)
            return user
        if not self._settings.link_verified_email or claims.get("email_verified") is not True or known.keycloak_id is not None:
            raise Conflict("An account with this e-mail exists already and is not linked to this issuer; sign in with its password.")
        known.issuer, known.keycloak_id = self._settings.issuer, subject
        self._trail.record("user.linked", f"user:{known.id}", actor_id=known.id, issuer=self._settings.name)
        return known

    async def _organisation(self) -> Organisation:
        told = self._settings.organisation_id
        try:
            found = await (self._people.organisation(Subject.validate_python(told)) if told else self._people.first_organisation())
        except ValidationError:
            found = None
        if found is None:
            raise Unavailable(
                "The organisation that this issuer's people join does not exist; correct auth.oidc.organisation_id (retry in 60 s)."
            )
        return found


def role_from(claims: Claims, settings: OidcIssuer) -> Role | None:
    """The highest role that the claim named by ``roles_claim`` maps to, else the default."""
    found: object = claims
    for part in settings.roles_claim.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    given = {settings.roles[name] for name in listed if isinstance(name, str) and name in settings.roles}
    order = [Role(name) for name in given] or ([Role(settings.default_role)] if settings.default_role else [])
    return max(order, key=list(Role).index, default=None)


def _text(value: object, most: int) -> str:
    return value.replace("\x00", "").strip()[:most] if isinstance(value, str) else ""
