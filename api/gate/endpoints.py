"""``/api/v1/gate``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.agents.deps import WithGateway
from api.audit.trail import WithTrail
from api.gate.examples import ASKED, DECISION, DETAIL, ENTRY, EVALUATE, GATE, PAIR
from api.gate.schemas import (
    AnswerQuery,
    DecisionBody,
    EvaluateBody,
    GateEntry,
    GateList,
    SideBySidePage,
    VerdictDetail,
    VerdictEntry,
    VerdictPage,
    VerdictQuery,
)
from api.gate.service import GateService
from api.jobs.install import WithDesk
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.openapi import READING, json_request, responses
from api.web.principal import AsAdmin, AsEditor, AsViewer
from cluster.errors import Unprocessable
from cluster.specs.gate import gates

router = APIRouter(prefix="/api/v1/gate", tags=["gate"])
TAG = {"name": "gate", "description": "What an adapter has to pass before it goes into service, and what was found of those that tried."}
READS = (*READING, 401, 403, 404, 503)
WRITES = (*READS, 408, 413, 415, 422, 429)


async def reading(parts: WithParts, session: WithSession, who: AsViewer, trail: WithTrail, desk: WithDesk) -> GateService:
    return GateService(session, who, trail, desk, parts.settings)


async def asking(parts: WithParts, session: WithSession, who: AsEditor, trail: WithTrail, desk: WithDesk) -> GateService:
    return GateService(session, who, trail, desk, parts.settings)


async def deciding(parts: WithParts, session: WithSession, who: AsAdmin, trail: WithTrail, desk: WithDesk) -> GateService:
    return GateService(session, who, trail, desk, parts.settings)


Reading = Annotated[GateService, Depends(reading)]
Asking = Annotated[GateService, Depends(asking)]
Deciding = Annotated[GateService, Depends(deciding)]


def _ok(example: object) -> dict[str, object]:
    return {"status": "success", "data": example}


@router.post(
    "/evaluate",
    summary="Examine an adapter",
    response_model=Success[VerdictEntry],
    responses=responses(_ok(ASKED), WRITES),
    openapi_extra=json_request(EvaluateBody, EVALUATE),
)
async def evaluate(
    request: Request,
    service: Asking,
    gateway: WithGateway,
    body: Annotated[EvaluateBody, Depends(json_body(EvaluateBody, Unprocessable))],
) -> Response:
    """A job that asks the candidate and the incumbent the items of every set of the gate, at the temperature 0, and finds a verdict:
    `passed` if the candidate is better at the task beyond noise and shown to be not worse elsewhere by more than is borne, `refused` if it
    is shown to be worse anywhere, else `undecided`. Only what passed, or what a person approves, may go into service."""
    return success(await attend(request, service.evaluate(body, gateway)))


@router.get("/gates", summary="List gates", response_model=Success[GateList], responses=responses(_ok({"gates": [GATE]}), READS))
async def list_gates(parts: WithParts, who: AsViewer) -> Response:
    """Those that come with Hearth, and the operator's own from the folder `gates` of HEARTH_HOME."""
    return success(GateList(gates=[GateEntry.of(spec) for spec in gates(parts.settings.home)]))


@router.get(
    "/verdicts",
    summary="List verdicts",
    response_model=Success[VerdictPage],
    responses=responses(_ok({"verdicts": [ENTRY], "next_cursor": None}), READS),
)
async def list_verdicts(service: Reading, wanted: Annotated[VerdictQuery, Query()]) -> Response:
    """Those of your organisation, the newest first, with their reasons."""
    return success(await service.page(wanted))


@router.get("/verdicts/{verdict_id}", summary="One verdict", response_model=Success[VerdictDetail], responses=responses(_ok(DETAIL), READS))
async def get_verdict(service: Reading, verdict_id: uuid.UUID) -> Response:
    """With the figures of each set, and all that people decided about it."""
    return success(await service.one(verdict_id))


@router.get(
    "/verdicts/{verdict_id}/answers",
    summary="Read answers side by side",
    response_model=Success[SideBySidePage],
    responses=responses(_ok({"answers": [PAIR], "next_cursor": None}), READS),
)
async def list_answers(service: Asking, verdict_id: uuid.UUID, wanted: Annotated[AnswerQuery, Query()]) -> Response:
    """What both said to each item, with their marks; while the job runs, as far as it is. People's words
    stand in them, so this is for editors."""
    return success(await service.answers(verdict_id, wanted))


@router.post(
    "/verdicts/{verdict_id}/decision",
    summary="Decide about a verdict",
    response_model=Success[VerdictDetail],
    responses=responses(_ok(DETAIL), (*WRITES, 409)),
    openapi_extra=json_request(DecisionBody, DECISION),
)
async def decide(
    service: Deciding, verdict_id: uuid.UUID, body: Annotated[DecisionBody, Depends(json_body(DecisionBody, Unprocessable))]
) -> Response:
    """Approves or rejects the candidate with a reason; the latest decision counts. The verdict stays as it was found, a decision against it
    is marked as an override, and the audit log has it."""
    return success(await service.decide(verdict_id, body))
