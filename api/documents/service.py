"""What somebody may do with documents: read those of the organisation, and, as an editor, remove them."""

from __future__ import annotations

import uuid

from api.audit.trail import Trail
from api.conversations.cursors import cursor_of, position_of
from api.documents.repository import CollectionRepository, DocumentRepository
from api.documents.schemas import DocumentAnswer, DocumentQuery, SpanQuery, TextAnswer
from api.web.principal import Principal
from cluster.errors import Conflict, Unprocessable
from cluster.knowledge.tables import DocumentRow, DocumentState
from cluster.stores.sql import AsyncSession

SPAN_CHARS = 100_000


class Documents:
    def __init__(self, session: AsyncSession, who: Principal, trail: Trail) -> None:
        self._collections = CollectionRepository(session, who.organisation_id)
        self._rows = DocumentRepository(session, who.organisation_id)
        self._trail = trail

    async def page(self, collection_id: uuid.UUID, asked: DocumentQuery) -> tuple[list[DocumentAnswer], str | None]:
        """And where the next page begins."""
        collection = await self._collections.get(collection_id)
        found = await self._rows.page(collection.id, asked.state, asked.path, position_of(asked.cursor), asked.limit + 1)
        shown = found[: asked.limit]
        cursor = cursor_of(shown[-1].created_at, shown[-1].id) if len(found) > asked.limit else None
        return [DocumentAnswer.of(row) for row in shown], cursor

    async def get(self, document_id: uuid.UUID) -> DocumentAnswer:
        return DocumentAnswer.of(await self._rows.get(document_id))

    async def text(self, document_id: uuid.UUID, asked: SpanQuery) -> TextAnswer:
        """Raises Conflict before it was read, Unprocessable for a span that is none."""
        await self._rows.get(document_id)
        end = asked.start + SPAN_CHARS if asked.end is None else asked.end
        if end < asked.start or end - asked.start > SPAN_CHARS:
            raise Unprocessable(f"A span ends behind its start, and has at most {SPAN_CHARS} characters; ask for a smaller one.").about(
                "end"
            )
        found = await self._rows.text(document_id, asked.start, end)
        if found is None:
            raise Conflict("The document has not been read; its state and reason say why.")
        version, chars, text = found
        return TextAnswer(document_id=document_id, version=version, start=asked.start, end=asked.start + len(text), chars=chars, text=text)

    async def with_file(self, document_id: uuid.UUID) -> tuple[DocumentRow, uuid.UUID]:
        """The document and the id of its file. Raises Unprocessable for one that came in an archive."""
        row = await self._rows.get(document_id)
        if row.file_id is None:
            raise Unprocessable(f"The document came in an archive or e-mail; get the content of '{row.root_id}', in which it is.")
        return row, row.file_id

    async def mark(self, document_id: uuid.UUID) -> None:
        """From now on it is found nowhere; whoever sees the mark removes it. Raises Unprocessable for a part of an archive."""
        row = await self._rows.get(document_id, lock=True)
        if row.root_id is not None:
            raise Unprocessable(f"The document is part of '{row.root_id}'; remove that.")
        row.state = DocumentState.REMOVING.value
        self._trail.record("document.deleted", f"document:{row.id}")
