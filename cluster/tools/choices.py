"""Which tools are used where, and how they are set: by the organisation, by a person, in a conversation."""

from __future__ import annotations

import fnmatch
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from cluster.stores.sql import AsyncSession, Database
from cluster.tools.tables import ToolChoice, ToolOptions
from cluster.tools.tool import ToolSpec

CATEGORY = "category:"


@dataclass(frozen=True, slots=True)
class Choice:
    """``allow`` None: all but those of ``deny``. Both are names with ``*``, or ``category:NAME``."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()

    def takes(self, name: str, category: str = "") -> bool:
        if any(_is_like(name, category, pattern) for pattern in self.deny):
            return False
        return self.allow is None or any(_is_like(name, category, pattern) for pattern in self.allow)


ALL = Choice()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a choice holds: in an organisation, for one of its people, or in one of its conversations."""

    organisation_id: uuid.UUID
    user_id: uuid.UUID | None = None
    conversation_id: uuid.UUID | None = None

    @property
    def name(self) -> str:
        if self.conversation_id is not None:
            return f"conversation:{self.conversation_id}"
        return f"user:{self.user_id}" if self.user_id is not None else "organisation"


class ToolChoices:
    """Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, scope: Scope) -> Choice | None:
        """None: nothing was chosen there."""
        return (await self._all([scope]))[0]

    async def chosen(self, specs: Sequence[ToolSpec], scope: Scope) -> list[ToolSpec]:
        """Those of ``specs``, which are the organisation's, that are used: as the conversation says, where it says something, else as the
        person does, else all."""
        scopes = [Scope(scope.organisation_id, conversation_id=scope.conversation_id)] if scope.conversation_id else []
        scopes += [Scope(scope.organisation_id, user_id=scope.user_id)] if scope.user_id else []
        choice = next((found for found in await self._all(scopes) if found is not None), ALL)
        return [spec for spec in specs if choice.takes(spec.name, spec.category)]

    async def set(self, scope: Scope, choice: Choice | None) -> None:
        """None: as if nothing had been chosen."""
        async with self._database.session() as session:
            await set_choice(session, scope, choice)

    async def options(self, organisation_id: uuid.UUID, tool: str | None = None) -> dict[str, dict[str, Any]]:
        """What was set, by tool."""
        chosen = select(ToolOptions.tool, ToolOptions.values).where(ToolOptions.organisation_id == organisation_id)
        if tool is not None:
            chosen = chosen.where(ToolOptions.tool == tool)
        async with self._database.session() as session:
            return {row[0]: row[1] for row in await session.execute(chosen)}

    async def _all(self, scopes: Sequence[Scope]) -> list[Choice | None]:
        if not scopes:
            return []
        names = [scope.name for scope in scopes]
        chosen = select(ToolChoice.scope, ToolChoice.allow, ToolChoice.deny).where(
            ToolChoice.organisation_id == scopes[0].organisation_id, ToolChoice.scope.in_(names)
        )
        async with self._database.session() as session:
            found = {row[0]: Choice(None if row[1] is None else tuple(row[1]), tuple(row[2])) for row in await session.execute(chosen)}
        return [found.get(name) for name in names]


async def set_choice(session: AsyncSession, scope: Scope, choice: Choice | None) -> None:
    """In the caller's transaction; ``choice`` None: as if nothing had been chosen."""
    if choice is None:
        gone = delete(ToolChoice).where(ToolChoice.organisation_id == scope.organisation_id, ToolChoice.scope == scope.name)
        await session.execute(gone)
        return
    told: dict[str, Any] = {"allow": None if choice.allow is None else list(choice.allow), "deny": list(choice.deny)}
    values = {
        "id": uuid.uuid4(),
        "organisation_id": scope.organisation_id,
        "scope": scope.name,
        "user_id": None if scope.conversation_id else scope.user_id,
        "conversation_id": scope.conversation_id,
        **told,
    }
    writing = insert(ToolChoice).values(values)
    writing = writing.on_conflict_do_update(index_elements=["organisation_id", "scope"], set_={**told, "updated_at": func.now()})
    await session.execute(writing)


async def set_options(session: AsyncSession, organisation_id: uuid.UUID, tool: str, values: dict[str, Any]) -> None:
    """In the caller's transaction; without ``values``: as the tool has it."""
    if not values:
        await session.execute(delete(ToolOptions).where(ToolOptions.organisation_id == organisation_id, ToolOptions.tool == tool))
        return
    writing = insert(ToolOptions).values(organisation_id=organisation_id, tool=tool, values=values)
    changed = {"values": writing.excluded["values"], "updated_at": func.now()}
    await session.execute(writing.on_conflict_do_update(index_elements=["organisation_id", "tool"], set_=changed))


def _is_like(name: str, category: str, pattern: str) -> bool:
    if pattern.startswith(CATEGORY):
        return category == pattern.removeprefix(CATEGORY)
    return fnmatch.fnmatchcase(name, pattern)
