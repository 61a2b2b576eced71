"""How much is said, when, and with which models."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.conversations.analytics_repository import AnalyticsRepository
from api.conversations.answers import Analytics, DayActivity, ModelActivity
from api.conversations.deps import READS
from api.conversations.examples import ANALYTICS, ok
from api.conversations.schemas import AnalyticsQuery
from api.web.answers import Success, success
from api.web.deps import WithSession
from api.web.openapi import responses
from api.web.principal import AsViewer, Role
from cluster.errors import Forbidden

router = APIRouter(tags=["conversations"])


@router.get("/analytics", summary="Activity in conversations", response_model=Success[Analytics], responses=responses(ok(ANALYTICS), READS))
async def analytics(session: WithSession, who: AsViewer, wanted: Annotated[AnalyticsQuery, Query()]) -> Response:
    """Counts, tokens and models of the conversations that are yours, by day; of the whole organisation's for its admins."""
    if wanted.organisation and who.role is not Role.ADMIN:
        raise Forbidden("Only an admin sees the organisation's activity; leave 'organisation' out to see your own.").about("organisation")
    first = datetime.now(UTC).date() - timedelta(days=wanted.days - 1)
    since = datetime.combine(first, time(), UTC)
    rows = AnalyticsRepository(session, who.organisation_id, None if wanted.organisation else who.user_id, since)
    conversations, messages, people = await rows.totals()
    models = [
        ModelActivity(model=model, answers=answers, input_tokens=told, output_tokens=said, cached_tokens=cached, unfinished=unfinished)
        for model, answers, told, said, cached, unfinished in await rows.models()
    ]
    days = [DayActivity(day=day, conversations=places, messages=count, tokens=tokens) for day, places, count, tokens in await rows.days()]
    return success(Analytics(conversations=conversations, messages=messages, people=people, models=models, days=days))
