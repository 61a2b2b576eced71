"""``/healthz``, ``/readyz`` and ``/metrics``: for whoever watches the service."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response

from api.health.nodes import NodeCollector
from api.health.residency import ResidencyCollector
from api.health.schemas import Alive, Readiness
from api.health.service import Health
from api.queue.metrics import QueueCollector, queue_counts
from api.web.answers import json_answer
from api.web.attend import attend
from api.web.deps import WithParts
from api.web.openapi import responses

router = APIRouter(tags=["health"])

READY = {"status": "ready", "dependencies": [{"name": "model nano-llm", "ready": True, "detail": "ready: llama.cpp on the CPU."}]}
NOT_READY = {"status": "not_ready", "dependencies": [{"name": "model nano-llm", "ready": False, "detail": "loading: it starts."}]}


@router.get("/healthz", summary="Is the process alive?", response_model=Alive, responses=responses({"status": "ok"}, (500,)))
async def healthz() -> Response:
    """Answers as long as the HTTP front runs; asks nothing else."""
    return json_answer(Alive())


@router.get(
    "/readyz",
    summary="Can requests be answered?",
    response_model=Readiness,
    responses={
        **responses(READY, (500, 504)),
        503: {"description": "Something is missing.", "model": Readiness, "content": {"application/json": {"example": NOT_READY}}},
    },
)
async def readyz(request: Request, parts: WithParts) -> Response:
    """Each pinned model, the residency policy that loads the others, database and cache. 503 while one of them is not ready."""
    readiness = await attend(request, Health(parts.gateway, parts.stores).readiness())
    return json_answer(readiness, 200 if readiness.status == "ready" else 503)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=PlainTextResponse,
    responses={
        **responses(None, (500, 504)),
        200: {"description": "The answer.", "content": {"text/plain": {"example": "hearth_swaps_total 3.0\n"}}},
    },
)
async def metrics(request: Request, parts: WithParts) -> Response:
    """Requests, latency, tokens and streams; per model queue, budget, measured memory, loads and evictions; per device budget and use; of
    nodes of graphs, by kind and by graph of the library (all others are `own`), visits, time, retries, tokens and cost; per kind of message
    how many wait, are dead, and how long they waited."""
    health = Health(parts.gateway, parts.stores)
    seen = asyncio.gather(health.snapshot(), health.nodes(), queue_counts(parts.stores.database))
    snapshot, nodes, queued = await attend(request, seen)
    shown = parts.metrics.exposition(ResidencyCollector(snapshot), NodeCollector(nodes), QueueCollector(queued))
    return Response(shown, media_type=CONTENT_TYPE_LATEST)
