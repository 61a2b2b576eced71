"""`resources/*`: what was read of the organisation's documents, and the diagrams of its graphs."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import datetime

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    Completion,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from api.documents.repository import DocumentRepository
from api.documents.service import SPAN_CHARS
from api.mcp.asking import Context, principal_in
from api.mcp.diagrams import GraphDiagrams
from api.mcp.paging import cursor_from, page_of, place_in
from cluster.errors import BadInput, NotFound
from cluster.knowledge.tables import DocumentRow
from cluster.stores.sql import Database

DOCUMENT = re.compile(r"hearth://documents/([0-9a-f-]{36})(?:\?start=(\d{1,10}))?")
DIAGRAM = re.compile(r"hearth://graphs/([^/?#]{1,200})/diagram")
TEXT, MERMAID = "text/plain", "text/vnd.mermaid"
TEMPLATES = [
    ResourceTemplate(
        name="document",
        title="A document's text",
        uri_template="hearth://documents/{document_id}{?start}",
        description=f"What was read of a document, {SPAN_CHARS} characters at a time, from `start` on.",
        mime_type=TEXT,
    ),
    ResourceTemplate(
        name="diagram",
        title="A graph's diagram",
        uri_template="hearth://graphs/{graph}/diagram",
        description="Nodes and edges of a graph, in Mermaid's notation.",
        mime_type=MERMAID,
    ),
]
# The code of revisions before 2026-07-28 for a resource that is not there.
MISSING = -32002
# Where pages begin.
_GRAPHS, _START = "graphs:", "documents:"


class Resources:
    def __init__(self, database: Database, diagrams: GraphDiagrams, most: int) -> None:
        self._database = database
        self._diagrams = diagrams
        self._most = most

    async def list(self, context: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
        """Diagrams first, then documents, collection by collection, the oldest first."""
        who, after = principal_in(context).organisation_id, place_in(params.cursor if params else None)
        drawn: Sequence[Resource] = ()
        if after is None or after.startswith(_GRAPHS):
            behind = (after or _GRAPHS).removeprefix(_GRAPHS)
            names = [name for name in await self._diagrams.names(who) if name > behind]
            shown, cursor = page_of(names, self._most, lambda name: _GRAPHS + name)
            drawn, after = [_drawn(name) for name in shown], None
            if cursor is not None:
                return ListResourcesResult(resources=[*drawn], next_cursor=cursor)
        async with self._database.session() as session:
            room = self._most - len(drawn)
            rows = await DocumentRepository(session, who).everywhere(_position(after), room + 1)
        # Where diagrams fill the page, documents begin on the next one.
        cursor = cursor_from(_place(rows[room - 1]) if room else _START) if len(rows) > room else None
        return ListResourcesResult(resources=[*drawn, *map(_listed, rows[:room])], next_cursor=cursor)

    async def templates(self, _: Context, __: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=TEMPLATES)

    async def read(self, context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        try:
            return await self._read(principal_in(context).organisation_id, params.uri)
        except NotFound as error:
            code = INVALID_PARAMS if context.protocol_version in MODERN_PROTOCOL_VERSIONS else MISSING
            raise MCPError(code, error.message, {"uri": params.uri}) from None

    async def complete(self, context: Context, template: str, argument: str, begun: str) -> Completion:
        """Names of graphs; documents are found by searching."""
        if (template, argument) != (TEMPLATES[1].uri_template, "graph"):
            return Completion(values=[], total=0, has_more=False)
        names = [name for name in await self._diagrams.names(principal_in(context).organisation_id) if name.startswith(begun)]
        return Completion(values=names[:100], total=len(names), has_more=len(names) > 100)

    async def _read(self, organisation_id: uuid.UUID, uri: str) -> ReadResourceResult:
        if found := DOCUMENT.fullmatch(uri):
            return await self._document(organisation_id, uri, _uuid(found[1]), int(found[2] or 0))
        if found := DIAGRAM.fullmatch(uri):
            drawn = await self._diagrams.diagram(organisation_id, found[1])
            return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=MERMAID, text=drawn)])
        raise NotFound("There is no such resource; resources/list has those that there are.")

    async def _document(self, organisation_id: uuid.UUID, uri: str, document_id: uuid.UUID, start: int) -> ReadResourceResult:
        """Where there is more, the `_meta` of the content says where it goes on."""
        async with self._database.session() as session:
            rows = DocumentRepository(session, organisation_id)
            row = await rows.get(document_id)
            found = await rows.text(row.id, start, start + SPAN_CHARS)
        if found is None:
            raise NotFound("The document has not been read; its state and reason say why.")
        _, chars, text = found
        end = start + len(text)
        meta = {"hearth/chars": chars, **({"hearth/next": f"{_uri(row)}?start={end}"} if end < chars else {})}
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=TEXT, text=text, _meta=meta)])


def _drawn(name: str) -> Resource:
    return Resource(name=name, title=f"Diagram of {name}", uri=f"hearth://graphs/{name}/diagram", mime_type=MERMAID)


def _listed(row: DocumentRow) -> Resource:
    return Resource(name=row.path, uri=_uri(row), mime_type=TEXT, description=f"{row.chars} characters", size=row.bytes)


def _uri(row: DocumentRow) -> str:
    return f"hearth://documents/{row.id}"


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound("There is no such document; resources/list has those that there are.") from None


def _place(row: DocumentRow) -> str:
    return f"{_START}{row.collection_id}/{row.created_at.isoformat()}/{row.id}"


def _position(place: str | None) -> tuple[uuid.UUID, datetime, uuid.UUID] | None:
    """Behind which document a page begins; None: at the first."""
    if place is None or place == _START:
        return None
    try:
        collection, created, document = place.removeprefix(_START).split("/")
        return uuid.UUID(collection), datetime.fromisoformat(created), uuid.UUID(document)
    except ValueError:
        raise BadInput("The cursor is none that was given out; begin without one.").about("cursor") from None
