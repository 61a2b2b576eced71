"""``/api/v1/tools/choices``: which tools are used by an organisation, by a person, in a conversation."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.audit.trail import WithOrigin
from api.conversations.examples import ok
from api.tools.changing import ToolChanges
from api.tools.endpoints import READS, WRITES, Looking
from api.tools.schemas import ChoiceAnswer, ChoiceBody
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithParts
from api.web.openapi import json_request, responses
from api.web.principal import AsAdmin, AsEditor, AsViewer
from cluster.errors import Unprocessable
from cluster.tools.choices import Scope

router = APIRouter(prefix="/api/v1/tools/choices", tags=["tools"])

CHOICE = {"allow": ["category:files", "ask_model"], "deny": ["files_delete"], "is_set": True, "tools": ["files_list", "ask_model"]}
BODY = {"allow": ["*"], "deny": ["files_delete"]}
TOLD = responses(ok(CHOICE), READS)
CHANGED = responses(ok(CHOICE), WRITES)
Given = Annotated[ChoiceBody, Depends(json_body(ChoiceBody, Unprocessable))]


async def by_viewer(parts: WithParts, who: AsViewer, origin: WithOrigin) -> ToolChanges:
    return ToolChanges(parts, who, origin)


async def by_editor(parts: WithParts, who: AsEditor, origin: WithOrigin) -> ToolChanges:
    return ToolChanges(parts, who, origin)


async def by_admin(parts: WithParts, who: AsAdmin, origin: WithOrigin) -> ToolChanges:
    return ToolChanges(parts, who, origin)


ByViewer = Annotated[ToolChanges, Depends(by_viewer)]
ByEditor = Annotated[ToolChanges, Depends(by_editor)]
ByAdmin = Annotated[ToolChanges, Depends(by_admin)]


@router.get("/organisation", summary="The organisation's tools", response_model=Success[ChoiceAnswer], responses=TOLD)
async def organisation_choice(service: Looking, who: AsViewer) -> Response:
    """What nobody in your organisation uses is called by nobody, whatever people and conversations choose."""
    return success(await service.choice(Scope(who.organisation_id)))


@router.put(
    "/organisation",
    summary="Choose the organisation's tools",
    response_model=Success[ChoiceAnswer],
    responses=CHANGED,
    openapi_extra=json_request(ChoiceBody, BODY),
)
async def choose_for_organisation(changes: ByAdmin, service: Looking, who: AsAdmin, body: Given) -> Response:
    """It holds from the next call on."""
    return await _chosen(changes, service, Scope(who.organisation_id), body)


@router.delete(
    "/organisation",
    summary="Use all tools in the organisation",
    response_model=Success[ChoiceAnswer],
    responses=responses(ok(CHOICE), READS),
)
async def reset_organisation(changes: ByAdmin, service: Looking, who: AsAdmin) -> Response:
    """As if nothing had been chosen."""
    return await _chosen(changes, service, Scope(who.organisation_id), None)


@router.get("/me", summary="Your tools", response_model=Success[ChoiceAnswer], responses=TOLD)
async def my_choice(service: Looking, who: AsViewer) -> Response:
    """What your conversations use unless they say something else themselves."""
    return success(await service.choice(Scope(who.organisation_id, user_id=who.user_id)))


@router.put(
    "/me",
    summary="Choose your tools",
    response_model=Success[ChoiceAnswer],
    responses=CHANGED,
    openapi_extra=json_request(ChoiceBody, BODY),
)
async def choose_mine(changes: ByViewer, service: Looking, who: AsViewer, body: Given) -> Response:
    """Among those that your organisation uses."""
    return await _chosen(changes, service, Scope(who.organisation_id, user_id=who.user_id), body)


@router.delete("/me", summary="Use all tools yourself", response_model=Success[ChoiceAnswer], responses=responses(ok(CHOICE), READS))
async def reset_mine(changes: ByViewer, service: Looking, who: AsViewer) -> Response:
    """As if you had chosen nothing."""
    return await _chosen(changes, service, Scope(who.organisation_id, user_id=who.user_id), None)


@router.get("/conversations/{conversation_id}", summary="A conversation's tools", response_model=Success[ChoiceAnswer], responses=TOLD)
async def conversation_choice(service: Looking, who: AsViewer, conversation_id: uuid.UUID) -> Response:
    """`tools` is what it comes to for you: without a choice of its own, what you chose."""
    return success(await service.choice(Scope(who.organisation_id, conversation_id=conversation_id)))


@router.put(
    "/conversations/{conversation_id}",
    summary="Choose a conversation's tools",
    response_model=Success[ChoiceAnswer],
    responses=CHANGED,
    openapi_extra=json_request(ChoiceBody, BODY),
)
async def choose_for_conversation(changes: ByEditor, service: Looking, who: AsEditor, conversation_id: uuid.UUID, body: Given) -> Response:
    """In place of what those who take part chose for themselves."""
    return await _chosen(changes, service, Scope(who.organisation_id, conversation_id=conversation_id), body)


@router.delete(
    "/conversations/{conversation_id}",
    summary="Leave a conversation's tools to people",
    response_model=Success[ChoiceAnswer],
    responses=responses(ok(CHOICE), READS),
)
async def reset_conversation(changes: ByEditor, service: Looking, who: AsEditor, conversation_id: uuid.UUID) -> Response:
    """As if nothing had been chosen in it."""
    return await _chosen(changes, service, Scope(who.organisation_id, conversation_id=conversation_id), None)


async def _chosen(changes: ToolChanges, service: Looking, scope: Scope, body: ChoiceBody | None) -> Response:
    await changes.choose(scope, body)
    return success(await service.choice(scope))
