"""The flags of an organisation: written down by its admins, asked by everybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from api.audit.trail import Trail
from api.flags.evaluation import evaluate
from api.flags.schemas import Context, Evaluation, FlagBody, FlagEntry, NewFlagBody
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

    async def create(self, body: NewFlagBody) -> FlagEntry:
        """Raises Conflict for a key that is taken, and where there are too many."""
        await self._need_room()
        said = body.model_dump(mode="json", exclude={"key"})
        row = Flag(organisation_id=self._who.organisation_id, owner_id=self._who.user_id, key=body.key, definition=said)
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            raise Conflict("There is a flag of this name already; change it, or choose another.").about("key") from None
        await self._session.refresh(row)
        self._trail.record("flag.created", f"flag:{body.key}", enabled=body.enabled)
        return _entry(row)

    async def replace(self, key: str, body: FlagBody) -> FlagEntry:
        row = await self._find(key)
        row.definition, row.updated_at = body.model_dump(mode="json"), datetime.now(UTC)
        self._trail.record("flag.changed", f"flag:{key}", enabled=body.enabled)
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

    async def _need_room(self) -> None:
        ours = select(func.count()).select_from(Flag).where(Flag.organisation_id == self._who.organisation_id)
        if (await self._session.scalar(ours) or 0) >= self._most:
            raise Conflict(f"The organisation has {self._most} flags (setting limits.flags); delete one that is not asked any more.")

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
