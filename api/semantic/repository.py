"""The SQL of entities, relations and merges: every query names the organisation."""

from __future__ import annotations

import uuid
from collections.abc import Collection as Ids
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from api.conversations.cursors import Position
from api.semantic.schemas import EntityQuery, RelationQuery
from api.semantic.tables import Entity, EntityMerge, Relation
from cluster.knowledge.tables import Collection
from cluster.stores.sql import AsyncSession

Row = Entity | Relation | EntityMerge
RowT = TypeVar("RowT", Entity, Relation, EntityMerge)


async def collection_of(session: AsyncSession, organisation_id: uuid.UUID, collection_id: uuid.UUID) -> Collection | None:
    """None also for one that is about to be gone."""
    chosen = select(Collection).where(
        Collection.organisation_id == organisation_id, Collection.id == collection_id, Collection.is_removing.is_(False)
    )
    return await session.scalar(chosen)


class FactRows:
    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID) -> None:
        self._session = session
        self._organisation_id = organisation_id

    async def keep_entities(self, rows: Iterable[dict[str, Any]]) -> dict[tuple[str, str], uuid.UUID]:
        """Ids by type and key; an entity of the same type and key is the same. Always in one order, so that two writers cannot wait for
        each other."""
        ids = dict[tuple[str, str], uuid.UUID]()
        for row in sorted(rows, key=lambda one: (one["type"], one["name_key"])):
            new = insert(Entity).values(id=uuid.uuid4(), organisation_id=self._organisation_id, **row)
            same = new.on_conflict_do_update(
                constraint="uq_entities_organisation_id_type_name_key",
                set_={"confidence": func.greatest(Entity.confidence, new.excluded.confidence)},
            )
            ids[row["type"], row["name_key"]] = (await self._session.execute(same.returning(Entity.id))).scalar_one()
        return ids

    async def keep_relation(self, row: dict[str, Any]) -> uuid.UUID:
        """The same words of the same text state the same relation once."""
        new = insert(Relation).values(id=uuid.uuid4(), organisation_id=self._organisation_id, **row)
        changing = {name: new.excluded[name] for name in ("confidence", "quote", "end", "held_from", "held_until", "attributes", "source")}
        same = new.on_conflict_do_update(constraint="uq_relations_organisation_id_text_hash", set_=changing)
        return (await self._session.execute(same.returning(Relation.id))).scalar_one()

    async def entities(self, wanted: EntityQuery, after: Position | None, limit: int) -> Sequence[Entity]:
        """The latest first."""
        must: list[ColumnElement[bool]] = [Entity.confidence >= wanted.min_confidence]
        if wanted.type is not None:
            must.append(Entity.type == wanted.type)
        if wanted.name is not None:
            must.append(Entity.name_key.contains(" ".join(wanted.name.casefold().split()), autoescape=True))
        if not wanted.merged:
            must.append(Entity.merged_into.is_(None))
        return await self._page(Entity, must, after, limit)

    async def relations(self, wanted: RelationQuery, sides: Ids[uuid.UUID], after: Position | None, limit: int) -> Sequence[Relation]:
        """The latest first; ``sides``: where given, one of them is on one side."""
        must: list[ColumnElement[bool]] = [Relation.confidence >= wanted.min_confidence]
        if wanted.entity_id is not None:
            must.append(or_(Relation.subject_id.in_(sides), Relation.object_id.in_(sides)))
        if wanted.predicate is not None:
            must.append(Relation.predicate == wanted.predicate)
        if wanted.source is not None:
            must.append(Relation.source == wanted.source)
        if wanted.held_at is not None:
            must.append(or_(Relation.held_from.is_(None), Relation.held_from <= wanted.held_at))
            must.append(or_(Relation.held_until.is_(None), Relation.held_until >= wanted.held_at))
        return await self._page(Relation, must, after, limit)

    async def merges(self, after: Position | None, limit: int) -> Sequence[EntityMerge]:
        return await self._page(EntityMerge, [], after, limit)

    async def entity(self, entity_id: uuid.UUID) -> Entity | None:
        return await self._one(Entity, entity_id)

    async def relation(self, relation_id: uuid.UUID) -> Relation | None:
        return await self._one(Relation, relation_id)

    async def merge(self, merge_id: uuid.UUID) -> EntityMerge | None:
        return await self._one(EntityMerge, merge_id, lock=True)

    async def locked(self, ids: Ids[uuid.UUID]) -> dict[uuid.UUID, Entity]:
        """Always in one order, so that two merges cannot wait for each other."""
        chosen = select(Entity).where(self._ours(Entity), Entity.id.in_(ids)).order_by(Entity.id).with_for_update()
        return {row.id: row for row in await self._session.scalars(chosen)}

    async def standing_for(self, ids: Ids[uuid.UUID]) -> dict[uuid.UUID, tuple[Entity, Entity]]:
        """Each entity, and the one that stands for it now."""
        up = select(Entity.id.label("first"), Entity.id, Entity.merged_into).where(self._ours(Entity), Entity.id.in_(ids))
        walk = up.cte("walk", recursive=True)
        walk = walk.union_all(
            select(walk.c.first, Entity.id, Entity.merged_into).join(walk, Entity.id == walk.c.merged_into).where(self._ours(Entity))
        )
        ends = (await self._session.execute(select(walk.c.first, walk.c.id).where(walk.c.merged_into.is_(None)))).all()
        needed = {entity for pair in ends for entity in pair}
        rows = {row.id: row for row in await self._session.scalars(select(Entity).where(self._ours(Entity), Entity.id.in_(needed)))}
        return {first: (rows[first], rows[last]) for first, last in ends}

    async def merged_into(self, ids: Ids[uuid.UUID]) -> Sequence[tuple[uuid.UUID, Entity]]:
        """All that were merged into these, directly or on a way; each with the one of these."""
        down = select(Entity.id.label("top"), Entity.id).where(self._ours(Entity), Entity.id.in_(ids)).cte("down", recursive=True)
        down = down.union_all(select(down.c.top, Entity.id).join(down, Entity.merged_into == down.c.id).where(self._ours(Entity)))
        chosen = select(down.c.top, Entity).join(Entity, Entity.id == down.c.id).where(Entity.id != down.c.top).order_by(Entity.name)
        return [(top, entity) for top, entity in (await self._session.execute(chosen)).all()]

    async def others(self, entity: Entity, most: int) -> Sequence[Entity]:
        """Entities that stand for themselves, those of the same type first."""
        chosen = select(Entity).where(self._ours(Entity), Entity.id != entity.id, Entity.merged_into.is_(None))
        return (await self._session.scalars(chosen.order_by(Entity.type != entity.type, Entity.created_at, Entity.id).limit(most))).all()

    async def counts(self) -> tuple[int, int, int, float | None]:
        """Entities that stand for themselves, relations, merges in force, and the relations' mean confidence."""
        entities = select(func.count()).select_from(Entity).where(self._ours(Entity), Entity.merged_into.is_(None))
        relations = select(func.count(), func.avg(Relation.confidence)).where(self._ours(Relation))
        merges = select(func.count()).select_from(EntityMerge).where(self._ours(EntityMerge), EntityMerge.undone_at.is_(None))
        number, mean = (await self._session.execute(relations)).one()
        return await self._session.scalar(entities) or 0, number, await self._session.scalar(merges) or 0, mean

    def add(self, row: Row) -> None:
        self._session.add(row)

    async def remove(self, row: Row) -> None:
        await self._session.delete(row)
        await self._session.flush()

    async def flush(self) -> None:
        await self._session.flush()

    def _ours(self, table: type[Row]) -> ColumnElement[bool]:
        return table.organisation_id == self._organisation_id

    async def _one(self, table: type[RowT], row_id: uuid.UUID, *, lock: bool = False) -> RowT | None:
        chosen = select(table).where(self._ours(table), table.id == row_id)
        return await self._session.scalar(chosen.with_for_update() if lock else chosen)

    async def _page(self, table: type[RowT], must: Sequence[ColumnElement[bool]], after: Position | None, limit: int) -> Sequence[RowT]:
        chosen = select(table).where(self._ours(table), *must).order_by(table.created_at.desc(), table.id.desc()).limit(limit)
        if after is not None:
            chosen = chosen.where(tuple_(table.created_at, table.id) < tuple_(literal(after[0]), literal(after[1])))
        return (await self._session.scalars(chosen)).all()
