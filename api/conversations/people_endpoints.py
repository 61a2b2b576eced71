"""Who takes part in a conversation, and who may read it by a link."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from api.conversations.answers import Done, ParticipantAnswer, ShareAnswer, SharedConversation
from api.conversations.deps import READS, WRITES, Reading, Sharing, Writing
from api.conversations.examples import PARTICIPANT, SHARE, SHARED, done, ok
from api.conversations.schemas import ParticipantBody, ShareBody
from api.conversations.shares import shared
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithSession
from api.web.openapi import json_request, responses
from cluster.errors import Unprocessable

router = APIRouter(tags=["conversations"])


@router.get(
    "/conversations/{conversation_id}/participants",
    summary="Who takes part",
    response_model=Success[list[ParticipantAnswer]],
    responses=responses(ok([PARTICIPANT]), READS),
)
async def list_participants(service: Reading, conversation_id: uuid.UUID) -> Response:
    """Everybody who sees the conversation, and in which role."""
    return success(await service.participants(conversation_id))


@router.post(
    "/conversations/{conversation_id}/participants",
    summary="Let somebody take part",
    response_model=Success[list[ParticipantAnswer]],
    responses=responses(ok([PARTICIPANT]), WRITES),
    openapi_extra=json_request(ParticipantBody, {"user_id": PARTICIPANT["user_id"], "role": "writer"}),
)
async def invite(
    service: Writing, conversation_id: uuid.UUID, body: Annotated[ParticipantBody, Depends(json_body(ParticipantBody, Unprocessable))]
) -> Response:
    """A member of the organisation reads (`reader`) or reads and writes (`writer`) from now on. For the owner of the conversation."""
    return success(await service.invite(conversation_id, body))


@router.delete(
    "/conversations/{conversation_id}/participants/{user_id}",
    summary="End somebody's part",
    response_model=Success[Done],
    responses=responses(done("removed"), (*READS, 409)),
)
async def part(service: Writing, conversation_id: uuid.UUID, user_id: uuid.UUID) -> Response:
    """You leave a conversation, or, as its owner, send somebody away. What they wrote stays."""
    await service.part(conversation_id, user_id)
    return success(Done(id=user_id, done="removed"))


@router.post(
    "/conversations/{conversation_id}/share",
    summary="Share by link",
    response_model=Success[ShareAnswer],
    responses=responses(ok(SHARE), WRITES),
    openapi_extra=json_request(ShareBody, {"expires_in_days": 7}),
)
async def share(
    service: Sharing, conversation_id: uuid.UUID, body: Annotated[ShareBody, Depends(json_body(ShareBody, Unprocessable))]
) -> Response:
    """Whoever has the token reads the branch in use, as it is now, at `/api/v1/chat/shared/{token}`. The token is shown only here."""
    return success(await service.make(conversation_id, body))


@router.get(
    "/conversations/{conversation_id}/share",
    summary="Links of a conversation",
    response_model=Success[list[ShareAnswer]],
    responses=responses(ok([SHARE | {"token": None}]), READS),
)
async def list_shares(service: Sharing, conversation_id: uuid.UUID) -> Response:
    """Every link that was made, revoked ones included; without tokens, which are not kept."""
    return success(await service.all(conversation_id))


@router.delete(
    "/conversations/{conversation_id}/share/{share_id}",
    summary="Revoke a link",
    response_model=Success[Done],
    responses=responses(done("revoked"), READS),
)
async def revoke(service: Sharing, conversation_id: uuid.UUID, share_id: uuid.UUID) -> Response:
    """From now on nobody reads by this link."""
    await service.revoke(conversation_id, share_id)
    return success(Done(id=share_id, done="revoked"))


@router.get(
    "/shared/{token}",
    summary="Read a shared conversation",
    response_model=Success[SharedConversation],
    responses=responses(ok(SHARED), (400, 404, 500, 504)),
)
async def read_shared(session: WithSession, token: Annotated[str, Path(min_length=20, max_length=100)]) -> Response:
    """For anybody who was given the link; no sign-in. Shows neither people nor system prompts."""
    return success(await shared(session, token))
