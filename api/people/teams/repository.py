"""Teams in the database."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from api.people.tables import Membership, Team, TeamMember
from cluster.stores.sql import AsyncSession


class TeamRows:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, organisation_id: uuid.UUID, name: str) -> Team:
        team = Team(organisation_id=organisation_id, name=name)
        self._session.add(team)
        await self._session.flush()
        await self._session.refresh(team)
        return team

    async def of_organisation(self, organisation_id: uuid.UUID) -> Sequence[Team]:
        return (await self._session.scalars(select(Team).where(Team.organisation_id == organisation_id).order_by(Team.name))).all()

    async def get(self, organisation_id: uuid.UUID, team_id: uuid.UUID) -> Team | None:
        return await self._session.scalar(select(Team).where(Team.organisation_id == organisation_id, Team.id == team_id))

    async def remove(self, team: Team) -> None:
        await self._session.delete(team)

    async def flush(self) -> None:
        await self._session.flush()

    async def members(self, team: Team) -> list[uuid.UUID]:
        """Those who are still in the organisation."""
        chosen = (
            select(TeamMember.user_id)
            .join(Membership, (Membership.user_id == TeamMember.user_id) & (Membership.organisation_id == team.organisation_id))
            .where(TeamMember.team_id == team.id)
            .order_by(TeamMember.user_id)
        )
        return list((await self._session.scalars(chosen)).all())

    async def join(self, team_id: uuid.UUID, user_id: uuid.UUID) -> None:
        await self._session.execute(insert(TeamMember).values(team_id=team_id, user_id=user_id).on_conflict_do_nothing())

    async def leave(self, team_id: uuid.UUID, user_id: uuid.UUID) -> None:
        await self._session.execute(delete(TeamMember).where(TeamMember.team_id == team_id, TeamMember.user_id == user_id))
