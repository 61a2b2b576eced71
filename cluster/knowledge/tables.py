"""Collections and their documents."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Owned, Table


class DocumentState(StrEnum):
    """``pending``: its content is not, or not yet again, in the index. ``removing``: it is found nowhere, and about to be gone."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    REMOVING = "removing"


class Collection(Identified, Owned, Table):
    """``embedding_model``: whose vectors its chunks have. ``chunking``: how documents are cut, as cluster/text/chunking.py has it.
    ``space``: where its vectors are (see cluster/contracts/retrieval.py), none before the first ingestion. ``retrieval``: the name of the
    settings it is searched with."""

    __tablename__ = "collections"
    # What the database sets in an update is known at once: nothing may be loaded later.
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy's own form
    __table_args__ = (UniqueConstraint("organisation_id", "name", name="uq_collections_organisation_id_name"),)

    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, server_default="")
    embedding_model: Mapped[str] = mapped_column(String(200))
    chunking: Mapped[dict[str, Any]]
    space: Mapped[dict[str, Any] | None]
    retrieval: Mapped[str] = mapped_column(String(100), server_default="default")
    is_removing: Mapped[bool] = mapped_column(server_default=text("false"))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class DocumentRow(Identified, Owned, Table):
    """One document in its present version. ``root_id``: the archive or e-mail it came in, whose ``file_id`` holds its bytes too; none for
    what was uploaded. ``path``: what people call it. ``version`` counts uploads of that path. ``content_hash``: SHA-256 of what was
    uploaded, for one from an archive of what was read; ``indexed_hash`` and ``indexed_version``: what the index holds, none before.
    ``seen``: version of its root in which it was met last. ``duplicate_of``: a document of the collection that says the same, with
    ``similarity`` (0 to 1). ``reason``: why it failed, or what of it was left out."""

    __tablename__ = "documents"
    __table_args__ = (
        Index("uq_documents_collection_id_path", "collection_id", "path", unique=True, postgresql_where=text("root_id IS NULL")),
        Index("ix_documents_collection_id_created_at", "collection_id", "created_at", "id"),
        Index("ix_documents_waiting", "collection_id", "created_at", postgresql_where=text("state = 'pending'")),
        Index("ix_documents_words", "collection_id", "words_hash", "created_at", "id"),
        Index("ix_documents_removing", "id", postgresql_where=text("state = 'removing'")),
        Index("ix_documents_duplicate_of", "duplicate_of", postgresql_where=text("duplicate_of IS NOT NULL")),
    )

    collection_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    root_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), index=True)
    path: Mapped[str] = mapped_column(String(1024))
    state: Mapped[str] = mapped_column(String(16), server_default=DocumentState.PENDING.value)
    reason: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    seen: Mapped[int] = mapped_column(Integer, server_default="1")
    file_id: Mapped[uuid.UUID | None]
    bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    content_hash: Mapped[str] = mapped_column(String(64))
    indexed_hash: Mapped[str | None] = mapped_column(String(64))
    indexed_version: Mapped[int | None] = mapped_column(Integer)
    media_type: Mapped[str | None] = mapped_column(String(200))
    chunks: Mapped[int] = mapped_column(Integer, server_default="0")
    chars: Mapped[int] = mapped_column(Integer, server_default="0")
    pages: Mapped[int | None] = mapped_column(Integer)
    words_hash: Mapped[str | None] = mapped_column(String(64))
    duplicate_of: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("documents.id", ondelete="SET NULL"))
    similarity: Mapped[float | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class DocumentPrint(Table):
    """By what a document is found to be nearly the same as another of its collection (see prints.py), however long ago that came in.
    ``signature``: its MinHash; ``bands``: what documents that are alike share some of. ``is_compared``: with all that are older."""

    __tablename__ = "document_prints"
    __table_args__ = (
        # Without a list of what is new: each of the many lookups of a comparison would go through up to 4 MB of it.
        Index("ix_document_prints_bands", "bands", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index("ix_document_prints_waiting", "document_id", postgresql_where=text("NOT is_compared")),
    )

    document_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    signature: Mapped[bytes]
    bands: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    is_compared: Mapped[bool] = mapped_column(server_default=text("false"))


class DocumentText(Table):
    """What was read of a document: what spans of its chunks and citations count characters of."""

    __tablename__ = "document_texts"

    document_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(Text)
