"""Teams, as they look from outside."""

from __future__ import annotations

import uuid
from datetime import datetime

from pydantic import Field

from api.people.tables import Team
from api.web.schema import Answer


class TeamEntry(Answer):
    id: uuid.UUID
    name: str
    created_at: datetime
    members: list[uuid.UUID] = Field(description="Their user ids.")

    @classmethod
    def of(cls, team: Team, members: list[uuid.UUID]) -> TeamEntry:
        return cls(id=team.id, name=team.name, created_at=team.created_at, members=members)
