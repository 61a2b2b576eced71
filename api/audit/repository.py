"""Reads and appends audit events; there is nothing else to do with them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from api.audit.tables import AuditEvent
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for; None: any. ``action``: it, or everything below it (``key`` finds ``key.created``)."""

    action: str | None = None
    actor_id: uuid.UUID | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditEvents:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, event: AuditEvent) -> None:
        self._session.add(event)

    async def page(self, organisation_id: uuid.UUID, wanted: Filter, before: int | None, most: int) -> Sequence[AuditEvent]:
        """The newest ``most``, of those older than the event ``before``."""
        chosen = _chosen(organisation_id, wanted).order_by(AuditEvent.id.desc()).limit(most)
        if before is not None:
            chosen = chosen.where(AuditEvent.id < before)
        return (await self._session.scalars(chosen)).all()


def _chosen(organisation_id: uuid.UUID, wanted: Filter) -> Select[AuditEvent]:
    chosen = select(AuditEvent).where(AuditEvent.organisation_id == organisation_id)
    if wanted.action is not None:
        below = AuditEvent.action.startswith(wanted.action + ".", autoescape=True)
        chosen = chosen.where((AuditEvent.action == wanted.action) | below)
    if wanted.actor_id is not None:
        chosen = chosen.where(AuditEvent.actor_id == wanted.actor_id)
    if wanted.target is not None:
        chosen = chosen.where(AuditEvent.target == wanted.target)
    if wanted.since is not None:
        chosen = chosen.where(AuditEvent.created_at >= wanted.since)
    if wanted.until is not None:
        chosen = chosen.where(AuditEvent.created_at < wanted.until)
    return chosen
