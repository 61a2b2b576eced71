"""What one knowledge item said before, how good it is, who may see it, and what it is related to."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from api.conversations.answers import Done
from api.conversations.deps import READS, WRITES
from api.conversations.examples import done, ok
from api.knowledge.answers import Diff, ItemAnswer, LinkAnswer, Permissions, Related, VersionAnswer
from api.knowledge.deps import ReadingItems, SeeingShares, WithFinding, WithOpinions, WritingItems, WritingShares
from api.knowledge.examples import ASSESSED, CHECKED, DIFF, ITEM, LINK, OTHER, PERMISSIONS, RELATED, VERSION
from api.knowledge.related import related
from api.knowledge.schemas import (
    AssessBody,
    ConfirmBody,
    DiffQuery,
    LinkBody,
    PermissionsBody,
    RelatedQuery,
    RestoreBody,
    VerdictBody,
    VersionsQuery,
)
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithParts
from api.web.openapi import json_request, responses
from api.web.principal import AsViewer
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/knowledge/items/{item_id}", tags=["knowledge"])


@router.post(
    "/classification",
    summary="Confirm a category and tags",
    response_model=Success[ItemAnswer],
    responses=responses(ok(ITEM), WRITES),
    openapi_extra=json_request(ConfirmBody, {"version": 1, "category": "animals", "tags": ["goats"]}),
)
async def confirm(
    service: WritingItems, item_id: uuid.UUID, body: Annotated[ConfirmBody, Depends(json_body(ConfirmBody, Unprocessable))]
) -> Response:
    """What you say, and for what you leave out what was proposed; makes a new version."""
    return success(await service.confirm(item_id, body))


@router.get(
    "/versions", summary="Versions of an item", response_model=Success[list[VersionAnswer]], responses=responses(ok([VERSION]), READS)
)
async def versions(service: ReadingItems, item_id: uuid.UUID, wanted: Annotated[VersionsQuery, Query()]) -> Response:
    """What the item said at each time, the latest first. Versions are never changed."""
    return success(await service.versions(item_id, wanted))


@router.get(
    "/versions/{version}", summary="One version of an item", response_model=Success[VersionAnswer], responses=responses(ok(VERSION), READS)
)
async def version(service: ReadingItems, item_id: uuid.UUID, version: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> Response:
    """What the item said in that version, category and tags included."""
    return success(await service.version(item_id, version))


@router.get("/diff", summary="How two versions differ", response_model=Success[Diff], responses=responses(ok(DIFF), READS))
async def diff(service: ReadingItems, item_id: uuid.UUID, wanted: Annotated[DiffQuery, Query()]) -> Response:
    """Which parts differ, and the content line by line as a unified diff."""
    return success(await service.diff(item_id, wanted))


@router.post(
    "/restore",
    summary="Go back to a version",
    response_model=Success[ItemAnswer],
    responses=responses(ok(ITEM), WRITES),
    openapi_extra=json_request(RestoreBody, {"version": 1, "latest": 1}),
)
async def restore(
    service: WritingItems, item_id: uuid.UUID, body: Annotated[RestoreBody, Depends(json_body(RestoreBody, Unprocessable))]
) -> Response:
    """Makes a new version that says what an earlier one said."""
    return success(await service.restore(item_id, body))


@router.post(
    "/assessment",
    summary="Assess an item",
    response_model=Success[ItemAnswer],
    responses=responses(ok(ASSESSED), WRITES),
    openapi_extra=json_request(AssessBody, {"use_model": True}),
)
async def assess(
    request: Request, service: WithOpinions, item_id: uuid.UUID, body: Annotated[AssessBody, Depends(json_body(AssessBody, Unprocessable))]
) -> Response:
    """How good the latest version is, with reasons and problems: what is there, sources, checks, age, twins, and a model's grade."""
    return success(await attend(request, service.assess(item_id, body)))


@router.post(
    "/verdict",
    summary="Say whether an item holds",
    response_model=Success[ItemAnswer],
    responses=responses(ok(CHECKED), WRITES),
    openapi_extra=json_request(VerdictBody, {"version": 1, "verdict": "valid", "note": "Checked in the stable."}),
)
async def judge(
    service: WritingItems, item_id: uuid.UUID, body: Annotated[VerdictBody, Depends(json_body(VerdictBody, Unprocessable))]
) -> Response:
    """A person's word on one version: valid, disputed or outdated. A later version has to be checked again."""
    return success(await service.judge(item_id, body))


@router.get("/permissions", summary="Who may see an item", response_model=Success[Permissions], responses=responses(ok(PERMISSIONS), READS))
async def permissions(service: SeeingShares, item_id: uuid.UUID) -> Response:
    """What the organisation may do with the item, and whom it is shared with."""
    return success(await service.permissions(item_id))


@router.put(
    "/permissions",
    summary="Say who may see an item",
    response_model=Success[Permissions],
    responses=responses(ok(PERMISSIONS), WRITES),
    openapi_extra=json_request(PermissionsBody, {"audience": "none", "shares": []}),
)
async def permit(
    service: WritingShares, item_id: uuid.UUID, body: Annotated[PermissionsBody, Depends(json_body(PermissionsBody, Unprocessable))]
) -> Response:
    """All of it at once: private (`none`), to read or to change for the organisation, and users and teams besides."""
    return success(await service.permit(item_id, body))


@router.get("/related", summary="What an item is related to", response_model=Success[Related], responses=responses(ok(RELATED), READS))
async def neighbours(
    parts: WithParts, who: AsViewer, finding: WithFinding, item_id: uuid.UUID, wanted: Annotated[RelatedQuery, Query()]
) -> Response:
    """The items that can be reached by relations, through items that you may see; and those that say something alike."""
    return success(await related(parts, who, finding, item_id, wanted))


@router.post(
    "/links",
    summary="Relate two items",
    response_model=Success[LinkAnswer],
    responses=responses(ok(LINK), WRITES),
    openapi_extra=json_request(LinkBody, {"to_id": OTHER, "kind": "follows"}),
)
async def relate(
    service: WritingShares, item_id: uuid.UUID, body: Annotated[LinkBody, Depends(json_body(LinkBody, Unprocessable))]
) -> Response:
    """A relation from this item to another that you may see; of each kind once."""
    return success(await service.relate(item_id, body))


@router.delete("/links/{link_id}", summary="Part two items", response_model=Success[Done], responses=responses(done("deleted"), READS))
async def part(service: WritingShares, item_id: uuid.UUID, link_id: uuid.UUID) -> Response:
    """The relation goes, on whichever side the item stands; both items stay."""
    await service.unrelate(item_id, link_id)
    return success(Done(id=link_id, done="deleted"))
