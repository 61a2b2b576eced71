"""System prompts below ``/api/v1/prompts``."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from api.conversations.answers import Done, Listing
from api.conversations.deps import READS, WRITES
from api.conversations.examples import CONVERSATION, done, listing, ok
from api.prompts.schemas import MatchQuery, PromptAnswer, PromptBody, PromptPatch, PromptQuery, RenderBody, Rendered, RevertBody
from api.prompts.service import Prompts
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithSession
from api.web.openapi import json_request, responses
from api.web.principal import AsEditor, AsViewer
from cluster.errors import NotFound, Unprocessable

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"])

BODY = {"name": "farm", "text": "You help $farmer.", "pattern": "nano*", "variables": {"farmer": "Mira"}}
PROMPT = {
    **BODY,
    "id": CONVERSATION["id"],
    "description": "",
    "version": 1,
    "note": "",
    "created_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-01T12:00:00Z",
}


async def reading(session: WithSession, who: AsViewer) -> Prompts:
    return Prompts(session, who)


async def writing(session: WithSession, who: AsEditor) -> Prompts:
    return Prompts(session, who)


Reading = Annotated[Prompts, Depends(reading)]
Writing = Annotated[Prompts, Depends(writing)]


@router.post(
    "",
    summary="Keep a system prompt",
    response_model=Success[PromptAnswer],
    responses=responses(ok(PROMPT), WRITES),
    openapi_extra=json_request(PromptBody, BODY),
)
async def create(service: Writing, body: Annotated[PromptBody, Depends(json_body(PromptBody, Unprocessable))]) -> Response:
    """`$name` in the text stands for a variable, filled in from its defaults and what a conversation gives."""
    return success(await service.create(body))


@router.get("", summary="List system prompts", response_model=Success[Listing[PromptAnswer]], responses=responses(listing(PROMPT), READS))
async def list_prompts(service: Reading, wanted: Annotated[PromptQuery, Query()]) -> Response:
    """The organisation's prompts by name, each in its latest version."""
    found = await service.all(wanted.cursor, wanted.limit + 1)
    cursor = found[wanted.limit - 1].name if len(found) > wanted.limit else None
    return success(Listing[PromptAnswer](items=found[: wanted.limit], next_cursor=cursor))


@router.get("/match", summary="Which prompt a model gets", response_model=Success[PromptAnswer], responses=responses(ok(PROMPT), READS))
async def match(service: Reading, wanted: Annotated[MatchQuery, Query()]) -> Response:
    """The prompt whose pattern fits the model's name most closely."""
    row = await service.match(wanted.model)
    if row is None:
        raise NotFound("No system prompt has a pattern that fits this model; give one the pattern '*'.")
    return success(await service.get(row.id))


@router.get("/{prompt_id}", summary="One system prompt", response_model=Success[PromptAnswer], responses=responses(ok(PROMPT), READS))
async def get(service: Reading, prompt_id: uuid.UUID) -> Response:
    """The prompt in its latest version."""
    return success(await service.get(prompt_id))


@router.patch(
    "/{prompt_id}",
    summary="Change a system prompt",
    response_model=Success[PromptAnswer],
    responses=responses(ok(PROMPT), WRITES),
    openapi_extra=json_request(PromptPatch, {"text": "You help $farmer with goats.", "note": "Goats."}),
)
async def change(
    service: Writing, prompt_id: uuid.UUID, body: Annotated[PromptPatch, Depends(json_body(PromptPatch, Unprocessable))]
) -> Response:
    """A new text or new defaults make a new version; the earlier ones stay."""
    return success(await service.change(prompt_id, body))


@router.delete("/{prompt_id}", summary="Delete a system prompt", response_model=Success[Done], responses=responses(done("deleted"), READS))
async def delete(service: Writing, prompt_id: uuid.UUID) -> Response:
    """The prompt and all its versions. Conversations that named it go on without."""
    await service.delete(prompt_id)
    return success(Done(id=prompt_id, done="deleted"))


@router.get(
    "/{prompt_id}/versions",
    summary="Versions of a system prompt",
    response_model=Success[list[PromptAnswer]],
    responses=responses(ok([PROMPT]), READS),
)
async def versions(service: Reading, prompt_id: uuid.UUID) -> Response:
    """Every version it ever had, the latest first."""
    return success(await service.versions(prompt_id))


@router.get(
    "/{prompt_id}/versions/{version}",
    summary="One version of a system prompt",
    response_model=Success[PromptAnswer],
    responses=responses(ok(PROMPT), READS),
)
async def get_version(service: Reading, prompt_id: uuid.UUID, version: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> Response:
    """What the prompt said at that time, variables included."""
    return success(await service.get(prompt_id, version))


@router.post(
    "/{prompt_id}/revert",
    summary="Go back to a version",
    response_model=Success[PromptAnswer],
    responses=responses(ok(PROMPT), WRITES),
    openapi_extra=json_request(RevertBody, {"version": 1}),
)
async def revert(
    service: Writing, prompt_id: uuid.UUID, body: Annotated[RevertBody, Depends(json_body(RevertBody, Unprocessable))]
) -> Response:
    """Makes a new version that says what an earlier one said."""
    return success(await service.revert(prompt_id, body.version))


@router.post(
    "/{prompt_id}/render",
    summary="Fill a system prompt in",
    response_model=Success[Rendered],
    responses=responses(ok({"text": "You help Mira."}), WRITES),
    openapi_extra=json_request(RenderBody, {"variables": {"farmer": "Mira"}}),
)
async def fill_in(
    service: Reading, prompt_id: uuid.UUID, body: Annotated[RenderBody, Depends(json_body(RenderBody, Unprocessable))]
) -> Response:
    """The latest version with these values, and its defaults for the others."""
    return success(Rendered(text=await service.rendered(prompt_id, body.variables)))


routers: tuple[APIRouter, ...] = (router,)
