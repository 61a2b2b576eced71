"""Knowledge items below ``/api/v1/knowledge``: kept, found, classified. One item's history and sharing are in ``item_endpoints.py``."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.conversations.answers import Done, Listing
from api.conversations.deps import READS, WRITES
from api.conversations.examples import done, listing, ok
from api.knowledge import item_endpoints as item
from api.knowledge.answers import Counted, FoundItems, ItemAnswer, Proposal, Queued
from api.knowledge.deps import Embedding, ReadingItems, WithFinding, WithOpinions, WritingItems
from api.knowledge.examples import BODY, FOUND, ID, ITEM, PROPOSAL
from api.knowledge.install import WithIndexer
from api.knowledge.schemas import EmbeddingsBody, FindBody, ItemBody, ItemChange, ItemQuery, ProposeBody, TagsQuery
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.openapi import json_request, responses
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/knowledge", tags=["knowledge"])
TAG = {"name": "knowledge", "description": "What people know: items with versions, categories, relations, checks and permissions."}


@router.post(
    "/items",
    summary="Keep a knowledge item",
    response_model=Success[ItemAnswer],
    responses=responses(ok(ITEM), WRITES),
    openapi_extra=json_request(ItemBody, BODY),
)
async def create(service: WritingItems, body: Annotated[ItemBody, Depends(json_body(ItemBody, Unprocessable))]) -> Response:
    """An item in its first version. Search finds it within moments, whatever happens in between."""
    return success(await service.create(body))


@router.get(
    "/items", summary="List knowledge items", response_model=Success[Listing[ItemAnswer]], responses=responses(listing(ITEM), READS)
)
async def list_items(service: ReadingItems, wanted: Annotated[ItemQuery, Query()]) -> Response:
    """The items that you may see, the latest change first."""
    return success(await service.page(wanted))


@router.get("/items/{item_id}", summary="One knowledge item", response_model=Success[ItemAnswer], responses=responses(ok(ITEM), READS))
async def get(service: ReadingItems, item_id: uuid.UUID) -> Response:
    """The item in its latest version, with what is proposed, assessed and found about it."""
    return success(await service.get(item_id))


@router.put(
    "/items/{item_id}",
    summary="Change a knowledge item",
    response_model=Success[ItemAnswer],
    responses=responses(ok(ITEM), WRITES),
    openapi_extra=json_request(ItemChange, {"version": 1, "content": "Goats are fed at seven.", "note": "Winter."}),
)
async def change(
    service: WritingItems, item_id: uuid.UUID, body: Annotated[ItemChange, Depends(json_body(ItemChange, Unprocessable))]
) -> Response:
    """Makes a new version; earlier ones stay. `version` says which one was read: if somebody was faster, nothing is lost and it is 409."""
    return success(await service.change(item_id, body))


@router.delete(
    "/items/{item_id}", summary="Delete a knowledge item", response_model=Success[Done], responses=responses(done("deleted"), READS)
)
async def delete(service: WritingItems, item_id: uuid.UUID) -> Response:
    """The item with all versions, relations and shares; at once for people, within moments in the index."""
    await service.delete(item_id)
    return success(Done(id=item_id, done="deleted"))


@router.post(
    "/search",
    summary="Search knowledge items",
    response_model=Success[FoundItems],
    responses=responses(ok({"model": "all-minilm-l6-v2", "hits": [FOUND]}), WRITES),
    openapi_extra=json_request(FindBody, {"query": "when do the goats eat", "limit": 5}),
)
async def search(
    request: Request, service: WithFinding, body: Annotated[FindBody, Depends(json_body(FindBody, Unprocessable))]
) -> Response:
    """The items that you may see, by what they mean and the words they use, each with its best passage."""
    return success(await attend(request, service.find(body)))


@router.post(
    "/embeddings",
    summary="Embed knowledge items again",
    response_model=Success[Queued],
    responses=responses(ok({"model": "all-minilm-l6-v2", "items": 1}), WRITES),
    openapi_extra=json_request(EmbeddingsBody, {"item_ids": [ID]}),
)
async def embed_again(
    request: Request,
    service: Embedding,
    indexer: WithIndexer,
    body: Annotated[EmbeddingsBody, Depends(json_body(EmbeddingsBody, Unprocessable))],
) -> Response:
    """Makes the vectors of items anew, soon; without ids of up to a thousand that you may change. `is_indexed` of an item says when."""
    queued = await attend(request, service.embed_again(body))
    indexer.wake()
    return success(queued)


@router.get(
    "/categories",
    summary="Categories in use",
    response_model=Success[list[Counted]],
    responses=responses(ok([{"name": "animals", "items": 3}]), READS),
)
async def categories(service: ReadingItems) -> Response:
    """The categories of the items that you may see, with how many there are."""
    return success(await service.categories())


@router.get(
    "/tags", summary="Tags in use", response_model=Success[list[Counted]], responses=responses(ok([{"name": "goats", "items": 3}]), READS)
)
async def tags(service: ReadingItems, wanted: Annotated[TagsQuery, Query()]) -> Response:
    """The tags of the items that you may see, the most frequent first."""
    return success(await service.tags(wanted.limit))


@router.post(
    "/classify",
    summary="Propose a category and tags",
    response_model=Success[Proposal],
    responses=responses(ok(PROPOSAL), WRITES),
    openapi_extra=json_request(ProposeBody, {"item_id": ID, "categories": ["animals", "clocks"]}),
)
async def classify(
    request: Request, service: WithOpinions, body: Annotated[ProposeBody, Depends(json_body(ProposeBody, Unprocessable))]
) -> Response:
    """Proposed by a language model that chooses among the categories, and by items that say something alike; confirmed by a person."""
    return success(await attend(request, service.propose(body)))


routers: tuple[APIRouter, ...] = (router, item.router)
