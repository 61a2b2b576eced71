"""``/api/v1/users`` and ``/api/v1/organisations``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.auth.identity import WithIdentity
from api.people.organisations import Organisations
from api.people.schemas import (
    ChangeBody,
    InviteBody,
    NameBody,
    NewUser,
    OrganisationEntry,
    RemoveQuery,
    UserBody,
    UserEntry,
    UserPage,
    UserQuery,
)
from api.people.service import Users
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsAdmin, AsViewer
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/users", tags=["users"])
organisations_router = APIRouter(prefix="/api/v1/organisations", tags=["organisations"])

USER = {
    "id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "email": "ada@example.org",
    "name": "Ada",
    "role": "editor",
    "is_active": True,
    "keycloak_id": None,
    "created_at": "2026-11-21T08:30:00Z",
}
ORGANISATION = {"id": "5b1c7d2e-8f3a-4b6c-9d0e-1f2a3b4c5d6e", "name": "home", "role": "admin", "created_at": "2026-11-21T08:30:00Z"}
ONE = {"status": "success", "data": USER}
NEW = {"status": "success", "data": {"user": USER, "invitation": "aW52aXRhdGlvbg"}}
DONE = {"status": "success", "data": None}
ONE_ORGANISATION = {"status": "success", "data": ORGANISATION}
READS = (*READING, 401, 403, 404, 503)
WRITES = (*WORKING, 401, 403, 409)


async def users(session: WithSession, principal: AsViewer, identity: WithIdentity, trail: WithTrail, parts: WithParts) -> Users:
    return Users(session, principal, identity, trail, parts.settings.adapters)


async def organisations(session: WithSession, principal: AsViewer, trail: WithTrail) -> Organisations:
    return Organisations(session, principal, trail)


WithUsers = Annotated[Users, Depends(users)]
WithOrganisations = Annotated[Organisations, Depends(organisations)]
Named = Annotated[NameBody, Depends(json_body(NameBody, Unprocessable))]


@router.get(
    "",
    summary="List users",
    response_model=Success[UserPage],
    responses=responses({"status": "success", "data": {"users": [USER], "next_cursor": None}}, READS),
)
async def list_users(wanted: Annotated[UserQuery, Query()], service: WithUsers) -> Response:
    """The members of your organisation and their roles, by e-mail."""
    return success(await service.page(wanted.cursor, wanted.limit))


@router.post(
    "",
    summary="Add a user",
    response_model=Success[NewUser],
    responses=responses(NEW, WRITES),
    openapi_extra=json_request(UserBody, {"email": "ada@example.org", "name": "Ada", "role": "editor"}),
)
async def add_user(body: Annotated[UserBody, Depends(json_body(UserBody, Unprocessable))], service: WithUsers, _: AsAdmin) -> Response:
    """An account with a password, or with an invitation to choose one; somebody who has an account already becomes a member."""
    return success(await service.add(body))


@router.get("/me", summary="Yourself", response_model=Success[UserEntry], responses=responses(ONE, READS))
async def get_me(service: WithUsers, principal: AsViewer) -> Response:
    """Your own account, and your role in the organisation that the key or token is for."""
    return success(await service.one(principal.user_id))


@router.patch(
    "/me",
    summary="Change your name",
    response_model=Success[UserEntry],
    responses=responses(ONE, WRITES),
    openapi_extra=json_request(NameBody, {"name": "Ada"}),
)
async def rename_me(body: Named, service: WithUsers) -> Response:
    """What you are called, in every organisation you belong to."""
    return success(await service.rename(body.name))


@router.get("/{user_id}", summary="One user", response_model=Success[UserEntry], responses=responses(ONE, READS))
async def get_user(user_id: uuid.UUID, service: WithUsers) -> Response:
    """A member of your organisation; anybody else is not found."""
    return success(await service.one(user_id))


@router.patch(
    "/{user_id}",
    summary="Change what a user may do",
    response_model=Success[UserEntry],
    responses=responses(ONE, WRITES),
    openapi_extra=json_request(ChangeBody, {"role": "viewer"}),
)
async def change_user(
    user_id: uuid.UUID, body: Annotated[ChangeBody, Depends(json_body(ChangeBody, Unprocessable))], service: WithUsers, _: AsAdmin
) -> Response:
    """Their role, or whether they may sign in. The last admin stays one. It takes effect within auth.cache_s seconds."""
    return success(await service.change(user_id, body))


@router.post(
    "/{user_id}/invitation",
    summary="Invite a user to choose a password",
    response_model=Success[NewUser],
    responses=responses(NEW, WRITES),
    openapi_extra=json_request(InviteBody, {}),
)
async def invite_user(
    user_id: uuid.UUID, _: Annotated[InviteBody, Depends(json_body(InviteBody, Unprocessable))], service: WithUsers, __: AsAdmin
) -> Response:
    """For somebody who forgot their password, or never had one. Only for those who are in no other organisation."""
    return success(await service.invite(user_id))


@router.delete("/{user_id}", summary="Remove a user", response_model=Success[None], responses=responses(DONE, (*READS, 409)))
async def remove_user(user_id: uuid.UUID, wanted: Annotated[RemoveQuery, Query()], service: WithUsers, _: AsAdmin) -> Response:
    """Ends their membership, keys and sign-ins in your organisation; with hard_delete the account and everything it owns is erased."""
    await service.remove(user_id, erase=wanted.hard_delete)
    return success(None)


@organisations_router.get(
    "",
    summary="Your organisations",
    response_model=Success[list[OrganisationEntry]],
    responses=responses({"status": "success", "data": [ORGANISATION]}, READS),
)
async def list_organisations(service: WithOrganisations) -> Response:
    """Those you belong to, and your role in each; the one that comes first is the oldest."""
    return success(await service.mine())


@organisations_router.post(
    "",
    summary="Make an organisation",
    response_model=Success[OrganisationEntry],
    responses=responses(ONE_ORGANISATION, WRITES),
    openapi_extra=json_request(NameBody, {"name": "home"}),
)
async def create_organisation(body: Named, service: WithOrganisations, _: AsAdmin) -> Response:
    """A place of its own, which you are the admin of. Refresh your sign-in with its id to act there."""
    return success(await service.create(body.name))


@organisations_router.get(
    "/{organisation_id}",
    summary="One organisation",
    response_model=Success[OrganisationEntry],
    responses=responses(ONE_ORGANISATION, READS),
)
async def get_organisation(organisation_id: uuid.UUID, service: WithOrganisations) -> Response:
    """One that you belong to; any other is not found."""
    return success(await service.one(organisation_id))


@organisations_router.patch(
    "/{organisation_id}",
    summary="Rename an organisation",
    response_model=Success[OrganisationEntry],
    responses=responses(ONE_ORGANISATION, WRITES),
    openapi_extra=json_request(NameBody, {"name": "home"}),
)
async def rename_organisation(organisation_id: uuid.UUID, body: Named, service: WithOrganisations, _: AsAdmin) -> Response:
    """The organisation that your key or token is for, by an admin of it."""
    return success(await service.rename(organisation_id, body.name))
