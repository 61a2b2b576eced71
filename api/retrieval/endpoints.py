"""``/api/v1/retrieval``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.retrieval.deps import WithKnowledge
from api.retrieval.schemas import SearchAnswer, SearchBody, SettingsAnswer
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.openapi import READING, WORKING, json_request, responses
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/retrieval", tags=["retrieval"])
TAG = {"name": "retrieval", "description": "What documents say of a question: searching, and the named ways to search."}

REQUEST = {"question": "When do goats climb?", "limit": 3, "overrides": {"mode": "hybrid", "dense_minimum": 0.2}}
FOUND = {"document_id": "5b0d6a52-3b1e-4c0e-8f57-0d1f9f6f2c11", "chunk": 4, "span": {"start": 1200, "end": 1232}, "page": 2}
HIT = {
    "document_id": "5b0d6a52-3b1e-4c0e-8f57-0d1f9f6f2c11",
    "collection_id": "9c8d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "path": "animals/goats.pdf",
    "version": 1,
    "page": 2,
    "heading_path": ["Animals", "Goats"],
    "span": {"start": 1200, "end": 1232},
    "text": "Goats climb steep hills at dawn.",
    "found": FOUND,
    "tags": [],
    "score": 0.0325,
    "scores": [{"part": "dense", "score": 0.71, "rank": 1}, {"part": "sparse", "score": 3.2, "rank": 2}],
    "reason": "Found by meaning (rank 1, 0.710) and words (rank 2, 3.200).",
    "repeats": [],
}
ANSWER = {"settings": "default@2", "overridden": ["dense_minimum", "mode"], "hits": [HIT], "notes": []}
SETTINGS = {
    "name": "default",
    "version": 2,
    "description": "By meaning and by words, fused. For questions of any kind.",
    "mode": "hybrid",
    "limit": 6,
    "candidates": 60,
    "rrf_k": 2,
    "dense_weight": 1.0,
    "sparse_weight": 1.0,
    "dense_minimum": 0.2,
    "sparse_minimum": None,
    "fused_minimum": None,
    "diversity": None,
    "rerank": None,
    "parents": True,
    "fold": 0.9,
    "question_chars": 2000,
    "passages_chars": 12000,
    "support": 0.3,
    "attribution": 0.9,
}


def _ok(data: object) -> dict[str, object]:
    return {"status": "success", "data": data}


@router.post(
    "/search",
    summary="Search the collections",
    response_model=Success[SearchAnswer],
    responses=responses(_ok(ANSWER), WORKING),
    openapi_extra=json_request(SearchBody, REQUEST),
)
async def search(
    request: Request, service: WithKnowledge, body: Annotated[SearchBody, Depends(json_body(SearchBody, Unprocessable))]
) -> Response:
    """The passages of your organisation's documents that answer a question, the best first, each with its scores and why it is there.

    By meaning, by words, or both; read again by a reranker where the settings name one. A collection whose documents are not ingested yet
    gives nothing. Where part of a search was not possible, `notes` says so.
    """
    return success(await attend(request, service.search(body)))


@router.get(
    "/settings",
    summary="Ways to search",
    response_model=Success[list[SettingsAnswer]],
    responses=responses(_ok([SETTINGS]), READING),
)
async def list_settings(service: WithKnowledge) -> Response:
    """The retrieval settings there are, by name: those that come with Hearth and those in the folder `retrieval` of HEARTH_HOME."""
    return success([SettingsAnswer.of(spec) for spec in service.settings])


@router.get(
    "/settings/{name}",
    summary="One way to search",
    response_model=Success[SettingsAnswer],
    responses=responses(_ok(SETTINGS), (*READING, 404)),
)
async def get_settings(service: WithKnowledge, name: Annotated[str, Path(max_length=64)]) -> Response:
    """Retrieval settings by their name, with everything they leave at its default."""
    return success(SettingsAnswer.of(service.settings.get(name)))
