"""``chat/mcp``, ``chat/mcp/stream`` and the approvals of dangerous calls."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.conversations.alias import twice
from api.conversations.answers import Listing
from api.conversations.deps import READS, WRITES
from api.conversations.examples import CONVERSATION, listing, ok
from api.generation.deps import WithGenerations
from api.mcp.install import WithToolbox
from api.mcp_chat.approvals import Approvals
from api.mcp_chat.opening import Opening
from api.mcp_chat.schemas import ApprovalBody, Decided, McpAnswer, McpChatBody, Pending
from api.mcp_chat.service import McpChat
from api.retrieval.deps import WithKnowledge
from api.streams.deps import WithCompacting
from api.streams.window import Measure
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bells import WithBells
from api.web.bodies import json_body
from api.web.deps import WithExchange, WithParts
from api.web.openapi import json_request, responses
from api.web.principal import AsEditor
from api.web.sse import event_stream
from cluster.errors import Unprocessable

router = APIRouter(prefix="/mcp", tags=["conversations"])

BODY = {"model": "nano-llm", "messages": [{"role": "user", "content": "How many goats has Mira?"}], "tools": ["knowledge_*"]}
CALL = {
    "id": "call_0",
    "name": "knowledge_search",
    "arguments": '{"query": "goats"}',
    "outcome": "done",
    "summary": "Mira has 3 goats.",
    "ms": 12,
    "flagged": [],
}
ANSWER = {
    "model": "nano-llm",
    "text": "3",
    "thinking": "",
    "calls": [CALL],
    "rounds": 2,
    "finish_reason": "stop",
    "prompt_tokens": 118,
    "completion_tokens": 12,
    "total_tokens": 130,
    "cached_tokens": 0,
    "provenance": None,
    "message_id": None,
    "citations": [],
    "knowledge": None,
    "latency_ms": 40,
}
PENDING = {
    "id": CONVERSATION["id"],
    "tool": "files_delete",
    "title": "Delete a file",
    "arguments": {"path": "goats.txt"},
    "conversation_id": None,
    "expires_in_s": 290,
}
STREAM = (
    'data: {"type":"start","tools":["knowledge_search"]}\n\n'
    'data: {"type":"tool_started","id":"call_0","name":"knowledge_search","title":"Search","arguments":"{}"}\n\n'
    'data: {"type":"tool_finished","id":"call_0","name":"knowledge_search","title":"Search","outcome":"done","summary":"3 goats","ms":12,'
    '"flagged":[]}\n\n'
    'data: {"type":"text","text":"3","part":1}\n\ndata: [DONE]\n\n'
)


async def opening(parts: WithParts, knowledge: WithKnowledge, compacting: WithCompacting) -> Opening:
    return Opening(knowledge, compacting, Measure(parts.gateway, parts.settings.conversations.count_timeout_s))


async def mcp_chat(
    parts: WithParts,
    generations: WithGenerations,
    toolbox: WithToolbox,
    bells: WithBells,
    exchange: WithExchange,
    who: AsEditor,
    opening: Annotated[Opening, Depends(opening)],
) -> McpChat:
    return McpChat(parts, generations, toolbox, bells, who, exchange, opening)


async def approvals(parts: WithParts, bells: WithBells, who: AsEditor) -> Approvals:
    return Approvals(parts.stores.cache, bells, parts.settings.tools.approval_s, who)


WithChat = Annotated[McpChat, Depends(mcp_chat)]
WithApprovals = Annotated[Approvals, Depends(approvals)]
WithBody = Annotated[McpChatBody, Depends(json_body(McpChatBody, Unprocessable))]


@router.post(
    "",
    summary="Ask a model that may call tools",
    response_model=Success[McpAnswer],
    responses=responses(ok(ANSWER), WRITES),
    openapi_extra=json_request(McpChatBody, BODY),
)
async def ask(request: Request, service: WithChat, body: WithBody) -> Response:
    """The model calls the tools it is offered, several at once, until it answers. A dangerous one waits for `POST .../approvals/{id}`, and
    is not called without it. With `conversation_id`, question, calls and answer are kept; documents that are attached to it are looked up,
    and cited, and where it is too long it is compacted as it says."""
    return success(await attend(request, service.answer(body)))


@router.post(
    "/stream",
    summary="Ask a model that may call tools, streamed",
    responses=responses({}, WRITES, media={"text/event-stream": STREAM}),
    openapi_extra=json_request(McpChatBody, BODY),
)
async def stream(request: Request, parts: WithParts, service: WithChat, body: WithBody) -> Response:
    """The same piece by piece: `text` and `thinking` as they come, `tool_started`, `approval` (answer it), `tool_finished`, `finish`.
    Leaving ends it; what was said until then is kept where there is a conversation."""
    return await event_stream(request, service.stream(body), parts.settings.http.stream_idle_timeout_s)


@router.get(
    "/approvals",
    summary="Calls that wait for approval",
    response_model=Success[Listing[Pending]],
    responses=responses(listing(PENDING), READS),
)
async def pending(service: WithApprovals) -> Response:
    """Dangerous calls of models in chats of yours, which are not carried out before you say so."""
    return success(Listing[Pending](items=await service.pending(), next_cursor=None))


@router.post(
    "/approvals/{approval_id}",
    summary="Approve of a call, or not",
    response_model=Success[Decided],
    responses=responses(ok({"id": CONVERSATION["id"], "approved": True}), WRITES),
    openapi_extra=json_request(ApprovalBody, {"approve": True}),
)
async def decide(
    service: WithApprovals, approval_id: uuid.UUID, body: Annotated[ApprovalBody, Depends(json_body(ApprovalBody, Unprocessable))]
) -> Response:
    """It is carried out, or the model is told that it may not. Nobody decides for anybody else, and what was said stays."""
    return success(await service.decide(approval_id, approve=body.approve))


routers: tuple[APIRouter, ...] = twice(router)
