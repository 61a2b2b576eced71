"""Adapters, and where requests of an organisation go."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Table


class AdapterState(StrEnum):
    """``candidate``: may be asked by name, to be tried. ``passed``, ``refused``: by the gate. ``in_service``: answers for its base.
    ``retired``: is not asked any more, and kept for its lineage."""

    CANDIDATE = "candidate"
    PASSED = "passed"
    REFUSED = "refused"
    IN_SERVICE = "in_service"
    RETIRED = "retired"


# Those that replicas may load.
SERVABLE = (AdapterState.CANDIDATE, AdapterState.PASSED, AdapterState.IN_SERVICE)


class Adapter(Identified, Table):
    """One version of an adapter; its weights are never changed. ``sha256``: of its files, and the name of its folder. ``lineage``: what it
    was made of. ``owner_id``: who made it, ``approver_id``: who put it into service. ``marked``: why it should be trained anew, such as
    the erasure of somebody whose words it learned."""

    __tablename__ = "adapters"
    __table_args__ = (UniqueConstraint("organisation_id", "base", "name", "version", name="uq_adapters_organisation_id"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    approver_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    base: Mapped[str] = mapped_column(String(200), index=True)
    name: Mapped[str] = mapped_column(String(63))
    version: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    rank: Mapped[int]
    targets: Mapped[list[str]]
    lineage: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(20))
    marked: Mapped[str | None] = mapped_column(String(500))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AdapterRoute(Identified, Table):
    """What ``base`` stands for in an organisation: an adapter or the base itself, and the release that this belongs to, if any.
    ``history``: what it stood for before, the latest last, each an adapter's id, "release:" and a release's, or "" for the base itself.
    ``percent`` of those who ask get the canary; ``trial``: how a release is tried there. ``shadow_percent`` of requests are also put to
    the release in the shadow. Changed in cluster/learning/releases/turning.py alone, but for adapters' canaries and the shadow."""

    __tablename__ = "adapter_routes"
    __table_args__ = (UniqueConstraint("organisation_id", "base", name="uq_adapter_routes_organisation_id"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    base: Mapped[str] = mapped_column(String(200), index=True)
    default_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("adapters.id", ondelete="SET NULL"), index=True)
    canary_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("adapters.id", ondelete="SET NULL"), index=True)
    percent: Mapped[float] = mapped_column(server_default="0")
    release_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("releases.id", ondelete="SET NULL"), index=True)
    canary_release_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("releases.id", ondelete="SET NULL"), index=True)
    shadow_release_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("releases.id", ondelete="SET NULL"), index=True)
    trial: Mapped[str | None] = mapped_column(String(8))
    shadow_percent: Mapped[float] = mapped_column(server_default="0")
    history: Mapped[list[str]]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
