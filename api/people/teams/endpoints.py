"""``/api/v1/teams``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.people.schemas import NameBody
from api.people.teams.schemas import TeamEntry
from api.people.teams.service import Teams
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithSession
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsAdmin, AsViewer
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/teams", tags=["teams"])

TEAM = {
    "id": "9c2d4e6f-1a3b-4c5d-8e7f-0a1b2c3d4e5f",
    "name": "research",
    "created_at": "2026-11-21T08:30:00Z",
    "members": ["1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f"],
}
ONE = {"status": "success", "data": TEAM}
READS = (*READING, 401, 403, 404, 503)
WRITES = (*WORKING, 401, 403, 409)


async def teams(session: WithSession, principal: AsViewer, trail: WithTrail) -> Teams:
    return Teams(session, principal, trail)


WithTeams = Annotated[Teams, Depends(teams)]
Named = Annotated[NameBody, Depends(json_body(NameBody, Unprocessable))]


@router.get(
    "", summary="List teams", response_model=Success[list[TeamEntry]], responses=responses({"status": "success", "data": [TEAM]}, READS)
)
async def list_teams(service: WithTeams) -> Response:
    """The teams of your organisation and who is in them, by name."""
    return success(await service.all())


@router.post(
    "",
    summary="Make a team",
    response_model=Success[TeamEntry],
    responses=responses(ONE, WRITES),
    openapi_extra=json_request(NameBody, {"name": "research"}),
)
async def create_team(body: Named, service: WithTeams, _: AsAdmin) -> Response:
    """An empty team with a name that no other team of your organisation has."""
    return success(await service.create(body.name))


@router.get("/{team_id}", summary="One team", response_model=Success[TeamEntry], responses=responses(ONE, READS))
async def get_team(team_id: uuid.UUID, service: WithTeams) -> Response:
    """A team of your organisation and who is in it."""
    return success(await service.one(team_id))


@router.patch(
    "/{team_id}",
    summary="Rename a team",
    response_model=Success[TeamEntry],
    responses=responses(ONE, WRITES),
    openapi_extra=json_request(NameBody, {"name": "research"}),
)
async def rename_team(team_id: uuid.UUID, body: Named, service: WithTeams, _: AsAdmin) -> Response:
    """Another name, which no other team of your organisation has."""
    return success(await service.rename(team_id, body.name))


@router.delete(
    "/{team_id}", summary="Remove a team", response_model=Success[None], responses=responses({"status": "success", "data": None}, READS)
)
async def remove_team(team_id: uuid.UUID, service: WithTeams, _: AsAdmin) -> Response:
    """The team goes, its members stay in the organisation."""
    await service.remove(team_id)
    return success(None)


@router.put(
    "/{team_id}/members/{user_id}", summary="Add a member to a team", response_model=Success[TeamEntry], responses=responses(ONE, READS)
)
async def join_team(team_id: uuid.UUID, user_id: uuid.UUID, service: WithTeams, _: AsAdmin) -> Response:
    """Somebody of your organisation; adding them twice is no error."""
    return success(await service.join(team_id, user_id))


@router.delete(
    "/{team_id}/members/{user_id}",
    summary="Take a member out of a team",
    response_model=Success[TeamEntry],
    responses=responses(ONE, READS),
)
async def leave_team(team_id: uuid.UUID, user_id: uuid.UUID, service: WithTeams, _: AsAdmin) -> Response:
    """They stay in the organisation; taking out somebody who is not in the team is no error."""
    return success(await service.leave(team_id, user_id))
