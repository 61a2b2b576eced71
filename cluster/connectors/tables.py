"""What was brought in already."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Table


class BroughtItem(Table):
    """An item of a source, as it was brought into a collection last. ``source`` and ``item``: SHA-256 of the connector with its options,
    and of the item's id. ``mark``: of its content at the source; none where the source has no such thing. Goes with its document, so that
    an item whose document was removed is brought in again."""

    __tablename__ = "brought_items"

    collection_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True)
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    item: Mapped[str] = mapped_column(String(64), primary_key=True)
    document_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), index=True)
    path: Mapped[str] = mapped_column(String(1024))
    mark: Mapped[str | None] = mapped_column(Text)
    brought_at: Mapped[datetime] = mapped_column(server_default=func.now())
