"""Organisations: those of a person, and the one that is acted in."""

from __future__ import annotations

import uuid

from api.audit.trail import Trail
from api.people.repository import People
from api.people.schemas import OrganisationEntry
from api.people.tables import Organisation
from api.web.principal import Principal, Role
from cluster.errors import NotFound
from cluster.stores.sql import AsyncSession


class Organisations:
    def __init__(self, session: AsyncSession, principal: Principal, trail: Trail) -> None:
        self._people = People(session)
        self._principal = principal
        self._trail = trail

    async def mine(self) -> list[OrganisationEntry]:
        """With a key or token of one organisation the others' names are shown too: they are the same person's."""
        places = await self._people.organisations_of(self._principal.user_id)
        return [_entry(organisation, role) for organisation, role in places]

    async def one(self, organisation_id: uuid.UUID) -> OrganisationEntry:
        for entry in await self.mine():
            if entry.id == organisation_id:
                return entry
        raise NotFound("There is no such organisation of yours; GET /api/v1/organisations lists them.")

    async def create(self, name: str) -> OrganisationEntry:
        """Whoever makes it is its admin."""
        organisation = await self._people.add_organisation(name)
        await self._people.join(organisation.id, self._principal.user_id, Role.ADMIN)
        self._trail.record("organisation.created", f"organisation:{organisation.id}")
        return _entry(organisation, Role.ADMIN)

    async def rename(self, organisation_id: uuid.UUID, name: str) -> OrganisationEntry:
        """Only the one that the key or token is for."""
        organisation = await self._people.organisation(self._principal.organisation_id)
        if organisation is None or organisation.id != organisation_id:
            raise NotFound("There is no such organisation that this key or token is for; sign in to it first.")
        organisation.name = name
        self._trail.record("organisation.renamed", f"organisation:{organisation_id}")
        return _entry(organisation, self._principal.role)


def _entry(organisation: Organisation, role: Role) -> OrganisationEntry:
    return OrganisationEntry(id=organisation.id, name=organisation.name, role=role, created_at=organisation.created_at)
