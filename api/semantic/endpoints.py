"""Semantic services below ``/api/v1/semantic``; what they keep is in ``fact_endpoints.py``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.conversations.deps import READS, WRITES
from api.conversations.examples import ok
from api.semantic import fact_endpoints as facts
from api.semantic.answers import Chunks, Classified, Duplicates, EmbedData, Extracted, Importance, SearchData, SemanticHealth
from api.semantic.deps import WithExtraction, WithJudging, WithSimilarity
from api.semantic.health import health
from api.semantic.schemas import ChunkBody, ClassifyBody, DuplicatesBody, EmbedBody, ExtractBody, ImportanceBody, SearchBody
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithParts
from api.web.openapi import json_request, responses
from api.web.principal import AsViewer
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/semantic", tags=["semantic"])
TAG = {"name": "semantic", "description": "What texts mean: vectors, search, duplicates, labels, weight, entities and their relations."}

MODEL = "all-minilm-l6-v2"
TEXT = "Ada Lovelace worked with Charles Babbage from 1833."
SPAN = {"start": 0, "end": 50}
SEARCH = {"query": "who feeds the goats", "texts": ["Mira feeds the goats.", "Clocks tick."], "threshold": 0.3}
HIT = {
    "index": 0,
    "text": "Mira feeds the goats.",
    "score": 0.81,
    "document": None,
    "chunk": None,
    "start": None,
    "end": None,
    "page": None,
}
RELATION = {
    "id": None,
    "subject": "Ada Lovelace",
    "predicate": "worked with",
    "object": "Charles Babbage",
    "confidence": 0.95,
    "quote": TEXT,
    **SPAN,
    "held": {"since": "1833-01-01", "until": None},
    "attributes": {},
}
EXTRACTED = {
    "model": "qwen3-4b",
    "entities": [{"id": None, "name": "Ada Lovelace", "type": "person", "confidence": 0.95, "start": 0, "end": 12}],
    "relations": [RELATION],
    "dropped": {"quote not in the text": 1},
    "kept": False,
}
CLASSIFIED = {
    "labels": ["animals"],
    "scores": [{"label": "animals", "score": 0.9}, {"label": "clocks", "score": 0.1}],
    "model": "qwen3-4b",
    "embedding_model": MODEL,
}
REASON = {"name": "relevance", "score": 0.8, "weight": 0.3, "says": "Its meaning is 80% that of the context."}
HEALTH = {
    "status": "ok",
    "models": [{"model": MODEL, "kind": "embedding", "state": "ready"}],
    "index": "ok",
    "entities": 2,
    "relations": 1,
    "merges": 0,
    "mean_confidence": 0.95,
}


@router.post(
    "/embed",
    summary="Embed texts",
    response_model=Success[EmbedData],
    responses=responses(
        ok({"model": MODEL, "variant": "onnx-int8", "dimensions": 2, "embeddings": [[0.6, 0.8]], "prompt_tokens": 4}), WRITES
    ),
    openapi_extra=json_request(EmbedBody, {"texts": ["a goat on a hill"]}),
)
async def embed(
    request: Request, service: WithSimilarity, body: Annotated[EmbedBody, Depends(json_body(EmbedBody, Unprocessable))]
) -> Response:
    """Vectors of length 1, by the profile's first embedding model that is ready, or the one named."""
    return success(await attend(request, service.embed(body)))


@router.post(
    "/search",
    summary="Search by meaning",
    response_model=Success[SearchData],
    responses=responses(ok({"model": MODEL, "threshold": 0.3, "hits": [HIT]}), WRITES),
    openapi_extra=json_request(SearchBody, SEARCH),
)
async def search(
    request: Request, service: WithSimilarity, body: Annotated[SearchBody, Depends(json_body(SearchBody, Unprocessable))]
) -> Response:
    """What of the texts given, or of a collection's documents, is at least as near to the query as the threshold. A text longer than the
    model reads is compared by the mean of its parts."""
    return success(await attend(request, service.search(body)))


