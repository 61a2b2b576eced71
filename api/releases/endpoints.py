"""``/api/v1/releases``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.adapters.schemas import RouteEntry
from api.agents.deps import WithGateway
from api.audit.trail import WithOrigin
from api.conversations.examples import ok
from api.gate.examples import ASKED
from api.gate.schemas import ExaminationBody, VerdictEntry
from api.jobs.install import WithDesk
from api.releases.answers import ComparisonAnswer, ShadowPage
from api.releases.examples import BACK, BODY, COMPARISON, EXAMINATION, ID, RELEASE, SHADOW
from api.releases.schemas import (
    BackBody,
    ComparisonQuery,
    ReleaseAnswer,
    ReleaseBody,
    ReleaseDeleted,
    ReleasePage,
    ReleasePromoteBody,
    ReleaseQuery,
    ShadowBody,
    ShadowQuery,
    TryBody,
)
from api.releases.service import ReleaseService
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithParts
from api.web.openapi import READING, json_request, responses
from api.web.principal import AsEditor, AsViewer
from cluster.errors import Unprocessable
from cluster.learning.releases.table import Trial

router = APIRouter(prefix="/api/v1/releases", tags=["releases"])
TAG = {
    "name": "releases",
    "description": "An adapter, a system prompt and retrieval settings that go into service together: tried, compared, taken back.",
}
READS = (*READING, 401, 403, 404, 503)
CHANGES = (*READING, 401, 403, 404, 409, 503)
WRITES = (*READING, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)


async def reading(parts: WithParts, who: AsViewer, origin: WithOrigin) -> ReleaseService:
    return ReleaseService(parts, who, origin)


async def writing(parts: WithParts, who: AsEditor, origin: WithOrigin) -> ReleaseService:
    return ReleaseService(parts, who, origin)


Reading = Annotated[ReleaseService, Depends(reading)]
Writing = Annotated[ReleaseService, Depends(writing)]


@router.get(
    "",
    summary="List releases",
    response_model=Success[ReleasePage],
    responses=responses(ok({"releases": [RELEASE], "next_cursor": None}), READS),
)
async def list_releases(wanted: Annotated[ReleaseQuery, Query()], service: Reading) -> Response:
    """Every version that your organisation keeps, the newest first."""
    return success(await service.page(wanted))


@router.post(
    "",
    summary="Make a release",
    response_model=Success[ReleaseAnswer],
    responses=responses(ok({**RELEASE, "state": "draft"}), WRITES),
    openapi_extra=json_request(ReleaseBody, BODY),
)
async def create_release(
    service: Writing, gateway: WithGateway, body: Annotated[ReleaseBody, Depends(json_body(ReleaseBody, Unprocessable))]
) -> Response:
    """A draft, which may be asked at once as `<base>:release:<name>`. It holds the prompt's text and the whole retrieval settings as they
    are now, and never changes: what is to be otherwise is its next version."""
    return success(await service.create(body, gateway))


@router.post(
    "/rollback",
    summary="Roll back",
    response_model=Success[RouteEntry],
    responses=responses(ok(BACK), WRITES),
    openapi_extra=json_request(BackBody, {"base": "hearth-nano"}),
)
async def roll_back_release(service: Writing, body: Annotated[BackBody, Depends(json_body(BackBody, Unprocessable))]) -> Response:
    """What answered for the base before answers again, the whole of it at once: a release, an adapter, or the model itself. Answers that
    are being written end as they began. A canary or an A/B test ends. The same as at `/api/v1/adapters/rollback`."""
    return success(await service.roll_back(body.base))


@router.get("/{release_id}", summary="One release", response_model=Success[ReleaseAnswer], responses=responses(ok(RELEASE), READS))
async def get_release(release_id: uuid.UUID, service: Reading) -> Response:
    """What it is made of, and where it stands."""
    return success(await service.one(release_id))


@router.delete(
    "/{release_id}",
    summary="Delete a release",
    response_model=Success[ReleaseDeleted],
    responses=responses(ok({"id": ID, "deleted": True}), CHANGES),
)
async def delete_release(release_id: uuid.UUID, service: Writing) -> Response:
    """A draft, or one that was refused or retired, with what it said in the shadow."""
    await service.remove(release_id)
    return success(ReleaseDeleted(id=release_id))


@router.post(
    "/{release_id}/evaluate",
    summary="Examine a release",
    response_model=Success[VerdictEntry],
    responses=responses(ok({**ASKED, "candidate": "hearth-nano:release:support@2"}), WRITES),
    openapi_extra=json_request(ExaminationBody, EXAMINATION),
)
async def evaluate_release(
    release_id: uuid.UUID,
    service: Writing,
    gateway: WithGateway,
    desk: WithDesk,
    body: Annotated[ExaminationBody, Depends(json_body(ExaminationBody, Unprocessable))],
) -> Response:
    """By the gate that adapters pass: its adapter with its prompt, and what is in service, are asked the same items. The verdict is at
    `/api/v1/gate/verdicts`, where an admin may also decide otherwise."""
    return success(await service.evaluate(release_id, body, gateway, desk))


@router.put(
    "/{release_id}/shadow",
    summary="Try a release unseen",
    response_model=Success[ReleaseAnswer],
    responses=responses(ok({**RELEASE, "state": "shadow", "percent": 5.0}), WRITES),
    openapi_extra=json_request(ShadowBody, {"percent": 5}),
)
async def set_shadow(
    release_id: uuid.UUID, service: Writing, body: Annotated[ShadowBody, Depends(json_body(ShadowBody, Unprocessable))]
) -> Response:
    """So many percent of the requests for the base are also put to it, when no model there works for anybody; nobody waits for it, and
    nobody is shown what it says. Only requests of people of whom may be learned, see `/api/v1/feedback/consent`."""
    return success(await service.shadowed(release_id, body.percent))


@router.put(
    "/{release_id}/canary",
    summary="Try a release on a share of those who ask",
    response_model=Success[ReleaseAnswer],
    responses=responses(ok({**RELEASE, "state": "canary", "percent": 10.0}), WRITES),
    openapi_extra=json_request(TryBody, {"percent": 10}),
)
async def set_release_canary(
    release_id: uuid.UUID, service: Writing, body: Annotated[TryBody, Depends(json_body(TryBody, Unprocessable))]
) -> Response:
    """The same conversation always gets it, outside of one the same person, as with an adapter's canary; of one base there is one at a
    time, of an adapter or a release. It has to have passed the gate, unless an admin insists, with a reason."""
    return success(await service.tried(release_id, body, Trial.CANARY))


@router.put(
    "/{release_id}/ab",
    summary="Compare a release with what is in service",
    response_model=Success[ReleaseAnswer],
    responses=responses(ok({**RELEASE, "state": "ab", "percent": 50.0}), WRITES),
    openapi_extra=json_request(TryBody, {"percent": 50}),
)
async def set_ab(release_id: uuid.UUID, service: Writing, body: Annotated[TryBody, Depends(json_body(TryBody, Unprocessable))]) -> Response:
    """A canary that is there to be compared: `/comparison` has what people said of both. It takes the place of a canary of the same
    release. Nothing is promoted by itself."""
    return success(await service.tried(release_id, body, Trial.AB))


@router.post(
    "/{release_id}/promote",
    summary="Put a release into service",
    response_model=Success[ReleaseAnswer],
    responses=responses(ok({**RELEASE, "state": "in_service"}), WRITES),
    openapi_extra=json_request(ReleasePromoteBody, {"if_better": False}),
)
async def promote_release(
    release_id: uuid.UUID, service: Writing, body: Annotated[ReleasePromoteBody, Depends(json_body(ReleasePromoteBody, Unprocessable))]
) -> Response:
    """From now on all of it answers when your organisation asks for its base. It has to have passed the gate, unless an admin insists, with
    a reason; with `if_better` its comparison also has to show that it is better."""
    return success(await service.promote(release_id, body))


@router.post(
    "/{release_id}/retire", summary="Retire a release", response_model=Success[ReleaseAnswer], responses=responses(ok(RELEASE), CHANGES)
)
async def retire_release(release_id: uuid.UUID, service: Writing) -> Response:
    """It is not asked any more, and a rollback passes it over. Refused while requests go to it."""
    return success(await service.retire(release_id))


@router.get(
    "/{release_id}/comparison",
    summary="How a release does beside what is in service",
    response_model=Success[ComparisonAnswer],
    responses=responses(ok(COMPARISON), READS),
)
async def get_comparison(release_id: uuid.UUID, wanted: Annotated[ComparisonQuery, Query()], service: Reading) -> Response:
    """Of its latest canary or A/B test: how conversations went with it and without it, how sure that is, and whether there are enough of
    them. Look as often as you like: `shown` goes by a p-value that holds for that (see cluster/learning/releases/statistics.py)."""
    return success(await service.comparison(release_id, wanted))


@router.get(
    "/{release_id}/shadows",
    summary="What a release said unseen",
    response_model=Success[ShadowPage],
    responses=responses(ok({"shadows": [SHADOW], "next_cursor": None}), READS),
)
async def list_shadows(release_id: uuid.UUID, wanted: Annotated[ShadowQuery, Query()], service: Writing) -> Response:
    """Side by side with what was answered, the latest first; for editors."""
    return success(await service.shadows(release_id, wanted))
