"""What somebody may do with releases: see those of the organisation, and, as an editor, make some and decide what requests go to."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from api.adapters.loading import load
from api.adapters.schemas import RouteEntry
from api.adapters.service import note_rollback
from api.audit.trail import Origin, Trail
from api.conversations.cursors import cursor_of, position_of
from api.gate.schemas import EvaluateBody, ExaminationBody, VerdictEntry
from api.gate.service import GateService
from api.jobs.install import JobDesk
from api.prompts.service import Prompts
from api.releases.answers import ComparisonAnswer, ShadowAnswer, ShadowPage
from api.releases.comparing import Comparing
from api.releases.repository import ShadowRows
from api.releases.schemas import (
    ComparisonQuery,
    Insisting,
    PromptChoice,
    ReleaseAnswer,
    ReleaseBody,
    ReleasePage,
    ReleasePromoteBody,
    ReleaseQuery,
    RetrievalChoice,
    ShadowQuery,
    TryBody,
)
from api.web.deps import Parts
from api.web.principal import Principal, Role
from cluster.contracts.models import ModelKind
from cluster.errors import BadInput, Conflict, Forbidden, HearthError, TooLarge, Unprocessable
from cluster.gateway import ModelGateway
from cluster.home import Home
from cluster.learning.adapters.publishing import publish
from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.service import InService
from cluster.learning.releases.names import addressed_as
from cluster.learning.releases.registry import Releases, Wanted
from cluster.learning.releases.service import ReleasesInService
from cluster.learning.releases.table import JUDGED, Release, Trial
from cluster.prompts.template import render
from cluster.specs.retrieval import retrieval_settings
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class _Change:
    """One transaction in which something is decided."""

    session: AsyncSession
    trail: Trail
    service: ReleasesInService


class ReleaseService:
    """For one person. Opens its own transactions: what was decided is written down for gateways and replicas when it is committed."""

    def __init__(self, parts: Parts, who: Principal, origin: Origin) -> None:
        self._parts = parts
        self._settings = parts.settings
        self._home = Home(parts.settings.home)
        self._who = who
        self._origin = origin

    async def page(self, asked: ReleaseQuery) -> ReleasePage:
        wanted = Wanted(asked.base, asked.name, asked.state, position_of(asked.cursor))
        async with self._parts.stores.database.session() as session:
            found = await Releases(session).page(self._who.organisation_id, wanted, asked.limit + 1)
            routes = {route.base: route for route in await Adapters(session).routes_of(self._who.organisation_id)}
        shown = found[: asked.limit]
        more = cursor_of(shown[-1].created_at, shown[-1].id) if len(found) > asked.limit else None
        return ReleasePage(releases=[ReleaseAnswer.of(row, routes.get(row.base)) for row in shown], next_cursor=more)

    async def one(self, release_id: uuid.UUID) -> ReleaseAnswer:
        async with self._parts.stores.database.session() as session:
            row = await Releases(session).get(self._who.organisation_id, release_id)
            return ReleaseAnswer.of(row, await Adapters(session).route(row.organisation_id, row.base))

    async def create(self, body: ReleaseBody, models: ModelGateway) -> ReleaseAnswer:
        """A draft, with what its parts are now: whatever becomes of them, it stays."""
        await _need_base(body.base, models)
        async with self._changing() as change:
            values: dict[str, Any] = {"description": body.description, "owner_id": self._who.user_id}
            if body.adapter_id is not None:
                values["adapter_id"] = await self._adapter(change.session, body.base, body.adapter_id)
            if body.prompt is not None:
                values["prompt"] = await self._prompt(change.session, body.prompt)
            if body.retrieval is not None:
                values["retrieval"] = self._retrieval(body.retrieval)
            most = self._settings.releases.per_organisation
            row = await change.service.add(self._who.organisation_id, body.base, body.name, most, **values)
            change.trail.record("release.added", _target(row), base=row.base, name=row.name, version=row.version)
        return await self._published(row)

    async def evaluate(self, release_id: uuid.UUID, body: ExaminationBody, models: ModelGateway, desk: JobDesk) -> VerdictEntry:
        """By the gate that adapters pass, as the candidate that its name stands for."""
        async with self._parts.stores.database.session() as session:
            row = await Releases(session).get(self._who.organisation_id, release_id)
            if row.state not in JUDGED:
                raise Conflict(f"The release is {row.state}; only one that is not in service is judged.")
            asked = EvaluateBody(candidate=f"{row.base}:{addressed_as(row.name, row.version)}", **body.model_dump())
            trail = Trail(session, self._origin, self._who)
            return await GateService(session, self._who, trail, desk, self._settings).evaluate(asked, models)

    async def promote(self, release_id: uuid.UUID, body: ReleasePromoteBody) -> ReleaseAnswer:
        """Its first request is not the one that loads its adapter: that is loaded before requests go to it."""
        override = self._override(body)
        await self._load(release_id)
        async with self._changing() as change:
            if body.if_better:
                row = await change.service.releases.get(self._who.organisation_id, release_id)
                await Comparing(change.session, self._settings.releases.outcomes).need_better(row)
            row = await change.service.promote(self._who.organisation_id, release_id, self._who.user_id, override)
            change.trail.record(
                "release.promoted",
                _target(row),
                base=row.base,
                name=row.name,
                version=row.version,
                forced=body.force,
                reason=override,
                if_better=body.if_better,
            )
        return await self._published(row)

    async def roll_back(self, base: str) -> RouteEntry:
        async with self._changing() as change:
            route, now = await InService(change.session, self._settings.adapters.history).roll_back(self._who.organisation_id, base)
            note_rollback(change.trail, base, now)
        await publish(self._parts.stores.database, self._home, base)
        return RouteEntry.of(route)

    async def tried(self, release_id: uuid.UUID, body: TryBody, kind: Trial) -> ReleaseAnswer:
        override = self._override(body)
        if body.percent > 0:
            await self._load(release_id)
        async with self._changing() as change:
            row, _ = await change.service.tried(self._who.organisation_id, release_id, kind, body.percent, override)
            change.trail.record(
                f"release.{kind}", _target(row), base=row.base, percent=str(body.percent), forced=body.force, reason=override
            )
        return await self._published(row)

    async def shadowed(self, release_id: uuid.UUID, percent: float) -> ReleaseAnswer:
        async with self._changing() as change:
            row, _ = await change.service.shadowed(self._who.organisation_id, release_id, percent)
            change.trail.record("release.shadow", _target(row), base=row.base, percent=str(percent))
        return await self._published(row)

    async def retire(self, release_id: uuid.UUID) -> ReleaseAnswer:
        async with self._changing() as change:
            row = await change.service.retire(self._who.organisation_id, release_id)
            change.trail.record("release.retired", _target(row), base=row.base, name=row.name, version=row.version)
        return await self._published(row)

    async def remove(self, release_id: uuid.UUID) -> None:
        async with self._changing() as change:
            row = await change.service.remove(self._who.organisation_id, release_id)
            change.trail.record("release.removed", _target(row), base=row.base, name=row.name, version=row.version)
        await publish(self._parts.stores.database, self._home, row.base)

    async def comparison(self, release_id: uuid.UUID, asked: ComparisonQuery) -> ComparisonAnswer:
        async with self._parts.stores.database.session() as session:
            row = await Releases(session).get(self._who.organisation_id, release_id)
            return await Comparing(session, self._settings.releases.outcomes).compare(row, asked)

    async def shadows(self, release_id: uuid.UUID, asked: ShadowQuery) -> ShadowPage:
        before = position_of(asked.cursor)
        async with self._parts.stores.database.session() as session:
            row = await Releases(session).get(self._who.organisation_id, release_id)
            found = await ShadowRows(session).page(row, before, asked.limit + 1)
        shown = found[: asked.limit]
        more = cursor_of(shown[-1].created_at, shown[-1].id) if len(found) > asked.limit else None
        return ShadowPage(shadows=[ShadowAnswer.of(one) for one in shown], next_cursor=more)

    async def _adapter(self, session: AsyncSession, base: str, adapter_id: uuid.UUID) -> uuid.UUID:
        try:
            row = await Adapters(session).get(self._who.organisation_id, adapter_id)
        except HearthError as error:
            raise error.about("adapter_id") from None
        if row.base != base:
            raise Unprocessable(f"The adapter is of '{row.base}', not of '{base[:200]}'; name that as the base.").about("adapter_id")
        return row.id

    async def _prompt(self, session: AsyncSession, chosen: PromptChoice) -> dict[str, Any]:
        """Name and version, and its text with the defaults of its variables."""
        prompts = Prompts(session, self._who)
        try:
            found = await prompts.named(chosen.name)
            if chosen.version is not None:
                found = await prompts.get(found.id, chosen.version)
            text = render(found.text, found.variables)
        except HearthError as error:
            raise error.about("prompt") from None
        most = self._settings.releases.prompt_chars
        if len(text) > most:
            raise TooLarge(f"The prompt has {len(text)} characters, at most {most} are taken (setting releases.prompt_chars); shorten it.")
        return {"name": found.name, "version": found.version, "text": text}

    def _retrieval(self, chosen: RetrievalChoice) -> dict[str, Any]:
        try:
            spec = retrieval_settings(self._settings.home).get(chosen.settings)
        except HearthError as error:
            raise error.about("retrieval.settings") from None
        if chosen.version not in {None, spec.version}:
            raise Conflict(f"'{spec.name}' has the version {spec.version} now, not {chosen.version}.").about("retrieval.version")
        return spec.model_dump(mode="json")

    def _override(self, body: Insisting) -> str | None:
        if body.force and not self._who.role.includes(Role.ADMIN):
            raise Forbidden("Only an admin lets a release to people that has not passed the gate; ask one, or have it evaluated.")
        return body.reason

    async def _load(self, release_id: uuid.UUID) -> None:
        async with self._parts.stores.database.session() as session:
            row = await Releases(session).get(self._who.organisation_id, release_id)
            adapter = await Adapters(session).get(row.organisation_id, row.adapter_id) if row.adapter_id is not None else None
        if adapter is not None:
            await load(self._parts, adapter)

    async def _published(self, row: Release) -> ReleaseAnswer:
        await publish(self._parts.stores.database, self._home, row.base)
        return await self.one(row.id)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[_Change]:
        async with self._parts.stores.database.session() as session:
            trail = Trail(session, self._origin, self._who)
            yield _Change(session, trail, ReleasesInService(session, self._settings.adapters.history))


async def _need_base(base: str, models: ModelGateway) -> None:
    """Raises for what is no language model of this machine."""
    if "/" in base:
        raise BadInput("A release is of a model of this machine; name one without a provider.").about("base")
    try:
        status = await models.resolve(base, ModelKind.LLM)
    except HearthError as error:
        raise error.about("base") from None
    if status.id != base or status.engine == "alias":
        raise BadInput(f"'{base[:200]}' is not a model itself; name the model that a release is to answer for.").about("base")


def _target(row: Release) -> str:
    return f"release:{row.id}"
