"""The SQL of knowledge items: every query names the organisation, and what a person reads is only what that person may see."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, exists, func, literal, or_, select, tuple_, update

from api.conversations.cursors import Position
from api.knowledge.tables import KnowledgeGone, KnowledgeItem, KnowledgeLink, KnowledgeShare, KnowledgeVersion
from api.people.tables import Membership, Team, TeamMember
from cluster.stores.sql import AsyncSession

Row = KnowledgeItem | KnowledgeLink | KnowledgeShare | KnowledgeVersion


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose eyes it is seen with."""

    organisation_id: uuid.UUID
    user_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Narrow:
    """What a list is narrowed to."""

    category: str | None = None
    kind: str | None = None
    tag: str | None = None
    title: str | None = None
    mine: bool = False


class KnowledgeRows:
    def __init__(self, session: AsyncSession, reader: Reader) -> None:
        self._session = session
        self._reader = reader

    async def get(self, item_id: uuid.UUID, *, lock: bool = False) -> tuple[KnowledgeItem, bool] | None:
        """The item, and whether it may be changed; None for one that may not even be seen."""
        chosen = select(KnowledgeItem, self._may("editor")).where(self._visible(), KnowledgeItem.id == item_id)
        found = (await self._session.execute(chosen.with_for_update(of=KnowledgeItem) if lock else chosen)).first()
        return None if found is None else (found[0], bool(found[1]))

    async def page(self, wanted: Narrow, after: Position | None, limit: int) -> Sequence[KnowledgeItem]:
        """The latest change first."""
        chosen = self._narrowed(select(KnowledgeItem), wanted)
        if after is not None:
            chosen = chosen.where(tuple_(KnowledgeItem.updated_at, KnowledgeItem.id) < tuple_(literal(after[0]), literal(after[1])))
        chosen = chosen.order_by(KnowledgeItem.updated_at.desc(), KnowledgeItem.id.desc()).limit(limit)
        return (await self._session.scalars(chosen)).all()

    async def those(self, ids: Collection[uuid.UUID], wanted: Narrow | None = None) -> dict[uuid.UUID, KnowledgeItem]:
        """Of these, the ones that may be seen."""
        chosen = self._narrowed(select(KnowledgeItem), wanted or Narrow()).where(KnowledgeItem.id.in_(ids))
        return {row.id: row for row in await self._session.scalars(chosen)}

    async def changeable_ids(self, most: int) -> list[uuid.UUID]:
        """Those that were not embedded for the longest time first."""
        chosen = select(KnowledgeItem.id).where(self._visible(), self._may("editor"))
        return list(await self._session.scalars(chosen.order_by(KnowledgeItem.not_before, KnowledgeItem.id).limit(most)))

    async def categories(self) -> Sequence[tuple[str, int]]:
        """With how many items, by name."""
        chosen = select(KnowledgeItem.category, func.count()).where(self._visible(), KnowledgeItem.category.is_not(None))
        found = await self._session.execute(chosen.group_by(KnowledgeItem.category).order_by(KnowledgeItem.category))
        return [(name, count) for name, count in found.all() if name is not None]

    async def tags(self, most: int) -> Sequence[tuple[str, int]]:
        """With how many items, the most frequent first."""
        named = select(func.jsonb_array_elements_text(KnowledgeItem.tags).label("tag")).where(self._visible()).subquery()
        chosen = select(named.c.tag, func.count()).group_by(named.c.tag).order_by(func.count().desc(), named.c.tag).limit(most)
        return [(tag, count) for tag, count in (await self._session.execute(chosen)).all()]

    async def version(self, item_id: uuid.UUID, version: int) -> KnowledgeVersion | None:
        return await self._session.get(KnowledgeVersion, (item_id, version))

    async def versions(self, item_id: uuid.UUID, before: int | None, limit: int) -> Sequence[KnowledgeVersion]:
        """The latest first."""
        chosen = select(KnowledgeVersion).where(KnowledgeVersion.item_id == item_id).order_by(KnowledgeVersion.version.desc()).limit(limit)
        return (await self._session.scalars(chosen if before is None else chosen.where(KnowledgeVersion.version < before))).all()

    async def shares(self, item_id: uuid.UUID) -> Sequence[KnowledgeShare]:
        chosen = select(KnowledgeShare).where(KnowledgeShare.item_id == item_id)
        return (await self._session.scalars(chosen.order_by(KnowledgeShare.created_at, KnowledgeShare.id))).all()

    async def unshare(self, item_id: uuid.UUID) -> None:
        await self._session.execute(delete(KnowledgeShare).where(KnowledgeShare.item_id == item_id))

    async def members(self, users: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Those of them who belong to the organisation."""
        chosen = select(Membership.user_id).where(Membership.organisation_id == self._reader.organisation_id, Membership.user_id.in_(users))
        return set(await self._session.scalars(chosen))

    async def teams(self, teams: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Those of them that are the organisation's."""
        chosen = select(Team.id).where(Team.organisation_id == self._reader.organisation_id, Team.id.in_(teams))
        return set(await self._session.scalars(chosen))

    async def my_teams(self) -> list[uuid.UUID]:
        return list(await self._session.scalars(self._teams_of_reader()))

    async def links(self, ids: Collection[uuid.UUID], most: int) -> Sequence[KnowledgeLink]:
        """Those from or to any of these, the oldest first."""
        either = or_(KnowledgeLink.from_id.in_(ids), KnowledgeLink.to_id.in_(ids))
        chosen = select(KnowledgeLink).where(KnowledgeLink.organisation_id == self._reader.organisation_id, either)
        return (await self._session.scalars(chosen.order_by(KnowledgeLink.created_at, KnowledgeLink.id).limit(most))).all()

    async def link(self, link_id: uuid.UUID) -> KnowledgeLink | None:
        chosen = select(KnowledgeLink).where(KnowledgeLink.organisation_id == self._reader.organisation_id, KnowledgeLink.id == link_id)
        return await self._session.scalar(chosen)

    async def same_link(self, link: KnowledgeLink) -> bool:
        chosen = exists().where(KnowledgeLink.from_id == link.from_id, KnowledgeLink.to_id == link.to_id, KnowledgeLink.kind == link.kind)
        return bool(await self._session.scalar(select(chosen)))

    def add(self, *rows: Row) -> None:
        self._session.add_all(rows)

    async def remove(self, row: Row) -> None:
        await self._session.delete(row)
        await self._session.flush()

    async def flush(self) -> None:
        await self._session.flush()

    def _narrowed(self, chosen: Select[KnowledgeItem], wanted: Narrow) -> Select[KnowledgeItem]:
        chosen = chosen.where(self._visible())
        if wanted.category is not None:
            chosen = chosen.where(KnowledgeItem.category == wanted.category)
        if wanted.kind is not None:
            chosen = chosen.where(KnowledgeItem.kind == wanted.kind)
        if wanted.tag is not None:
            chosen = chosen.where(KnowledgeItem.tags.contains([wanted.tag]))
        if wanted.title is not None:
            chosen = chosen.where(KnowledgeItem.title.icontains(wanted.title, autoescape=True))
        return chosen.where(KnowledgeItem.owner_id == self._reader.user_id) if wanted.mine else chosen

    def _visible(self) -> ColumnElement[bool]:
        return (KnowledgeItem.organisation_id == self._reader.organisation_id) & self._may("viewer", "editor")

    def _may(self, *roles: str) -> ColumnElement[bool]:
        """May the reader do what one of these roles may?"""
        me = self._reader.user_id
        shared = exists().where(
            KnowledgeShare.item_id == KnowledgeItem.id,
            KnowledgeShare.role.in_(roles),
            or_(KnowledgeShare.user_id == me, KnowledgeShare.team_id.in_(self._teams_of_reader())),
        )
        return or_(KnowledgeItem.owner_id == me, KnowledgeItem.audience.in_(roles), shared)

    def _teams_of_reader(self) -> Select[uuid.UUID]:
        ours = Team.organisation_id == self._reader.organisation_id
        return select(TeamMember.team_id).join(Team, Team.id == TeamMember.team_id).where(ours, TeamMember.user_id == self._reader.user_id)


class IndexRows:
    """What the index has to follow, of all organisations: this is the house's own work, and nobody reads it."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def due(self, most: int) -> Sequence[uuid.UUID]:
        """The longest waiting first."""
        chosen = select(KnowledgeItem.id).where(self._is_due(), KnowledgeItem.not_before <= func.now())
        return (await self._session.scalars(chosen.order_by(KnowledgeItem.not_before, KnowledgeItem.id).limit(most))).all()

    async def claim(self, item_id: uuid.UUID) -> KnowledgeItem | None:
        """The item, if it is due and nobody else follows it now; nobody does until the transaction ends. Readers and writers of the row
        are not held up."""
        if not await self._alone(item_id):
            return None
        return await self._session.scalar(select(KnowledgeItem).where(KnowledgeItem.id == item_id, self._is_due()))

    async def gone(self, most: int) -> Sequence[uuid.UUID]:
        return (await self._session.scalars(select(KnowledgeGone.item_id).limit(most))).all()

    async def claim_gone(self, item_id: uuid.UUID) -> KnowledgeGone | None:
        """As :meth:`claim`: nobody writes to the index of it meanwhile."""
        return await self._session.get(KnowledgeGone, item_id) if await self._alone(item_id) else None

    async def forget(self, gone: KnowledgeGone) -> None:
        await self._session.delete(gone)
        await self._session.flush()

    async def shares(self, item_id: uuid.UUID) -> Sequence[KnowledgeShare]:
        return (await self._session.scalars(select(KnowledgeShare).where(KnowledgeShare.item_id == item_id))).all()

    async def followed(self, item_id: uuid.UUID, revision: int, model: str) -> None:
        done = {"indexed_revision": revision, "indexed_model": model, "tries": 0, "index_error": None}
        await self._session.execute(update(KnowledgeItem).where(KnowledgeItem.id == item_id).values(done))

    async def failed(self, item_id: uuid.UUID, reason: str, first_s: float, longest_s: float) -> None:
        """Each time twice as long until the next try."""
        row = await self._session.get(KnowledgeItem, item_id)
        if row is not None:
            wait_s = min(longest_s, first_s * 2 ** min(row.tries, 20))
            row.tries, row.index_error, row.not_before = row.tries + 1, reason, datetime.now(UTC) + timedelta(seconds=wait_s)

    async def propose(self, item_id: uuid.UUID, version: int, proposal: dict[str, object]) -> None:
        row = await self._session.get(KnowledgeItem, item_id, with_for_update=True)
        if row is not None and row.version == version and row.category is None and row.proposal is None:
            row.proposal = proposal

    async def again(self, model: str) -> None:
        """Everything that has the vectors of another model is due."""
        other = KnowledgeItem.indexed_model.is_not(None) & (KnowledgeItem.indexed_model != model)
        followed = KnowledgeItem.indexed_revision == KnowledgeItem.revision
        await self._session.execute(update(KnowledgeItem).where(other, followed).values(revision=KnowledgeItem.revision + 1))

    async def _alone(self, item_id: uuid.UUID) -> bool:
        return bool(await self._session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended(str(item_id), 0)))))

    def _is_due(self) -> ColumnElement[bool]:
        return KnowledgeItem.indexed_revision < KnowledgeItem.revision
