"""Groups of an organisation's members."""

from __future__ import annotations

import uuid

from sqlalchemy.exc import IntegrityError

from api.audit.trail import Trail
from api.people.repository import People
from api.people.tables import Team
from api.people.teams.repository import TeamRows
from api.people.teams.schemas import TeamEntry
from api.web.principal import Principal
from cluster.errors import Conflict, NotFound
from cluster.stores.sql import AsyncSession


class Teams:
    """Those of ``principal``'s organisation, and no others."""

    def __init__(self, session: AsyncSession, principal: Principal, trail: Trail) -> None:
        self._session = session
        self._teams = TeamRows(session)
        self._here = principal.organisation_id
        self._trail = trail

    async def all(self) -> list[TeamEntry]:
        return [await self._entry(team) for team in await self._teams.of_organisation(self._here)]

    async def one(self, team_id: uuid.UUID) -> TeamEntry:
        return await self._entry(await self._find(team_id))

    async def create(self, name: str) -> TeamEntry:
        """Raises Conflict for a name that is taken."""
        try:
            async with self._session.begin_nested():
                team = await self._teams.add(self._here, name)
        except IntegrityError:
            raise _taken() from None
        self._trail.record("team.created", f"team:{team.id}")
        return TeamEntry.of(team, [])

    async def rename(self, team_id: uuid.UUID, name: str) -> TeamEntry:
        team = await self._find(team_id)
        try:
            async with self._session.begin_nested():
                team.name = name
                await self._teams.flush()
        except IntegrityError:
            raise _taken() from None
        self._trail.record("team.renamed", f"team:{team_id}")
        return await self._entry(team)

    async def remove(self, team_id: uuid.UUID) -> None:
        await self._teams.remove(await self._find(team_id))
        self._trail.record("team.removed", f"team:{team_id}")

    async def join(self, team_id: uuid.UUID, user_id: uuid.UUID) -> TeamEntry:
        """Raises NotFound for somebody who is not in the organisation."""
        team = await self._find(team_id)
        if await People(self._session).member(self._here, user_id) is None:
            raise NotFound("There is no such user in your organisation; GET /api/v1/users lists them.")
        await self._teams.join(team.id, user_id)
        self._trail.record("team.joined", f"team:{team_id}", user=str(user_id))
        return await self._entry(team)

    async def leave(self, team_id: uuid.UUID, user_id: uuid.UUID) -> TeamEntry:
        team = await self._find(team_id)
        await self._teams.leave(team.id, user_id)
        self._trail.record("team.left", f"team:{team_id}", user=str(user_id))
        return await self._entry(team)

    async def _entry(self, team: Team) -> TeamEntry:
        return TeamEntry.of(team, await self._teams.members(team))

    async def _find(self, team_id: uuid.UUID) -> Team:
        team = await self._teams.get(self._here, team_id)
        if team is None:
            raise NotFound("There is no such team in your organisation; GET /api/v1/teams lists them.")
        return team


def _taken() -> Conflict:
    return Conflict("A team of your organisation has this name already; choose another.").about("name")