@router.post(
    "/chunk",
    summary="Cut a text into chunks",
    response_model=Success[Chunks],
    responses=responses(ok({"chunks": [{"number": 0, "text": TEXT, **SPAN, "parent": None, "is_parent": False}], "chars": 50}), WRITES),
    openapi_extra=json_request(ChunkBody, {"text": TEXT}),
)
async def cut(
    request: Request, service: WithSimilarity, body: Annotated[ChunkBody, Depends(json_body(ChunkBody, Unprocessable))]
) -> Response:
    """Whole sentences up to a size, with 200 characters that neighbours share by default; each chunk is an exact span of the text."""
    return success(await attend(request, service.chunks(body)))


@router.post(
    "/detect-duplicates",
    summary="Find texts that say the same",
    response_model=Success[Duplicates],
    responses=responses(
        ok(
            {
                "model": MODEL,
                "pairs": [{"first": 0, "second": 1, "tier": "exact", "confidence": 1.0, "reason": "They hold the same words (100%)."}],
            }
        ),
        WRITES,
    ),
    openapi_extra=json_request(DuplicatesBody, {"texts": ["Goats climb.", "goats climb!"]}),
)
async def detect_duplicates(
    request: Request, service: WithSimilarity, body: Annotated[DuplicatesBody, Depends(json_body(DuplicatesBody, Unprocessable))]
) -> Response:
    """Pairs of texts with a confidence and why: exact above 0.95, near_exact above 0.90, semantic above 0.85."""
    return success(await attend(request, service.duplicates(body)))


@router.post(
    "/extract-relations",
    summary="Extract entities and relations",
    response_model=Success[Extracted],
    responses=responses(ok(EXTRACTED), WRITES),
    openapi_extra=json_request(ExtractBody, {"text": TEXT, "entity_types": ["person"], "relation_types": ["worked with"], "keep": True}),
)
async def extract_relations(
    request: Request, service: WithExtraction, body: Annotated[ExtractBody, Depends(json_body(ExtractBody, Unprocessable))]
) -> Response:
    """What the text states, in the types you give or any, with the passage that states it. The model's answer is held to the form, and what
    does not stand in the text is dropped and counted."""
    return success(await attend(request, service.extract(body)))


@router.post(
    "/classify",
    summary="Classify a text",
    response_model=Success[Classified],
    responses=responses(ok(CLASSIFIED), WRITES),
    openapi_extra=json_request(ClassifyBody, {"text": "Goats climb.", "labels": ["animals", {"name": "clocks", "description": "time"}]}),
)
async def classify(
    request: Request, service: WithJudging, body: Annotated[ClassifyBody, Depends(json_body(ClassifyBody, Unprocessable))]
) -> Response:
    """Which of your labels hold: a language model chooses among them and nothing else, and embeddings weigh in on the scores. Of a text
    longer than the model's context it reads the beginning."""
    return success(await attend(request, service.classify(body)))


@router.post(
    "/score-importance",
    summary="Score how much a text matters",
    response_model=Success[Importance],
    responses=responses(ok({"score": 0.8, "reasons": [REASON], "model": "qwen3-4b", "embedding_model": MODEL}), WRITES),
    openapi_extra=json_request(ImportanceBody, {"text": "The gate is open.", "context": "Are the goats safe?"}),
)
async def score_importance(
    request: Request, service: WithJudging, body: Annotated[ImportanceBody, Depends(json_body(ImportanceBody, Unprocessable))]
) -> Response:
    """A score from 0 to 1 with the reasons it is made of: a model's judgement, nearness to the context, novelty, substance, age. Of a text
    longer than the model's context it judges the beginning."""
    return success(await attend(request, service.importance(body)))


@router.get(
    "/health",
    summary="Health of the semantic services",
    response_model=Success[SemanticHealth],
    responses=responses(ok(HEALTH), READS),
)
async def semantic_health(parts: WithParts, who: AsViewer) -> Response:
    """Which models can answer, whether the index does, and how much your organisation keeps."""
    return success(await health(parts, who))


routers: tuple[APIRouter, ...] = (router, facts.router)
