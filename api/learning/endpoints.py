"""``/api/v1/learning/analytics``"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from api.conversations.examples import ok
from api.learning.answers import CostAnswer, DriftAnswer, EfficiencyAnswer, QualityAnswer
from api.learning.drawing import Plotter
from api.learning.examples import COST, DRIFT, EFFICIENCY, QUALITY
from api.learning.install import WithAnalytics, WithPlotter
from api.learning.schemas import DriftQuery, FormatQuery, JudgedQuery, QualityQuery
from api.learning.service import Told
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.openapi import READING, responses

router = APIRouter(prefix="/api/v1/learning/analytics", tags=["learning"])
TAG = {"name": "learning", "description": "What learning brought, whether it still holds, and what it cost; as figures, or drawn."}
READS = (*READING, 401, 403, 404, 429, 503)
PNG = "image/png"
PICTURE = {PNG: "..."}
Accept = Annotated[str, Header(include_in_schema=False)]


async def _answer(request: Request, work: Awaitable[Told], plotter: Plotter, wanted: FormatQuery, accept: str) -> Response:
    async def finished() -> Response:
        told = await work
        if wanted.format == "png" or (wanted.format is None and PNG in accept):
            return Response(await plotter.png(told.chart), media_type=PNG)
        return success(told.answer)

    return await attend(request, finished())


@router.get(
    "/label-efficiency",
    summary="Score by labels",
    response_model=Success[EfficiencyAnswer],
    responses=responses(ok(EFFICIENCY), READS, media=PICTURE),
)
async def label_efficiency(
    request: Request, service: WithAnalytics, plotter: WithPlotter, wanted: Annotated[JudgedQuery, Query()], accept: Accept = ""
) -> Response:
    """How the gate's score of adapters grows with the labels and corrections that they were trained on, by how these were chosen: actively,
    at random, or nobody knows. With `?format=png` or `Accept: image/png` as a picture."""
    return await _answer(request, service.efficiency(wanted), plotter, wanted, accept)


@router.get(
    "/quality",
    summary="Quality over time",
    response_model=Success[QualityAnswer],
    responses=responses(ok(QUALITY), READS, media=PICTURE),
)
async def quality_over_time(
    request: Request, service: WithAnalytics, plotter: WithPlotter, wanted: Annotated[QualityQuery, Query()], accept: Accept = ""
) -> Response:
    """Of each task: how people judged answers, by model, adapter or prompt, and what the gate found. As figures or, with `?format=png` or
    `Accept: image/png`, as a picture."""
    return await _answer(request, service.quality(wanted), plotter, wanted, accept)


@router.get(
    "/drift",
    summary="Is it still what was trained on?",
    response_model=Success[DriftAnswer],
    responses=responses(ok(DRIFT), READS, media=PICTURE),
)
async def drift(
    request: Request, service: WithAnalytics, plotter: WithPlotter, wanted: Annotated[DriftQuery, Query()], accept: Accept = ""
) -> Response:
    """Recent questions against those that the adapter in service was trained on (energy distance of their embeddings, with a permutation
    test), and feedback of late against that of before (Fisher's exact test). Only conversations are read whose metadata has
    `"consent_to_learning": true`; no text is shown. With `?format=png` or `Accept: image/png` as a picture."""
    return await _answer(request, service.drift(wanted), plotter, wanted, accept)


@router.get(
    "/cost",
    summary="Cost of a point gained",
    response_model=Success[CostAnswer],
    responses=responses(ok(COST), READS, media=PICTURE),
)
async def cost(
    request: Request, service: WithAnalytics, plotter: WithPlotter, wanted: Annotated[JudgedQuery, Query()], accept: Accept = ""
) -> Response:
    """Seconds and tokens of training, labels and the time they took, tokens that the gate asked, and money where `prices.yaml` knows
    prices: of each adapter, and for each point of score that it gained. With `?format=png` or `Accept: image/png` as a picture."""
    return await _answer(request, service.cost(wanted), plotter, wanted, accept)
