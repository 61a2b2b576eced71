"""Everything below ``/langgraph``, and what there is nothing of."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter
from starlette.responses import Response

from api.langgraph import assistant_endpoints, run_endpoints, thread_endpoints
from api.langgraph.deps import PREFIX, READS
from api.langgraph.responding import json
from api.web.openapi import responses
from api.web.principal import AsViewer
from cluster.errors import NotFound

TAG = {
    "name": "langgraph",
    "description": 'Graphs for clients of LangGraph: `get_client(url="http://localhost:8003/langgraph", api_key=...)` of langgraph_sdk.',
}
INFO = {"version": "0.1.0", "langgraph_py_version": "1.2.24", "flags": {"assistants": True, "crons": False, "langsmith": False}}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

about_router = APIRouter(prefix=PREFIX, tags=["langgraph"])
# What is asked of these is refused, whatever it is; they are in no document.
refusing_router = APIRouter(prefix=PREFIX, include_in_schema=False)


@about_router.get("/ok", summary="Is it there?", responses=responses({"ok": True}, READS))
async def is_there(_: AsViewer) -> Response:
    """For clients of LangGraph, which look here before they begin."""
    return json({"ok": True})


@about_router.get("/info", summary="What it is", responses=responses(INFO, READS))
async def tell(_: AsViewer) -> Response:
    """Versions, and what of LangGraph's API is there."""
    return json(INFO | {"version": version("hearth"), "langgraph_py_version": version("langgraph")})


@refusing_router.api_route("/store/{rest:path}", methods=METHODS)
async def no_store(_: AsViewer) -> Response:
    raise NotFound("Hearth keeps no store for graphs; keep knowledge in collections or at /api/v1/knowledge/items, files in workspaces.")


@refusing_router.api_route("/threads/{thread_id}/runs/crons", methods=METHODS)
@refusing_router.api_route("/runs/crons", methods=METHODS)
@refusing_router.api_route("/runs/crons/{rest:path}", methods=METHODS)
async def no_crons(_: AsViewer) -> Response:
    raise NotFound("Hearth has no crons; have a timer of the machine call `hearth graph run`, or give 'after_seconds' to a run.")


@refusing_router.api_route("/threads/{thread_id}/stream", methods=METHODS)
@refusing_router.api_route("/threads/{thread_id}/stream/{rest:path}", methods=METHODS)
@refusing_router.api_route("/threads/{thread_id}/commands", methods=METHODS)
async def no_thread_stream(_: AsViewer) -> Response:
    raise NotFound("A thread has no stream here, its runs have: use runs.stream, or runs.join_stream with the id of a run.")


@refusing_router.api_route("/assistants", methods=["POST"])
@refusing_router.api_route("/assistants/{assistant_id}", methods=["PATCH", "DELETE"])
@refusing_router.api_route("/assistants/{assistant_id}/latest", methods=["POST"])
async def no_assistant_changes(_: AsViewer) -> Response:
    raise NotFound("Assistants are graphs: make, change and remove them at /api/v1/workflows/definitions or /api/v1/agents.")


routers = (assistant_endpoints.router, thread_endpoints.router, refusing_router, run_endpoints.router, about_router)
