"""Limits that an admin sets."""

from __future__ import annotations

import uuid

from api.audit.trail import Trail
from api.keys.repository import ApiKeys
from api.limits.limiter import Limiter
from api.limits.quotas import merged
from api.limits.repository import LimitOverrides
from api.limits.schemas import LimitBody, LimitEntry, OverrideEntry
from api.limits.subjects import Subject, SubjectKind
from api.people.repository import People
from api.web.principal import Principal
from cluster.errors import Forbidden, NotFound
from cluster.stores.sql import AsyncSession

NOT_HERE = "There is no such {kind} in your organisation; GET /api/v1/{kind}s lists them."
OWNERS_ONLY = "The limits of an organisation are set by an admin of the first one, to whom the machine belongs; ask them."


class SettingLimits:
    """For an admin: of the users and keys of their organisation. An organisation's own limits are set by the admins of the first
    organisation, which is that of whoever owns the machine, for every organisation; else a limit would bind nobody."""

    def __init__(self, session: AsyncSession, principal: Principal, limiter: Limiter, trail: Trail) -> None:
        self._session = session
        self._overrides = LimitOverrides(session)
        self._principal = principal
        self._limiter = limiter
        self._trail = trail

    async def all(self) -> list[OverrideEntry]:
        return [OverrideEntry.of(row) for row in await self._overrides.in_organisation(self._principal.organisation_id)]

    async def one(self, kind: SubjectKind, subject_id: uuid.UUID) -> LimitEntry:
        return await self._entry(await self._find(kind, subject_id))

    async def put(self, kind: SubjectKind, subject_id: uuid.UUID, body: LimitBody) -> None:
        """Replaces what was set before."""
        subject = await self._find(kind, subject_id, changing=True)
        await self._overrides.put(subject, body.values)
        told = [f"{name}={value}" for name, value in body.values.items() if value is not None]
        self._trail.record("limit.changed", f"{kind}:{subject_id}", limits=told)

    async def remove(self, kind: SubjectKind, subject_id: uuid.UUID) -> None:
        """Back to the settings. Removing twice is no error."""
        subject = await self._find(kind, subject_id, changing=True)
        await self._overrides.remove(subject)
        self._trail.record("limit.removed", f"{kind}:{subject_id}")

    async def _entry(self, subject: Subject) -> LimitEntry:
        rows = await self._overrides.of((subject,))
        quota = merged(self._limiter.quotas.default(subject), rows.get(subject))
        verdict = await self._limiter.look(((subject, quota),))
        return LimitEntry.of(verdict.standings[0])

    async def _find(self, kind: SubjectKind, subject_id: uuid.UUID, *, changing: bool = False) -> Subject:
        here = self._principal.organisation_id
        if kind is SubjectKind.ORGANISATION:
            return await self._organisation(subject_id, changing=changing)
        if kind is SubjectKind.USER:
            known: object = await People(self._session).member(here, subject_id)
        else:
            known = await ApiKeys(self._session).get(here, subject_id, None)
        if known is None:
            raise NotFound(NOT_HERE.format(kind=kind.value))
        return Subject(kind, subject_id, here)

    async def _organisation(self, organisation_id: uuid.UUID, *, changing: bool) -> Subject:
        people = People(self._session)
        owners = await people.first_organisation()
        owning = owners is not None and owners.id == self._principal.organisation_id
        if not owning and organisation_id != self._principal.organisation_id:
            raise NotFound(NOT_HERE.format(kind="organisation"))
        if not owning and changing:
            raise Forbidden(OWNERS_ONLY)
        if await people.organisation(organisation_id) is None:
            raise NotFound(NOT_HERE.format(kind="organisation"))
        return Subject(SubjectKind.ORGANISATION, organisation_id, organisation_id)
