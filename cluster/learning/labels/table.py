"""Campaigns of labelling, their items, and who is given which."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, Integer, SmallInteger, String, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Table

_EMPTY_LIST, _EMPTY_OBJECT = text("'[]'::jsonb"), text("'{}'::jsonb")


class LabelCampaign(Identified, Table):
    """``kind``: what a label is: a `text` (the right answer), one `label` of ``labels``, or `json` that fits ``form``. ``labels_per_item``:
    how many people each item needs. ``owner_id``: who made it; it stays when they go. ``state``: open, closed."""

    __tablename__ = "label_campaigns"
    __table_args__ = (UniqueConstraint("organisation_id", "name", name="uq_label_campaigns_organisation_id_name"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), index=True)
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    task: Mapped[str] = mapped_column(String(64))
    instructions: Mapped[str] = mapped_column(Text, server_default="")
    kind: Mapped[str] = mapped_column(String(16))
    labels: Mapped[list[str]] = mapped_column(JSONB, server_default=_EMPTY_LIST)
    form: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    labels_per_item: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    lease_s: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16), server_default="open")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LabelItem(Identified, Table):
    """Something to label. ``source_kind`` and ``source_id``: where it comes from; the same comes into a campaign once. ``user_id``: whose
    words it holds; with them it goes. ``answer``: what the model said. ``score``: the higher, the sooner it is given out; ``parts`` and
    ``reason``: why it was chosen. ``state``: open (needs labels), agreed, disputed (waits for somebody to decide), adjudicated. ``final``:
    ``{"value": ...}`` once it is decided, by ``final_by``; without the latter (they were erased) it counts no more."""

    __tablename__ = "label_items"
    __table_args__ = (
        UniqueConstraint("campaign_id", "source_kind", "source_id", name="uq_label_items_campaign_id_source"),
        Index("ix_label_items_open", "campaign_id", text("score DESC"), "created_at", "id", postgresql_where=text("state = 'open'")),
        Index("ix_label_items_campaign_id_created_at", "campaign_id", "created_at", "id"),
        Index("ix_label_items_decided", "organisation_id", "decided_at", postgresql_where=text("final IS NOT NULL")),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), index=True)
    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_campaigns.id", ondelete="CASCADE"))
    source_kind: Mapped[str] = mapped_column(String(16))
    source_id: Mapped[str] = mapped_column(String(200))
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    messages: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    answer: Mapped[str | None] = mapped_column(Text)
    score: Mapped[float] = mapped_column(Float, server_default="0")
    parts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=_EMPTY_OBJECT)
    reason: Mapped[str] = mapped_column(Text, server_default="")
    state: Mapped[str] = mapped_column(String(16), server_default="open")
    final: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    final_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    decided_at: Mapped[datetime | None]


class LabelAssignment(Identified, Table):
    """An item in somebody's hands. ``annotator``: the id of ``user_id``, or a name that came with an import. ``state``: held (until
    ``lease_until``; behind that the item is free for others), submitted, skipped. ``value``: ``{"value": ...}`` once submitted.
    ``remark``: why it was skipped. ``seconds``: from being given to being submitted."""

    __tablename__ = "label_assignments"
    __table_args__ = (
        UniqueConstraint("item_id", "annotator", name="uq_label_assignments_item_id_annotator"),
        Index("ix_label_assignments_campaign_id_user_id", "campaign_id", "user_id", "state"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), index=True)
    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_campaigns.id", ondelete="CASCADE"))
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_items.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    annotator: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16))
    given_at: Mapped[datetime] = mapped_column(server_default=func.now())
    lease_until: Mapped[datetime | None]
    value: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    remark: Mapped[str] = mapped_column(Text, server_default="")
    submitted_at: Mapped[datetime | None]
    seconds: Mapped[float | None] = mapped_column(Float)
