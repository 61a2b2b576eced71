"""``POST /v1/embeddings``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.embeddings.schemas import EmbeddingAnswer, EmbeddingBody
from api.embeddings.service import TextEmbeddings
from api.web.answers import json_answer
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithExchange, WithParts
from api.web.openapi import WORKING, json_request, responses

router = APIRouter(prefix="/v1", tags=["embeddings"])

REQUEST = {"model": "all-minilm-l6-v2", "input": ["a goat on a hill", "the price of wool"], "encoding_format": "float"}
ANSWER = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.0123, -0.0456, 0.0789]}],
    "model": "all-minilm-l6-v2",
    "usage": {"prompt_tokens": 6, "total_tokens": 6},
    "variant": "onnx-int8",
}


async def embeddings(parts: WithParts, exchange: WithExchange) -> TextEmbeddings:
    return TextEmbeddings(parts, exchange)


@router.post(
    "/embeddings",
    summary="Embed texts",
    response_model=EmbeddingAnswer,
    responses=responses(ANSWER, WORKING),
    openapi_extra=json_request(EmbeddingBody, REQUEST),
)
async def embed_texts(
    request: Request,
    body: Annotated[EmbeddingBody, Depends(json_body(EmbeddingBody))],
    service: Annotated[TextEmbeddings, Depends(embeddings)],
) -> Response:
    """Places texts in the model's space, in the shape of OpenAI's embeddings API. Texts of concurrent requests share a batch."""
    return json_answer(await attend(request, service.answer(body)))
