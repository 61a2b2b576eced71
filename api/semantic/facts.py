"""Relations read from a text, and those that were kept."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Iterable, Sequence

from api.conversations.answers import Listing
from api.conversations.cursors import cursor_of, position_of
from api.semantic.answers import EntityAnswer, EntityFound, Extracted, Interval, RelationAnswer, RelationFound, Side
from api.semantic.extraction import Findings, FoundEntity, FoundRelation, Wanted, form, key_of, take
from api.semantic.models import Asking, bounded_schema, fenced
from api.semantic.repository import FactRows
from api.semantic.schemas import EntityQuery, ExtractBody, RelationQuery
from api.semantic.tables import Entity, Relation
from api.web.principal import Principal
from cluster.contracts.documents import Chunk
from cluster.contracts.generation import Json
from cluster.contracts.models import ModelStatus
from cluster.ending import end
from cluster.errors import NotFound, TooLarge
from cluster.stores.sql import AsyncSession
from cluster.text.chunking import Chunking, chunk
from cluster.text.plain import plain

Ids = dict[int, uuid.UUID]


class Extraction:
    """Reads a text in windows; holds no transaction while a model works."""

    def __init__(self, asking: Asking, who: Principal) -> None:
        self._asking = asking
        self._who = who
        self._settings = asking.parts.settings.semantic

    async def extract(self, body: ExtractBody) -> Extracted:
        wanted = self._wanted(body)
        writer = await self._asking.writer(body.model)
        findings = await self._findings(body.text, wanted, writer)
        entities = [one for one in findings.entities.values() if one.confidence >= body.min_confidence]
        relations = [one for one in findings.relations.values() if one.confidence >= body.min_confidence]
        ids = await self._keep(body, entities, relations) if body.keep else {}
        return Extracted(
            model=writer.id,
            entities=[_entity(one, ids.get(id(one))) for one in entities],
            relations=[_relation(one, ids.get(id(one))) for one in relations],
            dropped=dict(findings.dropped),
            kept=body.keep,
        )

    def _wanted(self, body: ExtractBody) -> Wanted:
        most = self._settings.extract_chars
        if len(body.text) > most:
            raise TooLarge(f"'text' has {len(body.text)} characters, at most {most} are read (semantic.extract_chars); split it.").about(
                "text"
            )
        attributes = None if body.schema_ is None else bounded_schema(dict(body.schema_), self._settings.schema_chars)
        return Wanted(tuple(body.entity_types or ()), tuple(body.relation_types or ()), attributes, body.instructions or "")

    async def _findings(self, text: str, wanted: Wanted, writer: ModelStatus) -> Findings:
        """Windows overlap, so that a sentence at an edge is whole in one of them; the later sees the entities of the earlier."""
        size = min(self._settings.window_chars, self._asking.room(writer, wanted.instruction))
        windows = list(chunk(plain(text), Chunking(size=size, overlap=min(200, size // 4))))
        gate = asyncio.Semaphore(self._settings.at_once)
        schema = form(wanted, self._settings.facts)

        async def read(window: Chunk) -> Json:
            async with gate:
                return await self._asking.answer(writer, wanted.instruction, fenced(window.text), schema)

        tasks = [asyncio.ensure_future(read(window)) for window in windows]
        try:
            answers = await asyncio.gather(*tasks)
        finally:
            await end(tasks)
        findings = Findings()
        for window, answer in zip(windows, answers, strict=True):
            take(answer, text, window.start, window.end, wanted, findings)
        return findings

    async def _keep(self, body: ExtractBody, entities: Sequence[FoundEntity], relations: Sequence[FoundRelation]) -> Ids:
        owner, digest = self._who.user_id, hashlib.sha256(body.text.encode(errors="replace")).hexdigest()
        sides = (side for one in relations for side in (one.subject, one.object))
        wanted = {(one.type, key_of(one.name)): one for one in (*sides, *entities)}
        ids = Ids()
        async with self._asking.parts.stores.database.session() as session:
            rows = FactRows(session, self._who.organisation_id)
            kept = await rows.keep_entities(
                {"owner_id": owner, "name": one.name, "name_key": key, "type": kind, "confidence": one.confidence}
                for (kind, key), one in wanted.items()
            )
            for one in entities:
                ids[id(one)] = kept[one.type, key_of(one.name)]
            for fact in relations:
                ids[id(fact)] = await rows.keep_relation(
                    {
                        "owner_id": owner,
                        "subject_id": kept[fact.subject.type, key_of(fact.subject.name)],
                        "predicate": fact.predicate,
                        "object_id": kept[fact.object.type, key_of(fact.object.name)],
                        "confidence": fact.confidence,
                        "quote": fact.quote,
                        "start": fact.start,
                        "end": fact.end,
                        "text_hash": digest,
                        "source": body.source,
                        "held_from": fact.held_from,
                        "held_until": fact.held_until,
                        "attributes": dict(fact.attributes),
                    }
                )
        return ids


class Facts:
    """Those that the organisation keeps."""

    def __init__(self, session: AsyncSession, who: Principal) -> None:
        self._rows = FactRows(session, who.organisation_id)

    async def entities(self, wanted: EntityQuery) -> Listing[EntityAnswer]:
        rows = await self._rows.entities(wanted, position_of(wanted.cursor), wanted.limit + 1)
        page = rows[: wanted.limit]
        cursor = cursor_of(page[-1].created_at, page[-1].id) if len(rows) > wanted.limit else None
        return Listing[EntityAnswer](items=await self.shown(page), next_cursor=cursor)

    async def relations(self, wanted: RelationQuery) -> Listing[RelationAnswer]:
        sides = list[uuid.UUID]()
        if wanted.entity_id is not None:
            standing = (await self._rows.standing_for([wanted.entity_id])).get(wanted.entity_id)
            if standing is None:
                raise NotFound("Your organisation has no such entity; GET /api/v1/semantic/entities lists those it has.")
            sides = [standing[1].id, *(entity.id for _, entity in await self._rows.merged_into([standing[1].id]))]
        rows = await self._rows.relations(wanted, sides, position_of(wanted.cursor), wanted.limit + 1)
        page = rows[: wanted.limit]
        cursor = cursor_of(page[-1].created_at, page[-1].id) if len(rows) > wanted.limit else None
        return Listing[RelationAnswer](items=await self._told(page), next_cursor=cursor)

    async def remove_entity(self, entity_id: uuid.UUID) -> None:
        """With its relations and merges."""
        row = await self._rows.entity(entity_id)
        if row is None:
            raise NotFound("Your organisation has no such entity; GET /api/v1/semantic/entities lists those it has.")
        await self._rows.remove(row)

    async def remove_relation(self, relation_id: uuid.UUID) -> None:
        row = await self._rows.relation(relation_id)
        if row is None:
            raise NotFound("Your organisation has no such relation; GET /api/v1/semantic/relations lists those it has.")
        await self._rows.remove(row)

    async def shown(self, rows: Iterable[Entity]) -> list[EntityAnswer]:
        rows = list(rows)
        also = dict[uuid.UUID, list[str]]()
        for top, entity in await self._rows.merged_into([row.id for row in rows]):
            also.setdefault(top, []).append(entity.name)
        return [
            EntityAnswer(
                id=row.id,
                name=row.name,
                type=row.type,
                confidence=row.confidence,
                also=also.get(row.id, []),
                merged_into=row.merged_into,
                created_at=row.created_at,
            )
            for row in rows
        ]

    async def _told(self, rows: Sequence[Relation]) -> list[RelationAnswer]:
        standing = await self._rows.standing_for({side for row in rows for side in (row.subject_id, row.object_id)})
        return [
            RelationAnswer(
                id=row.id,
                subject=_side(*standing[row.subject_id]),
                predicate=row.predicate,
                object=_side(*standing[row.object_id]),
                confidence=row.confidence,
                quote=row.quote,
                start=row.start,
                end=row.end,
                source=row.source,
                text_hash=row.text_hash,
                held=Interval(since=row.held_from, until=row.held_until),
                attributes=row.attributes,
                created_at=row.created_at,
            )
            for row in rows
        ]


def _side(said: Entity, stands: Entity) -> Side:
    return Side(id=stands.id, name=stands.name, type=stands.type, said=said.name)


def _entity(one: FoundEntity, kept: uuid.UUID | None) -> EntityFound:
    return EntityFound(id=kept, name=one.name, type=one.type, confidence=one.confidence, start=one.start, end=one.end)


def _relation(one: FoundRelation, kept: uuid.UUID | None) -> RelationFound:
    return RelationFound(
        id=kept,
        subject=one.subject.name,
        predicate=one.predicate,
        object=one.object.name,
        confidence=one.confidence,
        quote=one.quote,
        start=one.start,
        end=one.end,
        held=Interval(since=one.held_from, until=one.held_until),
        attributes=dict(one.attributes),
    )
