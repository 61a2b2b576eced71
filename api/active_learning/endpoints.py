"""``/api/v1/active-learning``: choosing samples, and campaigns. Labelling itself is in ``labelling_endpoints.py``."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from api.active_learning import labelling_endpoints as labelling
from api.active_learning.answers import AgreementAnswer, CampaignAnswer, ImportedAnswer, ItemAnswer, SelectionAnswer, StatisticsAnswer
from api.active_learning.deps import Reading, WithFiles, WithSelecting, Writing
from api.active_learning.examples import AGREEMENT, CAMPAIGN, CAMPAIGN_BODY, IMPORTED, ITEM, JSONL, SELECT, SELECTION, STATISTICS
from api.active_learning.schemas import CampaignBody, CampaignPatch, CampaignQuery, FormatQuery, ItemQuery, SelectBody
from api.conversations.answers import Listing
from api.conversations.deps import READS, WRITES
from api.conversations.examples import listing, ok
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body, read_all
from api.web.openapi import json_request, responses
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/active-learning", tags=["active learning"])
TAG = {"name": "active learning", "description": "Samples that are worth labelling, and the queue in which people label them."}
_LINES = "application/x-ndjson"
_FILE: dict[str, Any] = {"requestBody": {"required": True, "content": {_LINES: {"schema": {"type": "string"}, "example": JSONL}}}}


@router.post(
    "/select-samples",
    summary="Choose samples to label",
    response_model=Success[SelectionAnswer],
    responses=responses(ok(SELECTION), WRITES),
    openapi_extra=json_request(SelectBody, SELECT),
)
async def select_samples(
    request: Request, service: WithSelecting, body: Annotated[SelectBody, Depends(json_body(SelectBody, Unprocessable))]
) -> Response:
    """Of unlabelled traffic (your own; of others where the conversation's metadata has `"consent_to_learning": true`), or of given samples,
    those that are worth a label most. The score is the mean, by `weights`, of four parts in 0..1: uncertainty (rank among the candidates of
    token entropy, of the margin between the two likeliest tokens, and of the disagreement with a second model), diversity (distance to
    those chosen before and those in the queue: the greedy k-centre of core-sets), novelty (distance to decided labels) and value (share of
    the traffic in its cluster). `at_random` is what a random choice of the same size would be worth."""
    return success(await attend(request, service.select(body)))


@router.post(
    "/campaigns",
    summary="Make a labelling campaign",
    response_model=Success[CampaignAnswer],
    responses=responses(ok(CAMPAIGN), WRITES),
    openapi_extra=json_request(CampaignBody, CAMPAIGN_BODY),
)
async def create(service: Writing, body: Annotated[CampaignBody, Depends(json_body(CampaignBody, Unprocessable))]) -> Response:
    """A queue of items of one task, and what a label of them is."""
    return success(await service.create(body))


@router.get(
    "/campaigns",
    summary="List labelling campaigns",
    response_model=Success[Listing[CampaignAnswer]],
    responses=responses(listing(CAMPAIGN), READS),
)
async def list_campaigns(service: Reading, wanted: Annotated[CampaignQuery, Query()]) -> Response:
    """The organisation's campaigns by name."""
    return success(await service.page(wanted))


@router.get(
    "/campaigns/{campaign_id}",
    summary="One labelling campaign",
    response_model=Success[CampaignAnswer],
    responses=responses(ok(CAMPAIGN), READS),
)
async def get(service: Reading, campaign_id: uuid.UUID) -> Response:
    """What people are told, and what a label is."""
    return success(await service.get(campaign_id))


@router.patch(
    "/campaigns/{campaign_id}",
    summary="Change a labelling campaign",
    response_model=Success[CampaignAnswer],
    responses=responses(ok(CAMPAIGN | {"state": "closed"}), WRITES),
    openapi_extra=json_request(CampaignPatch, {"instructions": "Write the right answer, in one sentence."}),
)
async def change(
    service: Writing, campaign_id: uuid.UUID, body: Annotated[CampaignPatch, Depends(json_body(CampaignPatch, Unprocessable))]
) -> Response:
    """A closed campaign gives nothing out; what people hold may still be submitted."""
    return success(await service.change(campaign_id, body))


@router.get(
    "/campaigns/{campaign_id}/items",
    summary="Items of a labelling campaign",
    response_model=Success[Listing[ItemAnswer]],
    responses=responses(listing(ITEM), (*READS, 422)),
)
async def items(service: Writing, campaign_id: uuid.UUID, wanted: Annotated[ItemQuery, Query()]) -> Response:
    """In the order in which they came, with what everybody said. `state=disputed` lists those that somebody has to decide."""
    return success(await service.items(campaign_id, wanted))


@router.get(
    "/campaigns/{campaign_id}/statistics",
    summary="How a labelling campaign stands",
    response_model=Success[StatisticsAnswer],
    responses=responses(ok(STATISTICS), READS),
)
async def statistics(service: Reading, campaign_id: uuid.UUID) -> Response:
    """Items by state, what each person did and how long they took, and what was decided how often."""
    return success(await service.statistics(campaign_id))


@router.get(
    "/campaigns/{campaign_id}/agreement",
    summary="How much people agree",
    response_model=Success[AgreementAnswer],
    responses=responses(ok(AGREEMENT), READS),
)
async def agreement(service: Reading, campaign_id: uuid.UUID) -> Response:
    """Krippendorff's alpha of all labels, and Cohen's kappa of each two people. Labels agree where they are equal, less white space in
    texts and the order of keys in JSON."""
    return success(await service.agreement(campaign_id))


@router.post(
    "/campaigns/{campaign_id}/import",
    summary="Import items and labels",
    response_model=Success[ImportedAnswer],
    responses=responses(ok(IMPORTED), WRITES),
    openapi_extra=_FILE,
)
async def bring(request: Request, service: Writing, campaign_id: uuid.UUID, wanted: Annotated[FormatQuery, Query()]) -> Response:
    """A file of JSON lines, of Label Studio's tasks or of Argilla's records, as the body. All of it or nothing: a record that is wrong is
    named. Items that are there already get the labels that are new; nothing is overwritten."""
    return success(await service.bring(campaign_id, await read_all(request), wanted.format))


@router.get(
    "/campaigns/{campaign_id}/export",
    summary="Export items and labels",
    response_class=StreamingResponse,
    responses=responses(None, (*READS, 422), media={_LINES: JSONL, "application/json": [{"data": {"text": "When do the goats eat?"}}]}),
)
async def export(service: WithFiles, campaign_id: uuid.UUID, wanted: Annotated[FormatQuery, Query()]) -> Response:
    """Every item with its labels: JSON lines (all that is known), or one JSON list that Label Studio or Argilla imports. Label Studio's
    interface for it has `<Text name="text" value="$text"/>` and, named `label`, Choices or a TextArea; Argilla's questions are called
    `label`, its fields `text`, `chat` and `answer`."""
    campaign = await service.campaign(campaign_id)
    media, ending = (_LINES, "jsonl") if wanted.format == "jsonl" else ("application/json", "json")
    headers = {"Content-Disposition": f'attachment; filename="labels-{wanted.format}.{ending}"'}
    return StreamingResponse(service.rows(campaign, wanted.format), media_type=media, headers=headers)


routers: tuple[APIRouter, ...] = (router, labelling.router)
