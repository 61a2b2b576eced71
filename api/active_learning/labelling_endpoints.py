"""Labelling below ``/api/v1/active-learning``: being given items, saying what is right, and deciding where people disagree."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.active_learning.answers import GivenAnswer, ItemAnswer, NextAnswer
from api.active_learning.deps import WithLabelling, Writing
from api.active_learning.examples import GIVEN, ITEM, LABELLED
from api.active_learning.schemas import LabelBody, NextBody, SkipBody
from api.conversations.deps import READS, WRITES
from api.conversations.examples import ok
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.openapi import json_request, responses
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/active-learning", tags=["active learning"])


@router.post(
    "/campaigns/{campaign_id}/next",
    summary="Be given items to label",
    response_model=Success[NextAnswer],
    responses=responses(ok({"items": [GIVEN], "remaining": 12}), WRITES),
    openapi_extra=json_request(NextBody, {"count": 1}),
)
async def next_items(
    service: WithLabelling, campaign_id: uuid.UUID, body: Annotated[NextBody, Depends(json_body(NextBody, Unprocessable))]
) -> Response:
    """Those that you hold, filled up to `count` with the best that are free; so to ask again gives the same. They are yours until
    `lease_until`, and free for others after it."""
    return success(await service.next(campaign_id, body.count))


@router.post(
    "/assignments/{assignment_id}/submit",
    summary="Label an item",
    response_model=Success[GivenAnswer],
    responses=responses(ok(LABELLED), WRITES),
    openapi_extra=json_request(LabelBody, {"value": "At seven."}),
)
async def submit(
    service: WithLabelling, assignment_id: uuid.UUID, body: Annotated[LabelBody, Depends(json_body(LabelBody, Unprocessable))]
) -> Response:
    """The same label sent twice counts once. When an item has its labels, what more than half say counts, else it is disputed. A label that
    comes too late is taken as long as the item still needs one; else it is 409."""
    return success(await service.submit(assignment_id, body.value))


@router.post(
    "/assignments/{assignment_id}/skip",
    summary="Skip an item",
    response_model=Success[GivenAnswer],
    responses=responses(ok(GIVEN | {"state": "skipped", "lease_until": None}), WRITES),
    openapi_extra=json_request(SkipBody, {"remark": "I cannot tell."}),
)
async def skip(
    service: WithLabelling, assignment_id: uuid.UUID, body: Annotated[SkipBody, Depends(json_body(SkipBody, Unprocessable))]
) -> Response:
    """You are not given it again; others are."""
    return success(await service.skip(assignment_id, body.remark))


@router.post(
    "/assignments/{assignment_id}/extend",
    summary="Hold an item longer",
    response_model=Success[GivenAnswer],
    responses=responses(ok(GIVEN), (*READS, 409)),
)
async def extend(service: WithLabelling, assignment_id: uuid.UUID) -> Response:
    """For the campaign's time, from now on."""
    return success(await service.extend(assignment_id))


@router.get("/items/{label_item_id}", summary="One item", response_model=Success[ItemAnswer], responses=responses(ok(ITEM), READS))
async def get_item(service: Writing, label_item_id: uuid.UUID) -> Response:
    """The item with what everybody said."""
    return success(await service.item(label_item_id))


@router.post(
    "/items/{label_item_id}/adjudicate",
    summary="Decide an item",
    response_model=Success[ItemAnswer],
    responses=responses(ok(ITEM | {"state": "adjudicated"}), WRITES),
    openapi_extra=json_request(LabelBody, {"value": "At seven."}),
)
async def adjudicate(
    service: Writing, label_item_id: uuid.UUID, body: Annotated[LabelBody, Depends(json_body(LabelBody, Unprocessable))]
) -> Response:
    """Your word counts, whatever the item's state; what people said stays beside it."""
    return success(await service.adjudicate(label_item_id, body.value))
