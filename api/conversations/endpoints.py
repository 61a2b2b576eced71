"""Sessions and conversations below ``/api/v1/chat``, and the same below ``/api/chat``."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.conversations import analytics_endpoints, branch_endpoints, people_endpoints
from api.conversations.alias import twice
from api.conversations.answers import Cleaned, ConversationAnswer, Done, FoundMessage, Listing
from api.conversations.deps import READS, WRITES, Reading, Writing
from api.conversations.examples import CONVERSATION, FOUND, done, listing, ok
from api.conversations.schemas import (
    CleanupBody,
    ConversationBody,
    ConversationPatch,
    ConversationQuery,
    DeleteQuery,
    SearchQuery,
    SessionBody,
    StatusBody,
)
from api.retrieval.deps import WithKnowledge
from api.streams.deps import WithRemoving
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithSession
from api.web.openapi import json_request, responses
from api.web.principal import AsAdmin
from cluster.errors import Unprocessable

router = APIRouter(tags=["conversations"])


@router.post(
    "/sessions",
    summary="Open a session",
    response_model=Success[ConversationAnswer],
    responses=responses(ok(CONVERSATION), WRITES),
    openapi_extra=json_request(SessionBody, {"user_id": CONVERSATION["user_id"], "type": "general", "title": "Goats"}),
)
async def open_session(
    service: Writing,
    knowledge: WithKnowledge,
    session: WithSession,
    body: Annotated[SessionBody, Depends(json_body(SessionBody, Unprocessable))],
) -> Response:
    """A session is a conversation that says whose it is: yourself, or, where an admin opens it, a member of the organisation."""
    attached = await knowledge.attachable(session, body.knowledge)
    return success(ConversationAnswer.of(await service.create_session(body, attached)))


@router.get(
    "/sessions/{conversation_id}",
    summary="One session",
    response_model=Success[ConversationAnswer],
    responses=responses(ok(CONVERSATION), READS),
)
async def get_session(service: Reading, conversation_id: uuid.UUID) -> Response:
    """The same as the conversation with this id."""
    return success(ConversationAnswer.of(await service.get(conversation_id)))


@router.put(
    "/sessions/{conversation_id}/status",
    summary="Set a session's status",
    response_model=Success[ConversationAnswer],
    responses=responses(ok(CONVERSATION), WRITES),
    openapi_extra=json_request(StatusBody, {"status": "completed"}),
)
async def set_status(
    service: Writing, conversation_id: uuid.UUID, body: Annotated[StatusBody, Depends(json_body(StatusBody, Unprocessable))]
) -> Response:
    """`active`, `completed`, `archived` or `resumable`; any may follow any."""
    return success(ConversationAnswer.of(await service.change(conversation_id, ConversationPatch(status=body.status))))


@router.post(
    "/cleanup",
    summary="Remove old conversations",
    response_model=Success[Cleaned],
    responses=responses(ok({"expired": 2, "purged": 1}), WRITES),
    openapi_extra=json_request(CleanupBody, {"dry_run": True}),
)
async def clean_up(
    who: AsAdmin, service: Writing, body: Annotated[CleanupBody, Depends(json_body(CleanupBody, Unprocessable))]
) -> Response:
    """Deletes the organisation's conversations whose retention is over, with their messages. It also happens by itself, every hour."""
    return success(await service.clean_up(dry_run=body.dry_run))


@router.post(
    "/conversations",
    summary="Begin a conversation",
    response_model=Success[ConversationAnswer],
    responses=responses(ok(CONVERSATION), WRITES),
    openapi_extra=json_request(ConversationBody, {"title": "Goats", "tags": ["farm"]}),
)
async def create_conversation(
    service: Writing,
    knowledge: WithKnowledge,
    session: WithSession,
    body: Annotated[ConversationBody, Depends(json_body(ConversationBody, Unprocessable))],
) -> Response:
    """An empty conversation of your own. The model is named with each message, so that it can be another one each time. With `knowledge`
    every answer is written from those documents and cites them, unless the request that asks for it says otherwise."""
    attached = await knowledge.attachable(session, body.knowledge)
    return success(ConversationAnswer.of(await service.create(body, attached)))


@router.get(
    "/conversations",
    summary="List conversations",
    response_model=Success[Listing[ConversationAnswer]],
    responses=responses(listing(CONVERSATION), READS),
)
async def list_conversations(service: Reading, wanted: Annotated[ConversationQuery, Query()]) -> Response:
    """Those that you take part in, the latest first."""
    return success(await service.page(wanted))


@router.get(
    "/search",
    summary="Search conversations",
    response_model=Success[Listing[FoundMessage]],
    responses=responses(listing(FOUND), READS),
)
async def search(service: Reading, wanted: Annotated[SearchQuery, Query()]) -> Response:
    """Full-text search in the titles and messages of the conversations that you take part in, the latest first."""
    return success(await service.search(wanted))


@router.get(
    "/conversations/{conversation_id}",
    summary="One conversation",
    response_model=Success[ConversationAnswer],
    responses=responses(ok(CONVERSATION), READS),
)
async def get_conversation(service: Reading, conversation_id: uuid.UUID) -> Response:
    """The conversation without its messages, with the tokens that it has cost so far."""
    return success(ConversationAnswer.of(await service.get(conversation_id)))


@router.patch(
    "/conversations/{conversation_id}",
    summary="Change a conversation",
    response_model=Success[ConversationAnswer],
    responses=responses(ok(CONVERSATION), WRITES),
    openapi_extra=json_request(ConversationPatch, {"title": "Goats and sheep", "pinned": True}),
)
async def change_conversation(
    service: Writing,
    knowledge: WithKnowledge,
    session: WithSession,
    conversation_id: uuid.UUID,
    body: Annotated[ConversationPatch, Depends(json_body(ConversationPatch, Unprocessable))],
) -> Response:
    """Changes what is given and keeps the rest. `active_leaf_id` chooses the branch that goes on."""
    attached = await knowledge.attachable(session, body.knowledge)
    return success(ConversationAnswer.of(await service.change(conversation_id, body, attached)))


@router.delete(
    "/conversations/{conversation_id}",
    summary="Delete a conversation",
    response_model=Success[Done],
    responses=responses(done("deleted"), READS),
)
async def delete_conversation(service: WithRemoving, conversation_id: uuid.UUID, wanted: Annotated[DeleteQuery, Query()]) -> Response:
    """Softly, so that it can be restored for a while, or with `?hard_delete=true` at once and for good, messages, links
    and an answer that is being written included."""
    await service.delete(conversation_id, hard=wanted.hard_delete)
    return success(Done(id=conversation_id, done="deleted"))


@router.put(
    "/conversations/{conversation_id}/restore",
    summary="Restore a conversation",
    response_model=Success[ConversationAnswer],
    responses=responses(ok(CONVERSATION), READS),
)
async def restore_conversation(service: Writing, conversation_id: uuid.UUID) -> Response:
    """Takes a soft deletion back, as long as the conversation is kept."""
    return success(ConversationAnswer.of(await service.restore(conversation_id)))


routers: tuple[APIRouter, ...] = twice(router, branch_endpoints.router, people_endpoints.router, analytics_endpoints.router)
