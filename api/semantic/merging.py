"""Which entities are one. A merge is a pointer from one entity to the other, so nothing is rewritten and it can be taken back."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from difflib import SequenceMatcher

from api.conversations.answers import Listing
from api.conversations.cursors import cursor_of, position_of
from api.semantic.answers import Candidate, MergeAnswer
from api.semantic.facts import Facts
from api.semantic.repository import FactRows
from api.semantic.schemas import CandidateQuery, MergeBody, PageQuery
from api.semantic.tables import Entity, EntityMerge
from api.web.principal import Principal
from cluster.errors import Conflict, NotFound
from cluster.stores.sql import AsyncSession

NONE_SUCH = "Your organisation has no such entity; GET /api/v1/semantic/entities lists those it has."
# Of a name whose words all stand in the other: "Curie" and "Marie Curie".
CONTAINED, INITIALS = 0.85, 0.9


class Merging:
    """For one person, in one transaction."""

    def __init__(self, session: AsyncSession, who: Principal, compared: int) -> None:
        self._rows = FactRows(session, who.organisation_id)
        self._facts = Facts(session, who)
        self._who = who
        self._compared = compared

    async def candidates(self, entity_id: uuid.UUID, wanted: CandidateQuery) -> list[Candidate]:
        """Entities whose names say that they may be the same, the likeliest first."""
        row = await self._rows.entity(entity_id)
        if row is None:
            raise NotFound(NONE_SUCH)
        alike = [(other, *likeness(row, other)) for other in await self._rows.others(row, self._compared)]
        best = sorted((one for one in alike if one[1] >= wanted.threshold), key=lambda one: (-one[1], one[0].name_key))[: wanted.limit]
        shown = await self._facts.shown(one[0] for one in best)
        return [
            Candidate(entity=entity, similarity=round(similarity, 3), reason=reason)
            for entity, (_, similarity, reason) in zip(shown, best, strict=True)
        ]

    async def merge(self, body: MergeBody) -> MergeAnswer:
        """From now on one stands for both. Both must stand for themselves until now."""
        rows = await self._rows.locked([body.keep_id, body.merge_id])
        if len(rows) < 2:
            raise NotFound(NONE_SUCH)
        for row in rows.values():
            if row.merged_into is not None:
                raise Conflict(f"'{row.name}' was merged into another entity already; merge that one, or undo its merge first.")
        rows[body.merge_id].merged_into = body.keep_id
        made = EntityMerge(
            organisation_id=self._who.organisation_id,
            owner_id=self._who.user_id,
            kept_id=body.keep_id,
            merged_id=body.merge_id,
            reason=body.reason,
            created_at=datetime.now(UTC),
        )
        self._rows.add(made)
        await self._rows.flush()
        return MergeAnswer.of(made)

    async def undo(self, merge_id: uuid.UUID) -> MergeAnswer:
        """Both stand for themselves again, with the relations that each had."""
        made = await self._rows.merge(merge_id)
        if made is None:
            raise NotFound("Your organisation has no such merge; GET /api/v1/semantic/merges lists those it has.")
        if made.undone_at is not None:
            raise Conflict("This merge was undone already.")
        rows = await self._rows.locked([made.merged_id])
        rows[made.merged_id].merged_into = None
        made.undone_at, made.undone_by = datetime.now(UTC), self._who.user_id
        await self._rows.flush()
        return MergeAnswer.of(made)

    async def merges(self, wanted: PageQuery) -> Listing[MergeAnswer]:
        rows = await self._rows.merges(position_of(wanted.cursor), wanted.limit + 1)
        page = rows[: wanted.limit]
        cursor = cursor_of(page[-1].created_at, page[-1].id) if len(rows) > wanted.limit else None
        return Listing[MergeAnswer](items=[MergeAnswer.of(row) for row in page], next_cursor=cursor)


def likeness(one: Entity, other: Entity) -> tuple[float, str]:
    """How alike two names are, 0 to 1, and why. (Edit distance alone takes "M. Curie" and "Marie Curie" for strangers.)"""
    if one.name_key == other.name_key:
        return 1.0, f"The same name, as {one.type} and as {other.type}."
    short, long = sorted((one.name_key.split(), other.name_key.split()), key=len)
    if set(short) < set(long):
        return CONTAINED, "All words of one name stand in the other."
    if len(short) == len(long) and all(_abbreviates(a, b) or _abbreviates(b, a) for a, b in zip(short, long, strict=True)):
        return INITIALS, "One name abbreviates the other."
    ratio = SequenceMatcher(None, one.name_key, other.name_key, autojunk=False).ratio()
    return ratio, "The names are spelled alike."


def _abbreviates(short: str, long: str) -> bool:
    stem = short.rstrip(".")
    return short == long or (len(stem) == 1 and long.startswith(stem))
