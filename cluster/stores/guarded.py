"""Rows that several processes change: guarded, numbered, and in one statement each, so that it does not matter who else is at it.

Jobs and runs of graphs are such rows: a queue, a state machine, and events that are numbered within their row."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, ForeignKey, Integer, SmallInteger, String, func, insert, update
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.sql import AsyncSession
from cluster.stores.tables import Identified, Owned, Table

Guard = ColumnElement[bool]
_OPTIONS: dict[str, Any] = {"synchronize_session": False, "populate_existing": True}


class Turned(Identified):
    """``priority``: higher goes first. ``attempt`` counts claims and never goes back; it fences writes. ``tries`` counts what went wrong
    since it was last queued by a person. ``not_before``: earliest start."""

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(String(16), server_default="queued")
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    attempt: Mapped[int] = mapped_column(Integer, server_default="0")
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    queued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class TurnedTable(Turned, Table):
    """What the type checker knows of a table whose rows wait for their turn."""

    __abstract__ = True


class Queued(Turned, Owned):
    """``changes``: number of the latest event."""

    cancel_requested_at: Mapped[datetime | None]
    changes: Mapped[int] = mapped_column(Integer, server_default="0")


class QueuedTable(Queued, TurnedTable):
    """The same of one whose rows tell what happens to them."""

    __abstract__ = True


Row = TypeVar("Row", bound=QueuedTable)
State = TypeVar("State", bound=StrEnum)


@dataclass(frozen=True)
class Guarded(Generic[Row, State]):
    """``table`` and the table of its ``events``, whose column ``about`` names the row. ``origins``: the states from which one may be
    reached; ``ended``: those in which it has a time of finishing. ``announce``: told of every change of state, in its transaction."""

    table: type[Row]
    events: type[Table]
    about: str
    origins: Callable[[State], frozenset[State]]
    ended: Collection[State]
    announce: Callable[[AsyncSession, Row], Awaitable[None]] | None = None

    async def change(self, session: AsyncSession, row_id: uuid.UUID, *guards: Guard, **values: Any) -> Row | None:
        """The row with ``values``; None, and nothing is written, where it does not exist or meet the ``guards``. The row is locked from
        here to the end of the transaction."""
        statement = update(self.table).where(self.table.id == row_id, *guards).values(**values).returning(self.table)
        return (await session.scalars(statement, execution_options=_OPTIONS)).one_or_none()

    async def tell(self, session: AsyncSession, row_id: uuid.UUID, number: int, kind: str, data: Mapping[str, Any]) -> None:
        """Writes an event under the number that the row reached; whoever calls has counted ``changes`` up in the same transaction."""
        event = {self.about: row_id, "number": number, "kind": kind, "data": dict(data)}
        await session.execute(insert(self.events.__table__).values(event))  # type: ignore[arg-type]

    async def move(self, session: AsyncSession, row_id: uuid.UUID, target: State, *guards: Guard, **values: Any) -> Row | None:
        """Into another state, where the transition exists, with an event that says why (the value of ``error``, or ``reason``)."""
        reason = values.pop("reason", None) or values.get("error")
        if target in self.ended:
            values["finished_at"] = func.now()
        allowed = self.table.state.in_([state.value for state in self.origins(target)])
        row = await self.change(session, row_id, allowed, *guards, state=target.value, changes=self.table.changes + 1, **values)
        if row is not None:
            said = {"state": target.value, "attempt": row.attempt} | ({"reason": reason} if reason else {})
            await self.tell(session, row.id, row.changes, "state", said)
            if self.announce is not None:
                await self.announce(session, row)
        return row
