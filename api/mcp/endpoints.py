"""``/mcp``: the Model Context Protocol over streamable HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from api.mcp.install import WithDoor
from api.web.answers import Success, success
from api.web.openapi import Document, responses
from api.web.principal import AsViewer
from api.web.schema import Answer

router = APIRouter(tags=["mcp"])
TAG = {"name": "mcp", "description": "Tools, documents and prompts for MCP clients."}

EXAMPLE = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
MESSAGE: Document = {
    "type": "object",
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"type": ["string", "integer"]},
        "method": {"type": "string"},
        "params": {"type": "object"},
    },
    "required": ["jsonrpc", "method"],
}
REPLY: Document = {
    "type": "object",
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"type": ["string", "integer", "null"]},
        "result": {"type": "object"},
        "error": {
            "type": "object",
            "properties": {"code": {"type": "integer"}, "message": {"type": "string"}, "data": {}},
            "required": ["code", "message"],
        },
    },
    "required": ["jsonrpc"],
}
STREAM = 'event: message\r\ndata: {"jsonrpc":"2.0","id":1,"result":{"tools":[]}}\r\n\r\n'
CHANGE = 'data: {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"hearth://files/notes.md"}}\n\n'
SessionHeader = Annotated[str | None, Header(alias="mcp-session-id", max_length=64, description="What `initialize` gave; optional.")]


class SessionEnded(Answer):
    ended: Literal[True] = True


def _answers() -> dict[int | str, Document]:
    """Errors of the transport have JSON-RPC's shape, ours the one they have everywhere."""
    errors = (400, 404, 408, 413, 415, 500)
    found = responses({"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}, errors, media={"text/event-stream": STREAM})
    found[200]["content"]["application/json"]["schema"] = REPLY
    found[202] = {"description": "A notification or response was taken."}
    for status in (400, 404):
        found[status].pop("model")
        found[status]["content"]["application/json"]["schema"] = {"anyOf": [{"$ref": "#/components/schemas/ErrorBody"}, REPLY]}
    return found


REQUEST: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": MESSAGE, "example": EXAMPLE}}},
    "parameters": [
        {
            "name": "Mcp-Protocol-Version",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "The revision that was agreed on.",
        }
    ],
}


@router.post(
    "/mcp", summary="A message of the Model Context Protocol", response_class=Response, responses=_answers(), openapi_extra=REQUEST
)
async def exchange(request: Request, door: WithDoor, who: AsViewer) -> Response:
    """One JSON-RPC message, answered as JSON or as server-sent events: tools (`tools/list`, `tools/call`), documents and diagrams
    (`resources/*`), system prompts (`prompts/*`), completion. Revisions 2024-11-05 to 2026-07-28."""
    return await door.answer(request, who)


@router.get(
    "/mcp",
    summary="What happens in an MCP session",
    response_class=Response,
    responses=responses(None, (400, 404, 500), media={"text/event-stream": CHANGE}),
)
async def listen(request: Request, door: WithDoor, who: AsViewer, mcp_session_id: SessionHeader = None) -> Response:
    """For clients of revisions that have sessions: `notifications/resources/updated` for what `resources/subscribe` named. A stream ends
    after a while; what changes before the next one is told there."""
    return await door.listen(request, who)


@router.delete(
    "/mcp",
    summary="End an MCP session",
    response_model=Success[SessionEnded],
    responses=responses({"status": "success", "data": {"ended": True}}, (400, 404, 500)),
)
async def close(door: WithDoor, who: AsViewer, mcp_session_id: SessionHeader = None) -> Response:
    """For clients of revisions that have sessions; without this one ends by itself when it is idle."""
    await door.sessions.close(mcp_session_id or "", who)
    return success(SessionEnded())
