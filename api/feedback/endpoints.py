"""``/api/v1/feedback``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.conversations.answers import Done, Listing
from api.conversations.deps import READS, WRITES
from api.conversations.examples import listing, ok
from api.feedback.answers import ConsentAnswer, FeedbackDetail, FeedbackEntry, Statistics
from api.feedback.examples import BODY, CONSENT, DETAIL, FEEDBACK, STATISTICS
from api.feedback.schemas import ConsentBody, FeedbackBody, FeedbackQuery, OrganisationConsentBody, StatsQuery
from api.feedback.service import FeedbackService
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.openapi import json_request, responses
from api.web.principal import AsAdmin, AsEditor, AsViewer
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/feedback", tags=["feedback"])
TAG = {"name": "feedback", "description": "What people say of answers: counted, and learned from where they agree to it."}


async def giving(parts: WithParts, session: WithSession, who: AsViewer, trail: WithTrail) -> FeedbackService:
    return FeedbackService(session, parts.settings, who, trail)


WithFeedback = Annotated[FeedbackService, Depends(giving)]


@router.post(
    "/submit",
    summary="Give feedback",
    response_model=Success[FeedbackDetail],
    responses=responses(ok(DETAIL), WRITES),
    openapi_extra=json_request(FeedbackBody, BODY),
)
async def submit(service: WithFeedback, body: Annotated[FeedbackBody, Depends(json_body(FeedbackBody, Unprocessable))]) -> Response:
    """About an answer in a conversation, a run, an extracted relation, or a passage that a search found; anything you do not see is not
    found. Say one thing at a time: a thumb, stars, the corrected text, which of two answers is better, or reasons and a comment alone; or
    what was done with it (`did`). Said again by the same person of the same thing, it replaces what was said.

    With it is kept who answered (model, adapter, prompt and its version) and, of what somebody says, what was shown and answered, so that
    a correction is an example to learn from by itself. When the conversation is deleted these texts go, and what was counted stays."""
    return success(await service.submit(body))


@router.get(
    "",
    summary="List feedback",
    response_model=Success[Listing[FeedbackEntry]],
    responses=responses(listing(FEEDBACK), READS),
)
async def list_feedback(service: WithFeedback, wanted: Annotated[FeedbackQuery, Query()]) -> Response:
    """What you gave, the latest first; for admins also everybody's, without texts."""
    return success(await service.page(wanted))


@router.get("/stats", summary="Statistics of feedback", response_model=Success[Statistics], responses=responses(ok(STATISTICS), READS))
async def stats(service: WithFeedback, wanted: Annotated[StatsQuery, Query()], _: AsEditor) -> Response:
    """Your organisation's, over time, and by model, adapter, prompt, task or target. Who gave what is not told."""
    return success(await service.statistics(wanted))


@router.get(
    "/consent", summary="What may be learned from you?", response_model=Success[ConsentAnswer], responses=responses(ok(CONSENT), READS)
)
async def get_consent(service: WithFeedback) -> Response:
    """Whether models may learn from your feedback; without consent it is only counted. `promises` also tells of your conversations, for
    which you agree one by one in their metadata: another promise, and what each allows is said here."""
    return success(await service.consent())


@router.put(
    "/consent",
    summary="Say whether may be learned from yours",
    response_model=Success[ConsentAnswer],
    responses=responses(ok(CONSENT), WRITES),
    openapi_extra=json_request(ConsentBody, {"may_learn": None}),
)
async def put_consent(service: WithFeedback, body: Annotated[ConsentBody, Depends(json_body(ConsentBody, Unprocessable))]) -> Response:
    """Holds for all you gave and will give. What no longer may be learned from is in no dataset from now on, and what used it is marked."""
    return success(await service.agree(body.may_learn))


@router.put(
    "/consent/organisation",
    summary="Say whether may be learned from an organisation's",
    response_model=Success[ConsentAnswer],
    responses=responses(ok(CONSENT), WRITES),
    openapi_extra=json_request(OrganisationConsentBody, {"may_learn": True}),
)
async def put_organisation_consent(
    service: WithFeedback, body: Annotated[OrganisationConsentBody, Depends(json_body(OrganisationConsentBody, Unprocessable))], _: AsAdmin
) -> Response:
    """At first it may not. Everybody can except their own."""
    return success(await service.agree_for_all(may_learn=body.may_learn))


@router.get(
    "/{feedback_id}", summary="One piece of feedback", response_model=Success[FeedbackDetail], responses=responses(ok(DETAIL), READS)
)
async def get_feedback(service: WithFeedback, feedback_id: uuid.UUID) -> Response:
    """With what was shown, answered and said, where you gave it."""
    return success(await service.one(feedback_id))


@router.delete(
    "/{feedback_id}",
    summary="Take feedback back",
    response_model=Success[Done],
    responses=responses(ok({"id": FEEDBACK["id"], "done": "removed"}), READS),
)
async def remove_feedback(service: WithFeedback, feedback_id: uuid.UUID) -> Response:
    """It is counted no longer, its texts are gone, and datasets and adapters that used it are marked. Yours; an admin anybody's."""
    await service.take_back(feedback_id)
    return success(Done(id=feedback_id, done="removed"))
