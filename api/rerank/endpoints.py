"""``POST /v1/rerank``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.rerank.schemas import RerankAnswer, RerankBody
from api.rerank.service import Reranking
from api.web.answers import json_answer
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithExchange, WithParts
from api.web.openapi import WORKING, json_request, responses

router = APIRouter(prefix="/v1", tags=["rerank"])

REQUEST = {"model": "bge-reranker-v2-m3", "query": "What do goats eat?", "documents": ["Clocks tick.", "Goats graze on hills."], "top_n": 1}
ANSWER = {
    "object": "list",
    "id": "rerank-3f0c",
    "model": "bge-reranker-v2-m3",
    "results": [{"index": 1, "relevance_score": 0.93, "document": {"text": "Goats graze on hills."}}],
    "usage": {"prompt_tokens": 28, "total_tokens": 28},
    "truncated": [],
}


async def reranking(parts: WithParts, exchange: WithExchange) -> Reranking:
    return Reranking(parts, exchange)


@router.post(
    "/rerank",
    summary="Order documents by how well they answer",
    response_model=RerankAnswer,
    responses=responses(ANSWER, WORKING),
    openapi_extra=json_request(RerankBody, REQUEST),
)
async def rerank_documents(
    request: Request,
    body: Annotated[RerankBody, Depends(json_body(RerankBody))],
    service: Annotated[Reranking, Depends(reranking)],
) -> Response:
    """Reads each document together with the query, in the shape of Jina's and Cohere's rerank APIs. Concurrent requests share a batch."""
    return json_answer(await attend(request, service.answer(body)))
