"""``/api/v1/collections`` and ``/api/v1/documents``"""

from __future__ import annotations

import uuid
from io import BytesIO
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import FileResponse, Response

from api.audit.trail import Trail, WithOrigin, WithTrail
from api.conversations.answers import Done, Listing
from api.conversations.deps import READS
from api.conversations.examples import done, listing, ok
from api.documents.collections import Collections
from api.documents.examples import COLLECTION, COLLECTION_BODY, DOCUMENT, SPAN, TEXT, UPLOAD
from api.documents.install import WithLibrary
from api.documents.schemas import (
    CollectionAnswer,
    CollectionBody,
    CollectionPatch,
    CollectionQuery,
    DocumentAnswer,
    DocumentQuery,
    SpanQuery,
    TextAnswer,
    TextBody,
    Upload,
)
from api.documents.service import Documents
from api.documents.uploads import Given, Uploads
from api.jobs.install import WithDesk
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.forms import open_files
from api.web.openapi import WORKING, json_request, responses
from api.web.principal import AsEditor, AsViewer
from cluster.errors import NotFound, Unprocessable

router = APIRouter(tags=["documents"])
TAG = {"name": "documents", "description": "Collections of documents: uploaded, ingested by a job, found and cited."}
COLLECTIONS, DOCUMENTS = "/api/v1/collections", "/api/v1/documents"
LIMIT = "ingest.file_bytes"
CHANGES = (*WORKING, 401, 403, 409)
UPLOADED = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}},
                    "required": ["files"],
                }
            }
        },
    }
}


async def reading_collections(session: WithSession, parts: WithParts, who: AsViewer, trail: WithTrail) -> Collections:
    return Collections(session, parts, who, trail)


async def writing_collections(session: WithSession, parts: WithParts, who: AsEditor, trail: WithTrail) -> Collections:
    return Collections(session, parts, who, trail)


async def reading_documents(session: WithSession, who: AsViewer, trail: WithTrail) -> Documents:
    return Documents(session, who, trail)


async def uploading(parts: WithParts, library: WithLibrary, desk: WithDesk, who: AsEditor, origin: WithOrigin) -> Uploads:
    return Uploads(parts, library.files, desk, who, origin)


ReadingCollections = Annotated[Collections, Depends(reading_collections)]
WritingCollections = Annotated[Collections, Depends(writing_collections)]
ReadingDocuments = Annotated[Documents, Depends(reading_documents)]
Uploading = Annotated[Uploads, Depends(uploading)]


@router.post(
    COLLECTIONS,
    summary="Make a collection",
    response_model=Success[CollectionAnswer],
    responses=responses(ok(COLLECTION), CHANGES),
    openapi_extra=json_request(CollectionBody, COLLECTION_BODY),
)
async def create(
    service: WritingCollections, body: Annotated[CollectionBody, Depends(json_body(CollectionBody, Unprocessable))]
) -> Response:
    """A place for documents, with how they are cut and which model places them."""
    return success(await service.create(body))


@router.get(
    COLLECTIONS,
    summary="List collections",
    response_model=Success[Listing[CollectionAnswer]],
    responses=responses(listing(COLLECTION), READS),
)
async def list_collections(service: ReadingCollections, wanted: Annotated[CollectionQuery, Query()]) -> Response:
    """The organisation's collections by name, each with how many documents it has in which state."""
    found = await service.all(wanted.cursor, wanted.limit + 1)
    cursor = found[wanted.limit - 1].name if len(found) > wanted.limit else None
    return success(Listing[CollectionAnswer](items=found[: wanted.limit], next_cursor=cursor))


@router.get(
    f"{COLLECTIONS}/{{collection_id}}",
    summary="One collection",
    response_model=Success[CollectionAnswer],
    responses=responses(ok(COLLECTION), READS),
)
async def get_collection(service: ReadingCollections, collection_id: uuid.UUID) -> Response:
    """The collection, with how many documents it has in which state."""
    return success(await service.get(collection_id))


@router.patch(
    f"{COLLECTIONS}/{{collection_id}}",
    summary="Change a collection",
    response_model=Success[CollectionAnswer],
    responses=responses(ok(COLLECTION), CHANGES),
    openapi_extra=json_request(CollectionPatch, {"description": "What the office agreed on."}),
)
async def change_collection(
    service: WritingCollections,
    uploads: Uploading,
    session: WithSession,
    collection_id: uuid.UUID,
    body: Annotated[CollectionPatch, Depends(json_body(CollectionPatch, Unprocessable))],
) -> Response:
    """Another chunking or embedding model has all its documents indexed again, by a job; until then they are found as they were."""
    changed, again = await service.change(collection_id, body)
    if again:
        await uploads.ingest(session, collection_id)
    return success(changed)


