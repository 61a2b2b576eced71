"""``/api/v1/content``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.content.install import WithContents
from api.content.schemas import ContentAnswer, ContentQuery
from api.conversations.deps import READS
from api.conversations.examples import ok
from api.web.answers import Success, success
from api.web.openapi import responses
from api.web.principal import AsViewer

router = APIRouter(prefix="/api/v1/content", tags=["content"])
TAG = {"name": "content", "description": "What connectors fetched, kept for a while."}
CONTENT = {
    "id": "6b1c0a5e-8f3d-4e0b-9f57-5b0d6c1d2e3f",
    "created_at": "2026-01-01T12:00:00Z",
    "expires_at": "2026-01-08T12:00:00Z",
    "source": "https://example.org/tides.html",
    "title": "Tides",
    "media_type": "text/html",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "bytes": 2048,
    "text": "High water at noon.",
    "cautions": [],
    "reads": 1,
    "read_at": "2026-01-01T12:00:00Z",
}


@router.get(
    "/{content_id}",
    summary="Read content",
    response_model=Success[ContentAnswer],
    responses=responses(ok(CONTENT), READS, media={"application/octet-stream": "the bytes, with form=original"}),
)
async def get_content(contents: WithContents, who: AsViewer, content_id: uuid.UUID, wanted: Annotated[ContentQuery, Query()]) -> Response:
    """What was fetched, until it expires; the original is a download, never a page of this server."""
    content = await contents.cache.get(who.organisation_id, content_id)
    if wanted.form == "original":
        headers = {"Content-Disposition": f'attachment; filename="{content.id}"', "X-Content-Type-Options": "nosniff"}
        return Response(content.body, media_type="application/octet-stream", headers=headers)
    return success(ContentAnswer.of(content, *await contents.cache.reads(who.organisation_id, content_id)))
