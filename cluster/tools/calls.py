"""The history of calls: written down before a tool is called, and again when it is over."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, func, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.sql import cast, literal

from cluster.contracts.generation import Json, JsonObject
from cluster.errors import NotFound
from cluster.settings import ToolSettings
from cluster.stores.sql import Database
from cluster.text.cleaning import DROPPED
from cluster.tools.tables import ToolCallRow
from cluster.tools.tool import ToolCaller, ToolResult

# ``refused``: it was not called at all.
Outcome = Literal["succeeded", "failed", "refused", "cancelled"]
MESSAGE_CHARS = 2000
AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a call. ``error``: its code, with ``message``."""

    outcome: Outcome
    ms: int
    result: ToolResult | None = None
    error: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: any. ``before``: the last one of the page before."""

    tool: str | None = None
    user_id: uuid.UUID | None = None
    run_id: uuid.UUID | None = None
    conversation_id: uuid.UUID | None = None
    outcome: Outcome | None = None
    before: tuple[datetime, uuid.UUID] | None = None


class CallHistory:
    """Each method is one transaction."""

    def __init__(self, database: Database, settings: ToolSettings) -> None:
        self._database = database
        self._settings = settings

    async def begin(self, tool: str, source: str, arguments: JsonObject, caller: ToolCaller) -> uuid.UUID:
        """The id under which it stands. Raises what the database raises: what cannot be written down is not done."""
        call_id = uuid.uuid4()
        kept, is_cut = self._kept(arguments)
        values = {
            "id": call_id,
            "organisation_id": caller.organisation_id,
            "user_id": caller.user_id,
            "run_id": caller.run_id,
            "conversation_id": caller.conversation_id,
            "tool": plain(tool)[:200],
            "source": source[:64],
            "call_key": plain(caller.key)[:500],
            "workspace": plain(caller.workspace)[:100],
            "arguments": kept,
            "is_cut": is_cut,
        }
        async with self._database.session() as session:
            # A statement, not an object: whoever writes here need not know the tables of people.
            await session.execute(insert(ToolCallRow).values(values))
        return call_id

    async def end(self, call_id: uuid.UUID, ended: Ended) -> None:
        kept, is_cut = self._kept(ended.result.value) if ended.result is not None else (None, False)
        values: dict[str, Any] = {
            "outcome": ended.outcome,
            "ms": ended.ms,
            "result": kept,
            "error": ended.error,
            "message": plain(ended.message)[:MESSAGE_CHARS] if ended.message else None,
            "finished_at": func.now(),
        }
        if is_cut or (ended.result is not None and ended.result.cut):
            values["is_cut"] = True
        async with self._database.session() as session:
            await session.execute(update(ToolCallRow).where(ToolCallRow.id == call_id).values(values))

    async def page(self, organisation_id: uuid.UUID, wanted: Wanted, most: int) -> Sequence[ToolCallRow]:
        """The newest first."""
        place = (ToolCallRow.created_at, ToolCallRow.id)
        chosen = select(ToolCallRow).where(ToolCallRow.organisation_id == organisation_id).limit(most)
        for column in ("tool", "user_id", "run_id", "conversation_id", "outcome"):
            value = getattr(wanted, column)
            if value is not None:
                chosen = chosen.where(getattr(ToolCallRow, column) == value)
        if wanted.before is not None:
            chosen = chosen.where(tuple_(*place) < wanted.before)
        async with self._database.session() as session:
            return (await session.scalars(chosen.order_by(*(column.desc() for column in place)))).all()

    async def one(self, organisation_id: uuid.UUID, call_id: uuid.UUID) -> ToolCallRow:
        """Raises NotFound, also for one of another organisation."""
        chosen = select(ToolCallRow).where(ToolCallRow.id == call_id, ToolCallRow.organisation_id == organisation_id)
        async with self._database.session() as session:
            row = (await session.scalars(chosen)).one_or_none()
        if row is None:
            raise NotFound(f"There is no call '{call_id}'; GET /api/v1/tools/calls lists those there are.")
        return row

    async def remove_older(self) -> int:
        """Removes what is older than ``tools.calls_days``; how many there were."""
        before = func.now() - cast(literal(f"{self._settings.calls_days * 86400} seconds"), INTERVAL)
        chosen = select(ToolCallRow.id).where(ToolCallRow.created_at < before).limit(AT_ONCE)
        gone = 0
        while True:
            async with self._database.session() as session:
                found = len((await session.scalars(delete(ToolCallRow).where(ToolCallRow.id.in_(chosen)).returning(ToolCallRow.id))).all())
            gone += found
            if found < AT_ONCE:
                return gone

    def _kept(self, value: Json) -> tuple[Any, bool]:
        """``value`` as the database takes it, and whether it is cut: then it is a text."""
        kept, most = storable(value), int(self._settings.history_bytes)
        told = json.dumps(kept, ensure_ascii=False)
        if len(told.encode()) <= most:
            return kept, False
        return plain(value if isinstance(value, str) else told)[: most // 4], True


def storable(value: Any) -> Any:
    """``value`` as PostgreSQL's JSON holds it: no NUL, no halves of characters, no infinite numbers."""
    if isinstance(value, str):
        return value if value.isprintable() else value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(str(key)): storable(item) for key, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, bool | int) else str(value)


def plain(text: str) -> str:
    """Text that can be kept and shown: nothing that is not seen."""
    return DROPPED.sub("", text)
