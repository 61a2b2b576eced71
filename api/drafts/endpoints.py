"""Looking at the draft of a conversation, and saving it."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.conversations.alias import twice
from api.conversations.deps import READS, WRITES
from api.conversations.examples import CONVERSATION, MESSAGE, ok
from api.drafts.schemas import DraftAnswer, SaveBody, Saved
from api.drafts.service import Drafts
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithSession
from api.web.openapi import json_request, responses
from api.web.principal import AsEditor, AsViewer
from api.workflows.install import WithGraphs
from cluster.errors import Unprocessable

router = APIRouter(prefix="/conversations/{conversation_id}/draft", tags=["conversations"])

SAVED = {"id": CONVERSATION["id"], "name": "farm-helper", "version": 1, "kind": "agent", "model_name": "agent/farm-helper"}
DRAFT = {
    "message_id": MESSAGE["id"],
    "type": "agent_creation",
    "text": "name: farm-helper\ninstructions: You answer questions about the farm, briefly.\n",
    "spec": {"name": "farm-helper", "start": "answer"},
    "ok": True,
    "findings": [],
    "diagram": "flowchart TD\n",
    "saved": None,
}


async def reading(session: WithSession, who: AsViewer, trail: WithTrail, graphs: WithGraphs) -> Drafts:
    return Drafts(session, who, trail, graphs)


async def writing(session: WithSession, who: AsEditor, trail: WithTrail, graphs: WithGraphs) -> Drafts:
    return Drafts(session, who, trail, graphs)


@router.get("", summary="Draft of a conversation", response_model=Success[DraftAnswer], responses=responses(ok(DRAFT), (*READS, 409)))
async def get_draft(conversation_id: uuid.UUID, service: Annotated[Drafts, Depends(reading)]) -> Response:
    """The latest of the branch in use, in a conversation of the type `agent_creation` or `workflow_creation`: every answer there is a
    draft. It is checked as it stands now: with the tools, graphs and collections that there are."""
    return success(await service.latest(conversation_id))


@router.post(
    "/save",
    summary="Save a draft",
    response_model=Success[Saved],
    responses=responses(ok(SAVED), WRITES),
    openapi_extra=json_request(SaveBody, {"message_id": MESSAGE["id"]}),
)
async def save_draft(
    conversation_id: uuid.UUID,
    service: Annotated[Drafts, Depends(writing)],
    body: Annotated[SaveBody, Depends(json_body(SaveBody, Unprocessable))],
) -> Response:
    """The agent or workflow of that message is there from now on. Nothing else saves a draft, whatever is said in the conversation. A draft
    that was changed and is saved again under its name is a new version; one that was saved already stays as it is. A name that something
    else has is a 409: have the draft call it otherwise."""
    return success(await service.save(conversation_id, body))


routers: tuple[APIRouter, ...] = twice(router)
