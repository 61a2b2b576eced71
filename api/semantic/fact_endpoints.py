"""Entities, relations and merges below ``/api/v1/semantic``."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.conversations.answers import Done, Listing
from api.conversations.deps import READS, WRITES
from api.conversations.examples import CONVERSATION, done, listing, ok
from api.semantic.answers import Candidate, EntityAnswer, MergeAnswer, RelationAnswer
from api.semantic.deps import ReadingFacts, ReadingMerges, WritingFacts, WritingMerges
from api.semantic.schemas import CandidateQuery, EntityQuery, MergeBody, PageQuery, RelationQuery
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.openapi import json_request, responses
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/semantic", tags=["semantic"])

ID, OTHER = str(CONVERSATION["id"]), "0d6a8f0c-7c1e-4d0d-8a55-3b5c2f9d1e44"
ENTITY = {
    "id": ID,
    "name": "Ada Lovelace",
    "type": "person",
    "confidence": 0.95,
    "also": ["A. Lovelace"],
    "merged_into": None,
    "created_at": "2026-01-01T12:00:00Z",
}
RELATION = {
    "id": ID,
    "subject": {"id": ID, "name": "Ada Lovelace", "type": "person", "said": "A. Lovelace"},
    "predicate": "worked with",
    "object": {"id": OTHER, "name": "Charles Babbage", "type": "person", "said": "Charles Babbage"},
    "confidence": 0.95,
    "quote": "A. Lovelace worked with Charles Babbage from 1833.",
    "start": 0,
    "end": 50,
    "source": "letters.txt",
    "text_hash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "held": {"since": "1833-01-01", "until": None},
    "attributes": {},
    "created_at": "2026-01-01T12:00:00Z",
}
MERGE = {"id": ID, "kept_id": ID, "merged_id": OTHER, "reason": "The same person.", "created_at": "2026-01-01T12:00:00Z", "undone_at": None}


@router.get(
    "/entities", summary="List entities", response_model=Success[Listing[EntityAnswer]], responses=responses(listing(ENTITY), READS)
)
async def entities(service: ReadingFacts, wanted: Annotated[EntityQuery, Query()]) -> Response:
    """What the organisation's kept relations are about, the latest first."""
    return success(await service.entities(wanted))


@router.get(
    "/relations", summary="List relations", response_model=Success[Listing[RelationAnswer]], responses=responses(listing(RELATION), READS)
)
async def relations(service: ReadingFacts, wanted: Annotated[RelationQuery, Query()]) -> Response:
    """The organisation's kept relations with the passage that states each, the latest first. Merged entities show the one that stands for
    them."""
    return success(await service.relations(wanted))


@router.post(
    "/entities/merge",
    summary="Merge two entities",
    response_model=Success[MergeAnswer],
    responses=responses(ok(MERGE), WRITES),
    openapi_extra=json_request(MergeBody, {"keep_id": ID, "merge_id": OTHER, "reason": "The same person."}),
)
async def merge(service: WritingMerges, body: Annotated[MergeBody, Depends(json_body(MergeBody, Unprocessable))]) -> Response:
    """One entity stands for both from now on. Nothing is rewritten, so the merge can be undone at any time."""
    return success(await service.merge(body))


@router.get(
    "/entities/{entity_id}/candidates",
    summary="Entities that may be the same",
    response_model=Success[list[Candidate]],
    responses=responses(ok([{"entity": ENTITY, "similarity": 0.9, "reason": "One name abbreviates the other."}]), READS),
)
async def candidates(service: ReadingMerges, entity_id: uuid.UUID, wanted: Annotated[CandidateQuery, Query()]) -> Response:
    """Entities with a name that may mean the same one, the likeliest first; whether they do is for a person to say."""
    return success(await service.candidates(entity_id, wanted))


@router.delete(
    "/entities/{entity_id}", summary="Delete an entity", response_model=Success[Done], responses=responses(done("deleted"), READS)
)
async def remove_entity(service: WritingFacts, entity_id: uuid.UUID) -> Response:
    """The entity, all its relations, and merges that it was part of."""
    await service.remove_entity(entity_id)
    return success(Done(id=entity_id, done="deleted"))


@router.delete(
    "/relations/{relation_id}", summary="Delete a relation", response_model=Success[Done], responses=responses(done("deleted"), READS)
)
async def remove_relation(service: WritingFacts, relation_id: uuid.UUID) -> Response:
    """The relation alone; its entities stay."""
    await service.remove_relation(relation_id)
    return success(Done(id=relation_id, done="deleted"))


@router.get("/merges", summary="List merges", response_model=Success[Listing[MergeAnswer]], responses=responses(listing(MERGE), READS))
async def merges(service: ReadingMerges, wanted: Annotated[PageQuery, Query()]) -> Response:
    """Which entities were merged, by the latest merge first; those that were undone too."""
    return success(await service.merges(wanted))


@router.post(
    "/merges/{entity_merge_id}/undo", summary="Undo a merge", response_model=Success[MergeAnswer], responses=responses(ok(MERGE), WRITES)
)
async def undo(service: WritingMerges, entity_merge_id: uuid.UUID) -> Response:
    """Both entities stand for themselves again, each with the relations that its own texts state."""
    return success(await service.undo(entity_merge_id))
