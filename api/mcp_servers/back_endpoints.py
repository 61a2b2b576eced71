"""Where a browser comes back to after somebody signed in at an MCP server."""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Query
from mcp.shared.auth import AuthorizationCodeResult
from starlette.responses import HTMLResponse

from api.mcp_servers.login import WithLogins
from api.web.openapi import responses

router = APIRouter(prefix="/api/v1/mcp", tags=["mcp servers"])
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Hearth</title></head><body><h1>{title}</h1><p>{said}</p>
</body></html>"""
# What servers may say, by RFC 6749 (appendix A): printable ASCII.
Given = Annotated[str, Query(max_length=4096, pattern=r"^[ -~]*$")]


@router.get(
    "/login",
    summary="Come back from signing in at an MCP server",
    response_class=HTMLResponse,
    responses=responses(None, (400, 424, 500), media={"text/html": PAGE}),
    name="come_back",
)
async def come_back(
    logins: WithLogins, state: Given, code: Given = "", iss: Given | None = None, error: Given | None = None
) -> HTMLResponse:
    """For browsers, whom the authorization server sends here; `state`, which nobody can guess, is the permission."""
    if error is not None:
        problem: str | None = f"The server says: {error[:200]}."
        await logins.answer(state, AuthorizationCodeResult(code="", state=state, iss=iss))
    else:
        problem = await logins.answer(state, AuthorizationCodeResult(code=code, state=state, iss=iss))
    title = "You are signed in" if problem is None else "You are not signed in"
    said = "You may close this page." if problem is None else problem
    return HTMLResponse(PAGE.format(title=escape(title), said=escape(said)), 200 if problem is None else 424)
