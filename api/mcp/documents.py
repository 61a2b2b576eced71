"""What was read of the organisation's documents, as resources."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import datetime

from mcp_types import Completion, Resource, ResourceTemplate, TextResourceContents

from api.documents.repository import DocumentRepository
from api.documents.service import SPAN_CHARS
from api.mcp.content import Contents
from api.mcp.shelf import NOTHING
from api.web.principal import Principal
from cluster.errors import BadInput, NotFound
from cluster.knowledge.tables import DocumentRow
from cluster.stores.sql import Database

URI = re.compile(r"hearth://documents/([0-9a-f-]{36})(?:\?start=(\d{1,10}))?")
TEXT = "text/plain"
TEMPLATE = ResourceTemplate(
    name="document",
    title="A document's text",
    uri_template="hearth://documents/{document_id}{?start}",
    description=f"What was read of a document, {SPAN_CHARS} characters at a time, from `start` on.",
    mime_type=TEXT,
)


class DocumentShelf:
    """A Shelf: collection by collection, the oldest first."""

    name = "documents"
    templates = (TEMPLATE,)

    def __init__(self, database: Database) -> None:
        self._database = database

    def holds(self, uri: str) -> bool:
        return URI.fullmatch(uri) is not None

    async def page(self, who: Principal, after: str | None, most: int) -> Sequence[tuple[str, Resource]]:
        async with self._database.session() as session:
            rows = await DocumentRepository(session, who.organisation_id).everywhere(_position(after), most)
        return [(f"{row.collection_id}/{row.created_at.isoformat()}/{row.id}", _listed(row)) for row in rows]

    async def read(self, who: Principal, uri: str) -> Contents:
        """Where there is more, the `_meta` of the content says where it goes on."""
        found = URI.fullmatch(uri)
        assert found is not None
        start = int(found[2] or 0)
        async with self._database.session() as session:
            rows = DocumentRepository(session, who.organisation_id)
            row = await rows.get(_uuid(found[1]))
            kept = await rows.text(row.id, start, start + SPAN_CHARS)
        if kept is None:
            raise NotFound("The document has not been read; its state and reason say why.")
        _, chars, text = kept
        end = start + len(text)
        meta = {"hearth/chars": chars, **({"hearth/next": f"{_uri(row)}?start={end}"} if end < chars else {})}
        return TextResourceContents(uri=uri, mime_type=TEXT, text=text, _meta=meta)

    async def complete(self, who: Principal, template: str, argument: str, begun: str) -> Completion:
        """None: documents are found by searching."""
        return NOTHING


def _listed(row: DocumentRow) -> Resource:
    return Resource(name=row.path, uri=_uri(row), mime_type=TEXT, description=f"{row.chars} characters", size=row.bytes)


def _uri(row: DocumentRow) -> str:
    return f"hearth://documents/{row.id}"


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound("There is no such document; resources/list has those that there are.") from None


def _position(place: str | None) -> tuple[uuid.UUID, datetime, uuid.UUID] | None:
    if place is None:
        return None
    try:
        collection, created, document = place.split("/")
        return uuid.UUID(collection), datetime.fromisoformat(created), uuid.UUID(document)
    except ValueError:
        raise BadInput("The cursor is none that was given out; begin without one.").about("cursor") from None
