"""What an admin may do with optimisations: ask for some, read them, and have their changes applied or taken back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

from api.audit.trail import Trail
from api.conversations.cursors import cursor_of, position_of
from api.jobs.install import JobDesk
from api.performance.schemas import (
    ChangeBody,
    OptimisationDetail,
    OptimisationEntry,
    OptimisationPage,
    OptimisationQuery,
    OptimizeBody,
    PromptBody,
)
from api.web.principal import Principal
from cluster.contracts.models import ModelKind
from cluster.errors import BadInput, ModelNotFound, NotFound, Overloaded
from cluster.gateway import ModelGateway
from cluster.home import Home
from cluster.jobs.store import NewJob
from cluster.learning.datasets import load
from cluster.optimising.change import ChangeState
from cluster.optimising.store import APPLICABLE, KIND, REVERTIBLE, Found, Optimisations, chosen_change, samples_of
from cluster.optimising.wanted import PromptWanted, Step, Wanted
from cluster.prompts.store import StoredPrompts
from cluster.prompts.template import names_in
from cluster.settings import Settings
from cluster.specs.loader import nearest
from cluster.stores.sql import AsyncSession


class PerformanceService:
    """For one admin, in one transaction."""

    def __init__(self, session: AsyncSession, who: Principal, trail: Trail, desk: JobDesk, settings: Settings) -> None:
        self._session = session
        self._rows = Optimisations(session)
        self._who = who
        self._trail = trail
        self._desk = desk
        self._settings = settings

    async def optimize(self, body: OptimizeBody, models: ModelGateway) -> OptimisationEntry:
        """The row and its job, in one transaction."""
        here = self._who.organisation_id
        await _known(body.models or (), models)
        prompt = await self._prompt(body.prompt, models) if body.prompt is not None else None
        await self._refuse_surplus()
        wanted = Wanted(
            optimisers=body.chosen,
            models=tuple(body.models) if body.models is not None else None,
            moment=body.measure,
            apply=body.apply,
            values={name: tuple(values) for name, values in body.values.items()},
            streams=body.streams,
            prompt=prompt,
        )
        row = await self._rows.add(here, self._who.user_id, wanted)
        found = await self._rows.get(here, row.id)
        self._trail.record("performance.asked", f"optimisation:{row.id}", optimisers=list(body.chosen), apply=body.apply)
        return await self._began(found, Step(optimisation=row.id))

    async def page(self, asked: OptimisationQuery) -> OptimisationPage:
        found = await self._rows.page(self._who.organisation_id, position_of(asked.cursor), asked.limit + 1)
        shown = found[: asked.limit]
        last = shown[-1].row if len(found) > asked.limit else None
        return OptimisationPage(
            optimisations=[OptimisationEntry.of(one) for one in shown],
            next_cursor=cursor_of(last.created_at, last.id) if last is not None else None,
        )

    async def one(self, optimisation_id: uuid.UUID) -> OptimisationDetail:
        found = await self._rows.get(self._who.organisation_id, optimisation_id)
        return OptimisationDetail.detailed(found, samples_of(await self._rows.samples(found.row.id)))

    async def apply(self, optimisation_id: uuid.UUID, body: ChangeBody) -> OptimisationEntry:
        return await self._decided(optimisation_id, body, APPLICABLE, "apply")

    async def revert(self, optimisation_id: uuid.UUID, body: ChangeBody) -> OptimisationEntry:
        return await self._decided(optimisation_id, body, REVERTIBLE, "revert")

    async def _decided(self, optimisation_id: uuid.UUID, body: ChangeBody, states: frozenset[ChangeState], do: str) -> OptimisationEntry:
        found = await self._rows.get(self._who.organisation_id, optimisation_id, lock=True)
        change = chosen_change(found, body.change, states, do)
        self._trail.record(f"performance.{do}", f"optimisation:{found.row.id}", change=change.number, to=json.dumps(change.change))
        return await self._began(found, Step.model_validate({"optimisation": found.row.id, "do": do, "change": change.number}))

    async def _began(self, found: Found, step: Step) -> OptimisationEntry:
        """With the job that takes ``step``."""
        who = self._who
        told = step.model_dump(mode="json", exclude_none=True)
        found.row.job_id = (await self._desk.enqueue(self._session, NewJob(KIND, who.organisation_id, who.user_id, told))).id
        await self._session.flush()
        return OptimisationEntry.of(await self._rows.get(who.organisation_id, found.row.id))

    async def _prompt(self, body: PromptBody, models: ModelGateway) -> PromptWanted:
        here = self._who.organisation_id
        if body.calls > self._settings.optimising.prompt_calls:
            raise BadInput(f"'calls' may be at most {self._settings.optimising.prompt_calls} (setting optimising.prompt_calls).").about(
                "calls"
            )
        if "/" in body.model:
            raise BadInput("Prompts are optimised for models of this machine; name one without a provider.").about("model")
        await models.resolve(body.model, ModelKind.LLM)
        version = await self._version(body)
        data = await load(self._session, here, _id_or_name(body.dataset), body.dataset_version, home=Home(self._settings.home))
        told = body.model_dump(exclude={"dataset", "version"}) | {"dataset_id": data.dataset_id, "dataset_version": data.version}
        return PromptWanted.model_validate({**told, "version": version})

    async def _version(self, body: PromptBody) -> int:
        rows = StoredPrompts(self._session)
        row = await rows.get(self._who.organisation_id, body.prompt_id)
        version = await rows.version(row.id, body.version or row.version) if row is not None else None
        if version is None:
            raise NotFound("There is no such system prompt, or no such version; GET /api/v1/prompts lists them.").about("prompt_id")
        names = names_in(version.text)
        if missing := [name for name in names if name not in version.variables]:
            raise BadInput(f"The prompt has variables without a default: {', '.join(missing)}; give them one.").about("prompt_id")
        if names and body.method == "instructions":
            raise BadInput("A prompt with variables is not worded anew, for they would be lost; use 'few_shot'.").about("method")
        return version.version

    async def _refuse_surplus(self) -> None:
        most = self._settings.optimising.open_per_organisation
        if await self._rows.count_open(self._who.organisation_id) >= most:
            raise Overloaded(
                f"{most} optimisations are not done yet, the most there may be (optimising.open_per_organisation); retry in 60 s."
            )


async def _known(names: Sequence[str], models: ModelGateway) -> None:
    """Raises ModelNotFound for a name that no model of this machine has."""
    known = [model.id for model in await models.models() if "/" not in model.id]
    for name in names:
        if name not in known:
            hint = nearest(name, known)
            raise ModelNotFound(f"There is no model '{name}' on this machine" + (f"; did you mean '{hint}'?" if hint else ".")).about(
                "models"
            )


def _id_or_name(dataset: str) -> uuid.UUID | str:
    try:
        return uuid.UUID(dataset)
    except ValueError:
        return dataset
