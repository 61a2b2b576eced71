"""``/api/v1/flags``, and ``/ofrep/v1`` where OpenFeature's clients ask."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.flags.schemas import KEY, Evaluation, EvaluationBody, Evaluations, FlagBody, FlagEntry, NewFlagBody
from api.flags.service import Flags
from api.web.answers import Success, json_answer, success
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsAdmin, AsViewer
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/flags", tags=["flags"])
ofrep = APIRouter(prefix="/ofrep/v1/evaluate/flags", tags=["flags"])
routers = (router, ofrep)

TAG = {"name": "flags", "description": "Feature flags: what is on for whom. Any OpenFeature client reads them (OFREP)."}
BODY = {
    "description": "The new answer page.",
    "enabled": True,
    "variants": {"on": True, "off": False},
    "default": "off",
    "rules": [{"where": {"role": ["admin"]}, "variant": "on"}, {"split": {"on": 10, "off": 90}}],
}
FLAG = {
    **BODY,
    "key": "new-answers",
    "rules": [
        {"where": {"role": ["admin"]}, "variant": "on", "split": None},
        {"where": {}, "variant": None, "split": {"on": 10, "off": 90}},
    ],
    "created_at": "2026-11-21T08:30:00Z",
    "updated_at": "2026-11-21T09:30:00Z",
}
CONTEXT = {"context": {"targetingKey": "mira", "plan": "large"}}
EVALUATION = {"key": "new-answers", "value": True, "variant": "on", "reason": "SPLIT", "metadata": {}}
READS = (*READING, 401, 403, 404, 503)
WRITES = (*WORKING, 401, 403, 409)
ASKS = (*WORKING, 401, 403)


async def flags(session: WithSession, principal: AsViewer, trail: WithTrail, parts: WithParts) -> Flags:
    return Flags(session, principal, trail, parts.settings.limits.flags)


WithFlags = Annotated[Flags, Depends(flags)]
FlagPath = Annotated[str, Path(pattern=KEY, description="Name of the flag.")]
Asked = Annotated[EvaluationBody, Depends(json_body(EvaluationBody))]


@router.get(
    "", summary="List flags", response_model=Success[list[FlagEntry]], responses=responses({"status": "success", "data": [FLAG]}, READS)
)
async def list_flags(service: WithFlags) -> Response:
    """Those of your organisation, by key, with their rules."""
    return success(await service.all())


@router.get(
    "/{flag_key}", summary="One flag", response_model=Success[FlagEntry], responses=responses({"status": "success", "data": FLAG}, READS)
)
async def get_flag(flag_key: FlagPath, service: WithFlags) -> Response:
    """What it may answer, and to whom."""
    return success(await service.one(flag_key))


@router.post(
    "",
    summary="Make a flag",
    response_model=Success[FlagEntry],
    responses=responses({"status": "success", "data": FLAG}, WRITES),
    openapi_extra=json_request(NewFlagBody, {"key": "new-answers", **BODY}),
)
async def create_flag(
    body: Annotated[NewFlagBody, Depends(json_body(NewFlagBody, Unprocessable))], service: WithFlags, _: AsAdmin
) -> Response:
    """With nothing but a key it is a boolean that is off for everybody."""
    return success(await service.create(body))


@router.put(
    "/{flag_key}",
    summary="Say a flag anew",
    response_model=Success[FlagEntry],
    responses=responses({"status": "success", "data": FLAG}, WRITES),
    openapi_extra=json_request(FlagBody, BODY),
)
async def replace_flag(
    flag_key: FlagPath, body: Annotated[FlagBody, Depends(json_body(FlagBody, Unprocessable))], service: WithFlags, _: AsAdmin
) -> Response:
    """As a whole, and in force with the next evaluation."""
    return success(await service.replace(flag_key, body))


@router.delete(
    "/{flag_key}",
    summary="Delete a flag",
    response_model=Success[None],
    responses=responses({"status": "success", "data": None}, READS),
)
async def delete_flag(flag_key: FlagPath, service: WithFlags, _: AsAdmin) -> Response:
    """Whoever still asks is told that there is none, and goes by the default in their code."""
    await service.remove(flag_key)
    return success(None)


@ofrep.post(
    "/{flag_key}",
    summary="Evaluate a flag",
    response_model=Evaluation,
    responses=responses(EVALUATION, ASKS),
    openapi_extra=json_request(EvaluationBody, CONTEXT),
)
async def evaluate_flag(flag_key: FlagPath, body: Asked, service: WithFlags) -> Response:
    """What it says for this context; without a `targetingKey`, for you. The same key always gets the same share."""
    return json_answer(await service.answer(flag_key, body.context))


@ofrep.post(
    "",
    summary="Evaluate all flags",
    response_model=Evaluations,
    responses={**responses({"flags": [EVALUATION], "metadata": {}}, ASKS), 304: {"description": "As when `If-None-Match` was answered."}},
    openapi_extra=json_request(EvaluationBody, CONTEXT),
)
async def evaluate_flags(body: Asked, service: WithFlags, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """All of your organisation at once, as a page asks when it opens. The `ETag` changes when an answer would."""
    answer = json_answer(Evaluations(flags=await service.answers(body.context)))
    etag = f'"{hashlib.blake2b(bytes(answer.body), digest_size=16).hexdigest()}"'
    if if_none_match == etag:
        answer = Response(status_code=304)
    answer.headers["ETag"] = etag
    return answer
