"""``/api/v1/tools``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from api.audit.trail import WithOrigin
from api.conversations.examples import ok
from api.tools.changing import ToolChanges
from api.tools.install import WithTools
from api.tools.schemas import CallAnswer, CallBody, CallDetail, CallPage, CallQuery, SettingsBody, ToolDetail, ToolList, ToolQuery
from api.tools.service import ToolService
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithExchange, WithParts
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsAdmin, AsViewer
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/tools", tags=["tools"])
TAG = {"name": "tools", "description": "What models, graphs and people may have done: by Hearth, and by MCP servers."}

READS = (*READING, 401, 403, 404, 503)
WRITES = (*WORKING, 401, 403, 409)
CALLS = (*WRITES, 424)
TOOL = {
    "name": "files_list",
    "title": "List files",
    "description": "Files and folders of the workspace.",
    "category": "files",
    "source": "hearth",
    "effects": "none",
    "dangerous": False,
    "role": "viewer",
    "used": True,
    "chosen": True,
}
DETAIL = TOOL | {
    "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    "output": None,
    "settings": {"dangerous": None, "timeout_s": None},
    "settings_schema": {"type": "object"},
}
CALL = {
    "id": "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11",
    "created_at": "2026-11-21T08:30:00Z",
    "tool": "files_list",
    "source": "hearth",
    "user_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "run_id": None,
    "conversation_id": None,
    "workspace": "user-1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "outcome": "succeeded",
    "error": None,
    "message": None,
    "ms": 4,
}
ANSWER = {"value": {"files": [], "more": 0}, "text": "There are no files.", "failed": False, "cut": False}
ToolName = Annotated[str, Path(min_length=1, max_length=200, description="A tool's name.")]


async def looking(parts: WithParts, desk: WithTools, who: AsViewer, exchange: WithExchange) -> ToolService:
    return ToolService(parts, desk, who, exchange)


async def setting(parts: WithParts, who: AsAdmin, origin: WithOrigin) -> ToolChanges:
    return ToolChanges(parts, who, origin)


Looking = Annotated[ToolService, Depends(looking)]
Setting = Annotated[ToolChanges, Depends(setting)]


@router.get(
    "",
    summary="List tools",
    response_model=Success[ToolList],
    responses=responses(ok({"tools": [TOOL], "categories": [{"name": "files", "tools": 6}]}), READS),
)
async def list_tools(service: Looking, wanted: Annotated[ToolQuery, Query()]) -> Response:
    """All that your organisation has, of MCP servers too, with their categories; which of them are used, and which you chose."""
    return success(await service.all(wanted))


@router.get(
    "/calls",
    summary="List calls",
    response_model=Success[CallPage],
    responses=responses(ok({"calls": [CALL], "next_cursor": None}), READS),
)
async def list_calls(service: Looking, wanted: Annotated[CallQuery, Query()]) -> Response:
    """What you had tools do, and what your graphs and conversations had, newest first; kept for tools.calls_days days."""
    return success(await service.calls(wanted))


@router.get(
    "/calls/{call_id}",
    summary="One call",
    response_model=Success[CallDetail],
    responses=responses(ok(CALL | {"arguments": {"path": ""}, "result": ANSWER["value"], "is_cut": False}), READS),
)
async def get_call(service: Looking, call_id: uuid.UUID) -> Response:
    """With its arguments and its result, as far as they are kept."""
    return success(await service.one_call(call_id))


@router.get("/{tool}", summary="One tool", response_model=Success[ToolDetail], responses=responses(ok(DETAIL), READS))
async def get_tool(service: Looking, tool: ToolName) -> Response:
    """With the schema of its arguments, and how it is set."""
    return success(await service.one(tool))


@router.post(
    "/{tool}/call",
    summary="Call a tool",
    response_model=Success[CallAnswer],
    responses=responses(ok(ANSWER), CALLS),
    openapi_extra=json_request(CallBody, {"arguments": {}}),
)
async def call_tool(
    request: Request, service: Looking, tool: ToolName, body: Annotated[CallBody, Depends(json_body(CallBody, Unprocessable))]
) -> Response:
    """Waits for its answer. 409: it is marked dangerous, and `confirm` is not true. `failed` in an answer: the tool says that it could not
    do it. 424: a server elsewhere did not do it."""
    return success(await attend(request, service.call(tool, body)))


@router.put(
    "/{tool}/settings",
    summary="Set a tool",
    response_model=Success[ToolDetail],
    responses=responses(ok(DETAIL), WRITES),
    openapi_extra=json_request(SettingsBody, {"settings": {"timeout_s": 10}}),
)
async def set_tool(
    changes: Setting, service: Looking, tool: ToolName, body: Annotated[SettingsBody, Depends(json_body(SettingsBody, Unprocessable))]
) -> Response:
    """For your whole organisation. What is left out is as the tool has it."""
    await changes.set(await service.entry(tool), dict(body.settings))
    return success(await service.one(tool))
