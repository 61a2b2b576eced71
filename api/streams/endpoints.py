"""Preparing, reading, resuming and stopping the answer to a message of a conversation."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from starlette.responses import Response

from api.conversations.alias import twice
from api.conversations.deps import READS, WRITES
from api.conversations.examples import CONVERSATION, MESSAGE, ok
from api.streams.deps import WithCompacting, WithPreparing, WithStreams
from api.streams.reading import Resumable
from api.streams.schemas import CompactBody, Compacted, GenerationBody, LastEventId, PrepareBody, Prepared, Stopped
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithParts
from api.web.openapi import json_request, responses
from cluster.errors import NotFound, Unprocessable

router = APIRouter(prefix="/conversations/{conversation_id}", tags=["streams"])
reading = APIRouter(tags=["streams"])

TOKEN = "m1yJ0tqk8m2cXcXqg2VnUoQ0b0r6m4v1Zs9k3tY7e5A"  # noqa: S105 - what the docs show
PREPARED = {
    "stream_token": TOKEN,
    "stream_url": f"/stream/{TOKEN}",
    "expires_in_s": 300,
    "generation_id": MESSAGE["id"],
    "message_id": CONVERSATION["id"],
}
COMPACTED = {"summarised": 12, "until_id": MESSAGE["id"], "summary": "Mira has 3 goats.", "model": "nano-llm"}
STREAM = 'id: 1760000000000-0\ndata: {"type":"text","text":"3","part":0}\n\n'


WithGeneration = Annotated[GenerationBody, Depends(json_body(GenerationBody, Unprocessable))]


@router.post(
    "/prepare-stream",
    summary="Prepare an answer",
    response_model=Success[Prepared],
    responses=responses(ok(PREPARED), WRITES),
    openapi_extra=json_request(PrepareBody, {"model": "nano-llm", "content": "Mira has 3 goats. How many goats has Mira?"}),
)
async def prepare_stream(
    service: WithPreparing, conversation_id: uuid.UUID, body: Annotated[PrepareBody, Depends(json_body(PrepareBody, Unprocessable))]
) -> Response:
    """Writes the message down and begins the answer, which is written to its end whether or not anybody reads it. The token opens
    `/stream/{token}` once, without sign-in. A conversation that does not fit the model's context is refused (413) before anything is
    written, with what was counted and what to do, where the model is resident; else the model refuses it, and the answer fails so."""
    return success(await service.prepare(conversation_id, body))


@router.post(
    "/compact",
    summary="Summarise older messages",
    response_model=Success[Compacted],
    responses=responses(ok(COMPACTED), WRITES),
    openapi_extra=json_request(CompactBody, {"keep": 6}),
)
async def compact(
    request: Request,
    service: WithCompacting,
    conversation_id: uuid.UUID,
    body: Annotated[CompactBody, Depends(json_body(CompactBody, Unprocessable))],
) -> Response:
    """Has a model write a summary that stands for all but the latest messages of the active branch whenever a model is asked. The system
    prompt and pinned messages stay beside it, and every message stays readable. Takes as long as the model does; its tokens count."""
    return success(await attend(request, service.compact(conversation_id, model=body.model, keep=body.keep)))


@router.post(
    "/resume-stream",
    summary="Read along again",
    response_model=Success[Prepared],
    responses=responses(ok(PREPARED), WRITES),
    openapi_extra=json_request(GenerationBody, {"generation_id": MESSAGE["id"]}),
)
async def resume_stream(service: WithPreparing, conversation_id: uuid.UUID, body: WithGeneration) -> Response:
    """A new token for an answer that is being written, or was a short while ago: for a page that was reloaded, or another device."""
    return success(await service.resume(conversation_id, body.generation_id))


@router.post(
    "/stop",
    summary="Stop an answer",
    response_model=Success[Stopped],
    responses=responses(ok({"stopped": [MESSAGE["id"]]}), WRITES),
    openapi_extra=json_request(GenerationBody, {"generation_id": MESSAGE["id"]}),
)
async def stop(service: WithPreparing, conversation_id: uuid.UUID, body: WithGeneration) -> Response:
    """Ends what is being written in the conversation. What there is of it is kept, as a message with the status `stopped`."""
    return success(await service.stop(conversation_id, body.generation_id))


@reading.get(
    "/stream/{token}",
    summary="Read an answer",
    responses=responses({}, (*READS, 409), media={"text/event-stream": STREAM}),
)
async def read_stream(
    parts: WithParts,
    streams: WithStreams,
    token: Annotated[str, Path(min_length=20, max_length=100)],
    last_event_id: Annotated[LastEventId | None, Header(description="Set by EventSource when it connects again.")] = None,
    after: Annotated[LastEventId | None, Query(description="The same, for a page that was reloaded.")] = None,
) -> Response:
    """Server-sent events, each with an id; works with a browser's EventSource. The token is used up by the first read; with the id of the
    last event that arrived, the same token goes on behind it, byte for byte. After the last event the answer is 204, at which EventSource
    stops. Types of events: `start`, `source` (who answers, and who could not), `first`, `thinking`, `text`, `ui`, `tool_call`, `error`,
    `citations` (of an answer from documents), `finish` (with the token counts), and `end`, when the message is saved."""
    seen = last_event_id or after
    generation_id = await streams.tickets.redeem(token, resuming=seen is not None)
    journal = streams.runner.journal(generation_id)
    if seen is not None:
        event = await journal.event(seen)
        if event is None:
            raise NotFound("This stream has no such event (any more); read the message in its conversation.")
        if event.content["type"] == "end":
            return Response(status_code=204)
    pieces = streams.relay.follow(journal, generation_id, seen or "0-0", parts.settings.conversations.keepalive_s)
    return Resumable(pieces)


routers: tuple[APIRouter, ...] = (*twice(router), reading)
