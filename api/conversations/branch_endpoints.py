"""Messages of a conversation, and the whole of them as a file."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.conversations.answers import Exported, Listing, MessageAnswer
from api.conversations.deps import READS, WRITES, ReadingMessages, WritingMessages
from api.conversations.examples import CONVERSATION, MESSAGE, listing, ok
from api.conversations.schemas import ExportQuery, MessageBody, MessagePatch, MessageQuery
from api.web.answers import Success, json_answer, success
from api.web.bodies import json_body
from api.web.openapi import json_request, responses
from cluster.errors import Unprocessable

router = APIRouter(prefix="/conversations/{conversation_id}", tags=["conversations"])


@router.get(
    "/messages",
    summary="Messages of a conversation",
    response_model=Success[Listing[MessageAnswer]],
    responses=responses(listing(MESSAGE), READS),
)
async def list_messages(service: ReadingMessages, conversation_id: uuid.UUID, wanted: Annotated[MessageQuery, Query()]) -> Response:
    """The branch in use, from its first message; `?branch=false` lists the messages of all branches in the order of writing."""
    return success(await service.page(conversation_id, wanted))


@router.post(
    "/messages",
    summary="Write a message down",
    response_model=Success[MessageAnswer],
    responses=responses(ok(MESSAGE), WRITES),
    openapi_extra=json_request(MessageBody, {"role": "user", "content": "Mira has 3 goats."}),
)
async def write_message(
    service: WritingMessages, conversation_id: uuid.UUID, body: Annotated[MessageBody, Depends(json_body(MessageBody, Unprocessable))]
) -> Response:
    """Adds a message without asking a model, for example from another system. To be answered, prepare a stream instead."""
    return success(MessageAnswer.of(await service.write(conversation_id, body)))


@router.patch(
    "/messages/{message_id}",
    summary="Pin a message",
    response_model=Success[MessageAnswer],
    responses=responses(ok(MESSAGE), WRITES),
    openapi_extra=json_request(MessagePatch, {"pinned": True}),
)
async def pin_message(
    service: WritingMessages,
    conversation_id: uuid.UUID,
    message_id: uuid.UUID,
    body: Annotated[MessagePatch, Depends(json_body(MessagePatch, Unprocessable))],
) -> Response:
    """A pinned message is kept when a conversation is compacted to fit a model's context."""
    return success(MessageAnswer.of(await service.pin(conversation_id, message_id, pinned=body.pinned)))


@router.get(
    "/export",
    summary="Export a conversation",
    response_model=Exported,
    responses=responses(
        {"conversation": CONVERSATION, "messages": [MESSAGE]}, READS, media={"text/markdown": "# Goats\n\n## Assistant (nano-llm)\n\n3\n"}
    ),
)
async def export(service: ReadingMessages, conversation_id: uuid.UUID, wanted: Annotated[ExportQuery, Query()]) -> Response:
    """As JSON with every branch, or as Markdown with the branch in use."""
    if wanted.format == "markdown":
        return Response(await service.markdown(conversation_id), media_type="text/markdown")
    return json_answer(await service.export(conversation_id))
