"""``chat/direct``, ``chat/direct/stream`` and ``chat/quick``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.agents.deps import WithGateway
from api.conversations.alias import twice
from api.conversations.deps import WRITES
from api.conversations.examples import ok
from api.direct.schemas import DirectAnswer, DirectBody, DirectMessage, QuickBody
from api.direct.service import Direct
from api.generation.deps import WithGenerations
from api.streams.window import Measure
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithExchange, WithParts
from api.web.openapi import json_request, responses
from api.web.principal import AsEditor
from api.web.sse import event_stream
from cluster.errors import Unprocessable

router = APIRouter(tags=["conversations"])

BODY = {"model": "nano-llm", "messages": [{"role": "user", "content": "Mira has 3 goats. How many goats has Mira?"}]}
ANSWER = {
    "model": "nano-llm",
    "text": "3",
    "thinking": "",
    "tool_calls": [],
    "finish_reason": "stop",
    "prompt_tokens": 18,
    "completion_tokens": 1,
    "total_tokens": 19,
    "cached_tokens": 0,
    "provenance": None,
    "latency_ms": 20,
}
STREAM = 'data: {"type":"text","text":"3","part":0}\n\ndata: [DONE]\n\n'


async def direct(parts: WithParts, gateway: WithGateway, generations: WithGenerations, exchange: WithExchange, _: AsEditor) -> Direct:
    return Direct(generations, Measure(gateway, parts.settings.conversations.count_timeout_s), exchange.request_id)


WithDirect = Annotated[Direct, Depends(direct)]
WithBody = Annotated[DirectBody, Depends(json_body(DirectBody, Unprocessable))]


@router.post(
    "/direct",
    summary="Ask a model directly",
    response_model=Success[DirectAnswer],
    responses=responses(ok(ANSWER), WRITES),
    openapi_extra=json_request(DirectBody, BODY),
)
async def ask(request: Request, service: WithDirect, body: WithBody) -> Response:
    """The whole answer at once, with its tokens. Nothing is kept; thoughts are told from the text."""
    return success(await attend(request, service.answer(body, body.messages)))


@router.post(
    "/direct/stream",
    summary="Ask a model directly, streamed",
    responses=responses({}, WRITES, media={"text/event-stream": STREAM}),
    openapi_extra=json_request(DirectBody, BODY),
)
async def stream(request: Request, parts: WithParts, service: WithDirect, body: WithBody) -> Response:
    """The same piece by piece, as server-sent events with the types of a prepared stream. Leaving ends it, and nothing is kept."""
    return await event_stream(request, service.stream(body, body.messages), parts.settings.http.stream_idle_timeout_s)


@router.post(
    "/quick",
    summary="One message, one answer",
    response_model=Success[DirectAnswer],
    responses=responses(ok(ANSWER), WRITES),
    openapi_extra=json_request(QuickBody, {"model": "nano-llm", "message": "Mira has 3 goats. How many goats has Mira?"}),
)
async def quick(
    request: Request, service: WithDirect, body: Annotated[QuickBody, Depends(json_body(QuickBody, Unprocessable))]
) -> Response:
    """For when there is nothing to remember: no conversation, one call."""
    return success(await attend(request, service.answer(body, [DirectMessage(role="user", content=body.message)])))


routers: tuple[APIRouter, ...] = twice(router)
