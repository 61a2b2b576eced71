"""``/api/v1/datasets``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from api.audit.trail import WithTrail
from api.conversations.answers import Done, Listing
from api.conversations.examples import listing, ok
from api.datasets.examples import BODY, BUILD, DATASET, LINE, SHEET, SHEET_TEXT, VERSION
from api.datasets.schemas import Build, DatasetAnswer, DatasetBody, DatasetQuery, Datasheet, SheetQuery, VersionAnswer, VersionQuery
from api.datasets.service import DatasetService, tidy
from api.files.service import pieces
from api.jobs.install import WithDesk
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import Parts, WithParts, WithSession
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsEditor, AsViewer
from cluster.errors import NotFound, Unprocessable
from cluster.home import Home
from cluster.learning.datasets.folders import DatasetFolders
from cluster.learning.datasets.recipe import Split

router = APIRouter(prefix="/api/v1/datasets", tags=["datasets"])
TAG = {"name": "datasets", "description": "What models learn from: versions that never change, built from feedback, labels and files."}

READS = (*READING, 401, 403, 404, 503)
GIVES = (*READS, 409)
WRITES = (*WORKING, 401, 403, 409)
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of a version.")]


async def reading(parts: WithParts, session: WithSession, who: AsViewer, trail: WithTrail, desk: WithDesk) -> DatasetService:
    return DatasetService(session, who, trail, desk, parts.settings)


async def writing(parts: WithParts, session: WithSession, who: AsEditor, trail: WithTrail, desk: WithDesk) -> DatasetService:
    return DatasetService(session, who, trail, desk, parts.settings)


Reading = Annotated[DatasetService, Depends(reading)]
Writing = Annotated[DatasetService, Depends(writing)]


@router.post(
    "",
    summary="Make a dataset",
    response_model=Success[DatasetAnswer],
    responses=responses(ok(DATASET), WRITES),
    openapi_extra=json_request(DatasetBody, BODY),
)
async def create_dataset(service: Writing, body: Annotated[DatasetBody, Depends(json_body(DatasetBody, Unprocessable))]) -> Response:
    """Says what versions are made of; `POST .../versions` builds one. Lines of files are OpenAI's: `{"messages": [...]}`, or for pairs
    `{"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}`."""
    return success(await service.create(body))


@router.get("", summary="List datasets", response_model=Success[Listing[DatasetAnswer]], responses=responses(listing(DATASET), READS))
async def list_datasets(service: Reading, wanted: Annotated[DatasetQuery, Query()]) -> Response:
    """The datasets of your organisation, newest first."""
    return success(await service.page(wanted))


@router.get("/{dataset_id}", summary="One dataset", response_model=Success[DatasetAnswer], responses=responses(ok(DATASET), READS))
async def get_dataset(service: Reading, dataset_id: uuid.UUID) -> Response:
    """What its versions are made of, and the number of the latest."""
    return success(await service.one(dataset_id))


@router.delete(
    "/{dataset_id}",
    summary="Delete a dataset",
    response_model=Success[Done],
    responses=responses(ok({"id": DATASET["id"], "done": "deleted"}), READS),
)
async def delete_dataset(service: Writing, dataset_id: uuid.UUID) -> Response:
    """With all versions and their files. What was trained on them stays."""
    await service.delete(dataset_id)
    answer = success(Done(id=dataset_id, done="deleted"))
    # After the answer, when the rows are gone for certain.
    answer.background = BackgroundTask(service.forget, dataset_id)
    return answer


@router.post(
    "/{dataset_id}/versions",
    summary="Build a version",
    response_model=Success[Build],
    responses=responses(ok(BUILD), (*GIVES, 422)),
)
async def build_version(service: Writing, dataset_id: uuid.UUID) -> Response:
    """A job reads the sources anew, leaves out what is wrong, repeated or contradictory, masks personal data, and splits what stays. The
    same sources give the same version, which is not written twice."""
    return success(await service.build(dataset_id))


@router.get(
    "/{dataset_id}/versions",
    summary="Versions of a dataset",
    response_model=Success[list[VersionAnswer]],
    responses=responses(ok([VERSION]), READS),
)
async def list_versions(service: Reading, dataset_id: uuid.UUID, wanted: Annotated[VersionQuery, Query()]) -> Response:
    """The latest first; page on with the last number as `below`."""
    return success(await service.versions(dataset_id, wanted))


@router.get(
    "/{dataset_id}/versions/{version}",
    summary="One version of a dataset",
    response_model=Success[VersionAnswer],
    responses=responses(ok(VERSION), READS),
)
async def get_version(service: Reading, dataset_id: uuid.UUID, version: Number) -> Response:
    """How much is in it, and whether its files may still be used."""
    return success(await service.version(dataset_id, version))


@router.get(
    "/{dataset_id}/versions/{version}/datasheet",
    summary="A version's datasheet",
    response_model=Success[Datasheet],
    responses=responses(ok(SHEET), GIVES, media={"text/markdown": SHEET_TEXT}),
)
async def get_datasheet(service: Writing, dataset_id: uuid.UUID, version: Number, wanted: Annotated[SheetQuery, Query()]) -> Response:
    """What it was made of, what was left out and why, personal data, contradictions, and what to know before learning from it."""
    if wanted.format == "markdown":
        return Response(await service.sheet_text(dataset_id, version), media_type="text/markdown")
    return success(await service.sheet(dataset_id, version))


@router.get(
    "/{dataset_id}/versions/{version}/splits/{split}",
    summary="Download a split",
    response_class=StreamingResponse,
    responses={**responses(None, GIVES), 200: {"description": "The answer.", "content": {"application/jsonl": {"example": LINE}}}},
)
async def download_split(service: Writing, dataset_id: uuid.UUID, version: Number, split: Split) -> Response:
    """One example to a line: `messages` up to the answer, `chosen`, `rejected`, `task`, and the `source` it comes from."""
    size, file = await service.split(dataset_id, version, split)
    headers = {"Content-Length": str(size), "Content-Disposition": f'attachment; filename="{split}.jsonl"'}
    return StreamingResponse(pieces(file), media_type="application/jsonl", headers=headers)


@router.delete(
    "/{dataset_id}/versions/{version}",
    summary="Delete a version",
    response_model=Success[Done],
    responses=responses(ok({"id": DATASET["id"], "done": "deleted"}), READS),
)
async def delete_version(service: Writing, parts: WithParts, who: AsEditor, dataset_id: uuid.UUID, version: Number) -> Response:
    """With its files. Its number is not given again."""
    await service.delete_version(dataset_id, version)
    answer = success(Done(id=dataset_id, done="deleted"))
    answer.background = BackgroundTask(_tidied, parts, who.organisation_id, dataset_id)
    return answer


async def _tidied(parts: Parts, organisation_id: uuid.UUID, dataset_id: uuid.UUID) -> None:
    """In a transaction of its own, so that the row is gone for certain."""
    async with parts.stores.database.session() as session:
        try:
            await tidy(session, DatasetFolders(Home(parts.settings.home)), organisation_id, dataset_id)
        except NotFound:
            return  # the dataset was deleted meanwhile, files and all
