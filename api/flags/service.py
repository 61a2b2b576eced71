"""The flags of an organisation: written down by its admins, asked by everybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from api.audit.trail import Trail
from api.flags.evaluation import evaluate
from api.flags.schemas import Context, Evaluation, FlagBody, FlagEntry
from api.flags.tables import Flag
from api.web.principal import Principal
from cluster.errors import Conflict, NotFound
from cluster.stores.sql import AsyncSession


class Flags:
    """``most``: so many an organisation may have."""

    def __init__(self, session: AsyncSession, principal: Principal, trail: Trail, most: int) -> None:
        self._session = session
        self._who = principal
        self._trail = trail
        self._most = most

    async def all(self) -> list[FlagEntry]:
        """By key."""
        return [_entry(row) for row in await self._rows()]

    async def one(self, key: str) -> FlagEntry:
        return _entry(await self._find(key))

    async def keep(self, key: str, body: FlagBody) -> FlagEntry:
        """Makes it, or says it anew. Raises Conflict where there are too many."""
        ours = select(func.count()).select_from(Flag).where(Flag.organisation_id == self._who.organisation_id, Flag.key != key)
        if (await self._session.scalar(ours) or 0) >= self._most:
            raise Conflict(f"The organisation has {self._most} flags (setting limits.flags); delete one that is not asked any more.")
        said, now = body.model_dump(mode="json"), datetime.now(UTC)
        given = {"organisation_id": self._who.organisation_id, "owner_id": self._who.user_id, "key": key}
        row = await self._session.scalar(
            insert(Flag)
            .values(**given, definition=said)
            .on_conflict_do_update(index_elements=["organisation_id", "key"], set_={"definition": said, "updated_at": now})
            .returning(Flag),
            execution_options={"populate_existing": True},
        )
        assert row is not None, "written just now"
        self._trail.record("flag.kept", f"flag:{key}", enabled=body.enabled)
        return _entry(row)

    async def remove(self, key: str) -> None:
        await self._session.delete(await self._find(key))
        self._trail.record("flag.removed", f"flag:{key}")

    async def answer(self, key: str, context: Context) -> Evaluation:
        row = await self._find(key)
        return evaluate(row.key, _definition(row), self._known(context))

    async def answers(self, context: Context) -> list[Evaluation]:
        """For every flag, by key."""
        known = self._known(context)
        return [evaluate(row.key, _definition(row), known) for row in await self._rows()]

    def _known(self, context: Context) -> dict[str, object]:
        caller: dict[str, object] = {"targetingKey": str(self._who.user_id), "role": str(self._who.role)}
        return caller | context.model_dump(exclude_none=True)

    async def _rows(self) -> Sequence[Flag]:
        query = select(Flag).where(Flag.organisation_id == self._who.organisation_id).order_by(Flag.key)
        return (await self._session.scalars(query)).all()

    async def _find(self, key: str) -> Flag:
        query = select(Flag).where(Flag.organisation_id == self._who.organisation_id, Flag.key == key)
        row = await self._session.scalar(query)
        if row is None:
            raise NotFound("There is no such flag in your organisation; GET /api/v1/flags lists them.")
        return row


def _definition(row: Flag) -> FlagBody:
    return FlagBody.model_validate(row.definition)


def _entry(row: Flag) -> FlagEntry:
    return FlagEntry.model_validate({**row.definition, "key": row.key, "created_at": row.created_at, "updated_at": row.updated_at})