@router.delete(
    f"{COLLECTIONS}/{{collection_id}}",
    summary="Delete a collection",
    response_model=Success[Done],
    responses=responses(done("deleted"), CHANGES),
)
async def delete_collection(
    parts: WithParts, library: WithLibrary, who: AsEditor, origin: WithOrigin, collection_id: uuid.UUID
) -> Response:
    """The collection with all its documents: files, texts, and what the index has of them. Nothing of it is found from this moment on;
    `deleting`: the index does not answer now, and what it has goes as soon as it does."""
    async with parts.stores.database.session() as session:
        await Collections(session, parts, who, Trail(session, origin, who)).mark(collection_id)
    return success(Done(id=collection_id, done=await library.finish(library.remover.collection(collection_id))))


@router.post(
    f"{COLLECTIONS}/{{collection_id}}/documents",
    summary="Upload documents",
    response_model=Success[Upload],
    responses=responses(ok(UPLOAD), CHANGES),
    openapi_extra=UPLOADED,
)
async def upload(request: Request, parts: WithParts, service: Uploading, collection_id: uuid.UUID) -> Response:
    """Files of any kind in the field `files`, archives and e-mails too; the file name may hold folders. One that was there under the same
    path is replaced, and one that has not changed is left alone. When this is answered they are kept, and the job will ingest them."""
    limits = parts.settings.ingest
    async with open_files(request, field="files", max_files=limits.upload_files, max_file_bytes=limits.file_bytes, setting=LIMIT) as files:
        return success(await service.take(collection_id, [Given(file.filename or "", file.file) for file in files]))


@router.put(
    f"{COLLECTIONS}/{{collection_id}}/texts",
    summary="Give a text",
    response_model=Success[Upload],
    responses=responses(ok(UPLOAD), CHANGES),
    openapi_extra=json_request(TextBody, TEXT),
)
async def put_text(
    service: Uploading, collection_id: uuid.UUID, body: Annotated[TextBody, Depends(json_body(TextBody, Unprocessable))]
) -> Response:
    """A text that is no file, under a path; what was there under the same path is replaced."""
    return success(await service.take(collection_id, [Given(body.path, BytesIO(body.text.encode("utf-8", "replace")))]))


@router.post(
    f"{COLLECTIONS}/{{collection_id}}/retry",
    summary="Try failed documents again",
    response_model=Success[Upload],
    responses=responses(ok(UPLOAD), CHANGES),
)
async def retry(service: Uploading, collection_id: uuid.UUID) -> Response:
    """Everything of which nothing was taken is queued once more, with the archives that hold such."""
    return success(await service.again(collection_id))


@router.get(
    f"{COLLECTIONS}/{{collection_id}}/documents",
    summary="List documents",
    response_model=Success[Listing[DocumentAnswer]],
    responses=responses(listing(DOCUMENT), READS),
)
async def list_documents(service: ReadingDocuments, collection_id: uuid.UUID, wanted: Annotated[DocumentQuery, Query()]) -> Response:
    """Those of the collection, the newest first, with what became of each."""
    items, cursor = await service.page(collection_id, wanted)
    return success(Listing[DocumentAnswer](items=items, next_cursor=cursor))


@router.get(
    f"{DOCUMENTS}/{{document_id}}", summary="One document", response_model=Success[DocumentAnswer], responses=responses(ok(DOCUMENT), READS)
)
async def get_document(service: ReadingDocuments, document_id: uuid.UUID) -> Response:
    """How it stands, how large it is, and what was left out of it."""
    return success(await service.get(document_id))


@router.get(
    f"{DOCUMENTS}/{{document_id}}/text",
    summary="Read a document's text",
    response_model=Success[TextAnswer],
    responses=responses(ok(SPAN), (*READS, 409, 422)),
)
async def read_text(service: ReadingDocuments, document_id: uuid.UUID, wanted: Annotated[SpanQuery, Query()]) -> Response:
    """The characters of a span, as a citation names them, of what was read of the document."""
    return success(await service.text(document_id, wanted))


@router.get(
    f"{DOCUMENTS}/{{document_id}}/content",
    summary="Get a document's file",
    responses=responses({}, (*READS, 422), media={"application/octet-stream": "the bytes"}),
)
async def get_content(service: ReadingDocuments, library: WithLibrary, who: AsViewer, document_id: uuid.UUID) -> Response:
    """The bytes as they were uploaded, to be saved: a browser is told not to show them."""
    row, file_id = await service.with_file(document_id)
    name = quote(row.path.rsplit("/", 1)[-1], safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    path = library.files.path(who.organisation_id, file_id)
    if not path.is_file():
        raise NotFound("The file is no longer there; upload it again.")
    return FileResponse(path, media_type="application/octet-stream", headers=headers)


@router.delete(
    f"{DOCUMENTS}/{{document_id}}", summary="Delete a document", response_model=Success[Done], responses=responses(done("deleted"), CHANGES)
)
async def delete_document(parts: WithParts, library: WithLibrary, who: AsEditor, origin: WithOrigin, document_id: uuid.UUID) -> Response:
    """The document with all that came in it: file, text, and what the index has of it. It is found nowhere from this moment on; `deleting`:
    the index does not answer now, and what it has goes as soon as it does."""
    async with parts.stores.database.session() as session:
        await Documents(session, who, Trail(session, origin, who)).mark(document_id)
    return success(Done(id=document_id, done=await library.finish(library.remover.documents([document_id]))))
