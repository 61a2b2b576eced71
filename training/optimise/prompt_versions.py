"""A prompt's new version, and its way back: versions are never changed, so that both are new ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert

from cluster.errors import Conflict, NotFound
from cluster.optimising.change import PromptChange
from cluster.prompts.store import StoredPrompts
from cluster.prompts.tables import PromptVersion, SystemPrompt
from cluster.stores.sql import AsyncSession
from training.optimise.scene import Scene

NOTE = "Optimised, see optimisation {}."


async def add_version(scene: Scene, change: PromptChange) -> int:
    """The number of the version. Once: another attempt at the same job finds it. Raises Conflict where somebody has changed the prompt
    since it was measured, NotFound where it is gone."""
    note = NOTE.format(scene.kept.id)
    async with scene.database.session() as session:
        row = await _locked(session, scene, change)
        latest = await StoredPrompts(session).version(row.id, row.version)
        assert latest is not None, row.id
        if latest.note == note and latest.text == change.text:
            return latest.version
        if row.version != change.version:
            raise Conflict(f"The prompt is at version {row.version} now, and version {change.version} was measured; optimise it again.")
        return await _add(session, scene, row, change.text, latest.variables, note)


async def take_back(scene: Scene, change: PromptChange, applied: int | None) -> int:
    """The number of the version that says what was said before. Raises Conflict where somebody has changed the prompt since."""
    async with scene.database.session() as session:
        row = await _locked(session, scene, change)
        if row.version != applied:
            raise Conflict(f"The prompt is at version {row.version} now, not {applied} any more; change it yourself (POST .../revert).")
        before = await StoredPrompts(session).version(row.id, change.version)
        assert before is not None, row.id
        return await _add(session, scene, row, before.text, before.variables, f"As in version {change.version}.")


async def _locked(session: AsyncSession, scene: Scene, change: PromptChange) -> SystemPrompt:
    row = await StoredPrompts(session).get(scene.work.organisation_id, change.prompt_id, lock=True)
    if row is None:
        raise NotFound("The prompt is gone.")
    return row


async def _add(session: AsyncSession, scene: Scene, row: SystemPrompt, text: str, variables: Mapping[str, Any], note: str) -> int:
    """By statements: a job's process knows no tables of the API, to which these refer."""
    version = row.version + 1
    told = {"prompt_id": row.id, "version": version, "text": text, "variables": dict(variables), "note": note}
    await session.execute(insert(PromptVersion).values(author_id=scene.work.owner_id, **told))
    following = update(SystemPrompt).where(SystemPrompt.id == row.id).values(version=SystemPrompt.version + 1, updated_at=func.now())
    await session.execute(following.execution_options(synchronize_session=False))
    return version
