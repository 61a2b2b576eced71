"""System prompts of an organisation: kept in versions, chosen by the model, filled in."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from api.prompts.schemas import PromptAnswer, PromptBody, PromptPatch
from api.web.principal import Principal
from cluster.errors import BadInput, Conflict, NotFound
from cluster.prompts.store import StoredPrompts
from cluster.prompts.tables import PromptVersion, SystemPrompt
from cluster.prompts.template import closeness, fits, names_in, render
from cluster.stores.sql import AsyncSession


class Prompts:
    """For one person, in one transaction."""

    def __init__(self, session: AsyncSession, who: Principal) -> None:
        self._rows = StoredPrompts(session)
        self._who = who

    async def create(self, body: PromptBody) -> PromptAnswer:
        names_in(body.text)
        await self._need_free(body.name)
        row = SystemPrompt(
            organisation_id=self._who.organisation_id,
            owner_id=self._who.user_id,
            version=0,
            **body.model_dump(include={"name", "description", "pattern"}),
        )
        self._rows.add(row)
        await self._rows.flush()
        return PromptAnswer.of(row, await self._next(row, body.text, body.variables, body.note))

    async def get(self, prompt_id: uuid.UUID, version: int | None = None) -> PromptAnswer:
        row = await self._get(prompt_id)
        return PromptAnswer.of(row, await self._version(row, version))

    async def named(self, name: str) -> PromptAnswer:
        """In its latest version. Raises NotFound."""
        row = await self._rows.named(self._who.organisation_id, name)
        if row is None:
            raise NotFound(f"There is no system prompt '{name[:200]}'; GET /api/v1/prompts lists them.")
        return PromptAnswer.of(row, await self._version(row, None))

    async def all(self, after: str | None, limit: int) -> list[PromptAnswer]:
        """By name, those behind ``after``."""
        rows = await self._rows.all(self._who.organisation_id, after, limit)
        return [PromptAnswer.of(row, await self._version(row, None)) for row in rows]

    async def versions(self, prompt_id: uuid.UUID) -> list[PromptAnswer]:
        row = await self._get(prompt_id)
        return [PromptAnswer.of(row, version) for version in await self._rows.versions(prompt_id)]

    async def change(self, prompt_id: uuid.UUID, patch: PromptPatch) -> PromptAnswer:
        row = await self._get(prompt_id, lock=True)
        for name in ("name", "description"):
            if name in patch.model_fields_set and getattr(patch, name) is None:
                raise BadInput(f"'{name}' cannot be null; leave it out to keep it.").about(name)
        if patch.name is not None and patch.name != row.name:
            await self._need_free(patch.name)
        for name in patch.model_fields_set & {"name", "description", "pattern"}:
            setattr(row, name, getattr(patch, name))
        row.updated_at = datetime.now(UTC)
        now = await self._version(row, None)
        if patch.text is not None or patch.variables is not None:
            text = patch.text if patch.text is not None else now.text
            names_in(text)
            now = await self._next(row, text, now.variables if patch.variables is None else patch.variables, patch.note)
        await self._rows.flush()
        return PromptAnswer.of(row, now)

    async def revert(self, prompt_id: uuid.UUID, version: int) -> PromptAnswer:
        """A new version that says what an earlier one said."""
        row = await self._get(prompt_id, lock=True)
        old = await self._version(row, version)
        return PromptAnswer.of(row, await self._next(row, old.text, old.variables, f"As in version {version}."))

    async def delete(self, prompt_id: uuid.UUID) -> None:
        await self._rows.remove(await self._get(prompt_id))

    async def rendered(self, prompt_id: uuid.UUID, values: Mapping[str, str]) -> str:
        version = await self._version(await self._get(prompt_id), None)
        return render(version.text, {**version.variables, **values})

    async def match(self, model: str) -> SystemPrompt | None:
        """The prompt whose pattern fits ``model`` (with and without its adapter) most closely; of equals, the older one."""
        names = (model, model.partition(":")[0])
        rows = await self._rows.with_pattern(self._who.organisation_id)
        fitting = [row for row in rows if row.pattern is not None and any(fits(row.pattern, name) for name in names)]
        fitting.sort(key=lambda row: row.created_at)
        return max(fitting, key=lambda row: closeness(row.pattern or ""), default=None)

    async def instructions(
        self, model: str, own: str | None, prompt_id: uuid.UUID | None, values: Mapping[str, str], *, released: str | None = None
    ) -> str | None:
        """What a conversation's model is told: the conversation's ``own`` words, else the prompt it names, else that of the release which
        answers, else the one that fits."""
        if own is not None:
            return own
        if prompt_id is None and released is not None:
            return released
        row = await self._get(prompt_id) if prompt_id is not None else await self.match(model)
        return None if row is None else await self.rendered(row.id, values)

    async def _next(self, row: SystemPrompt, text: str, variables: Mapping[str, str], note: str) -> PromptVersion:
        row.version += 1
        row.updated_at = datetime.now(UTC)
        version = PromptVersion(
            prompt_id=row.id, version=row.version, text=text, variables=dict(variables), note=note, author_id=self._who.user_id
        )
        self._rows.add(version)
        await self._rows.flush()
        return version

    async def _get(self, prompt_id: uuid.UUID, *, lock: bool = False) -> SystemPrompt:
        row = await self._rows.get(self._who.organisation_id, prompt_id, lock=lock)
        if row is None:
            raise NotFound("There is no such system prompt; GET /api/v1/prompts lists them.")
        return row

    async def _version(self, row: SystemPrompt, version: int | None) -> PromptVersion:
        found = await self._rows.version(row.id, row.version if version is None else version)
        if found is None:
            raise NotFound(f"The prompt has no version {version}; the latest is {row.version}.")
        return found

    async def _need_free(self, name: str) -> None:
        if await self._rows.named(self._who.organisation_id, name) is not None:
            raise Conflict(f"There is a system prompt '{name}' already; change it, or choose another name.").about("name")
