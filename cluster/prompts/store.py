"""System prompts and their versions, as they are kept: every read of a prompt names the organisation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from cluster.prompts.tables import PromptVersion, SystemPrompt
from cluster.stores.sql import AsyncSession


class StoredPrompts:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: SystemPrompt | PromptVersion) -> None:
        self._session.add(row)

    async def flush(self) -> None:
        await self._session.flush()

    async def get(self, organisation_id: uuid.UUID, prompt_id: uuid.UUID, *, lock: bool = False) -> SystemPrompt | None:
        query = select(SystemPrompt).where(SystemPrompt.id == prompt_id, SystemPrompt.organisation_id == organisation_id)
        return await self._session.scalar(query.with_for_update() if lock else query)

    async def named(self, organisation_id: uuid.UUID, name: str) -> SystemPrompt | None:
        return await self._session.scalar(
            select(SystemPrompt).where(SystemPrompt.organisation_id == organisation_id, SystemPrompt.name == name)
        )

    async def all(self, organisation_id: uuid.UUID, after: str | None = None, limit: int | None = None) -> Sequence[SystemPrompt]:
        """By name."""
        query = select(SystemPrompt).where(SystemPrompt.organisation_id == organisation_id).order_by(SystemPrompt.name).limit(limit)
        return (await self._session.scalars(query if after is None else query.where(SystemPrompt.name > after))).all()

    async def with_pattern(self, organisation_id: uuid.UUID) -> Sequence[SystemPrompt]:
        query = select(SystemPrompt).where(SystemPrompt.organisation_id == organisation_id, SystemPrompt.pattern.is_not(None))
        return (await self._session.scalars(query)).all()

    async def version(self, prompt_id: uuid.UUID, version: int) -> PromptVersion | None:
        return await self._session.scalar(
            select(PromptVersion).where(PromptVersion.prompt_id == prompt_id, PromptVersion.version == version)
        )

    async def versions(self, prompt_id: uuid.UUID) -> Sequence[PromptVersion]:
        """The latest first."""
        query = select(PromptVersion).where(PromptVersion.prompt_id == prompt_id).order_by(PromptVersion.version.desc())
        return (await self._session.scalars(query)).all()

    async def remove(self, row: SystemPrompt) -> None:
        await self._session.delete(row)
        await self._session.flush()
