"""What the knowledge base answers."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from pydantic import Field

from api.knowledge.tables import KnowledgeItem, KnowledgeLink, KnowledgeShare, KnowledgeVersion
from api.semantic.answers import Reason
from api.web.schema import Answer


class Suggested(Answer):
    name: str
    confidence: float
    by: list[str] = Field(description="model, neighbours, or both.")


class Proposal(Answer):
    category: Suggested | None
    tags: list[Suggested]
    neighbours: list[Neighbour] = Field(description="Items that say something alike, whose categories and tags count.")


class Neighbour(Answer):
    item_id: uuid.UUID
    title: str
    category: str | None
    score: float = Field(description="Cosine similarity.")


class Assessment(Answer):
    score: float = Field(description="0 to 1: the weighted mean of the reasons.")
    version: int
    reasons: list[Reason]
    problems: list[str]


class Verdict(Answer):
    """What a person found."""

    verdict: str
    note: str
    version: int
    by: uuid.UUID | None
    at: datetime | None
    is_current: bool = Field(description="Whether it is about the latest version.")


class ItemAnswer(Answer):
    id: uuid.UUID
    owner_id: uuid.UUID
    version: int
    title: str
    content: str
    kind: str
    fields: dict[str, Any]
    category: str | None
    tags: list[str]
    audience: str
    proposal: Proposal | None = Field(description="What nobody has confirmed yet.")
    assessment: Assessment | None
    verdict: Verdict | None
    is_indexed: bool = Field(description="Whether search finds its latest version.")
    index_error: str | None = Field(description="Why not, where the last try failed.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: KnowledgeItem) -> ItemAnswer:
        return cls(
            id=row.id,
            owner_id=row.owner_id,
            version=row.version,
            title=row.title,
            content=row.content,
            kind=row.kind,
            fields=row.fields,
            category=row.category,
            tags=row.tags,
            audience=row.audience,
            proposal=None if row.proposal is None else Proposal.model_validate(row.proposal),
            assessment=None if row.assessment is None else Assessment.model_validate(row.assessment),
            verdict=_verdict(row),
            is_indexed=row.indexed_revision == row.revision,
            index_error=row.index_error,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def _verdict(row: KnowledgeItem) -> Verdict | None:
    if row.verdict is None or row.checked_version is None:
        return None
    return Verdict(
        verdict=row.verdict,
        note=row.verdict_note,
        version=row.checked_version,
        by=row.checked_by,
        at=row.checked_at,
        is_current=row.checked_version == row.version,
    )


class VersionAnswer(Answer):
    version: int
    title: str
    content: str
    kind: str
    fields: dict[str, Any]
    category: str | None
    tags: list[str]
    note: str
    author_id: uuid.UUID | None
    created_at: datetime

    @classmethod
    def of(cls, row: KnowledgeVersion) -> VersionAnswer:
        return cls(
            version=row.version,
            title=row.title,
            content=row.content,
            kind=row.kind,
            fields=row.fields,
            category=row.category,
            tags=row.tags,
            note=row.note,
            author_id=row.author_id,
            created_at=row.created_at,
        )


class Diff(Answer):
    since: int
    until: int
    changed: list[str] = Field(description="Which parts differ.")
    content: str = Field(description="How the content differs, as a unified diff; empty where it does not.")


class ShareAnswer(Answer):
    user_id: uuid.UUID | None
    team_id: uuid.UUID | None
    role: str

    @classmethod
    def of(cls, row: KnowledgeShare) -> ShareAnswer:
        return cls(user_id=row.user_id, team_id=row.team_id, role=row.role)


class Permissions(Answer):
    owner_id: uuid.UUID
    audience: str
    shares: list[ShareAnswer]
    may_change: bool = Field(description="Whether you may.")


class LinkAnswer(Answer):
    id: uuid.UUID
    from_id: uuid.UUID
    to_id: uuid.UUID
    kind: str

    @classmethod
    def of(cls, row: KnowledgeLink) -> LinkAnswer:
        return cls(id=row.id, from_id=row.from_id, to_id=row.to_id, kind=row.kind)


class Node(Answer):
    item_id: uuid.UUID
    title: str
    kind: str
    category: str | None
    depth: int = Field(description="How many relations away.")


class Related(Answer):
    items: list[Node]
    links: list[LinkAnswer]
    alike: list[Neighbour] = Field(description="By meaning, whether related or not.")


class Found(Answer):
    item_id: uuid.UUID
    version: int
    title: str
    kind: str
    category: str | None
    tags: list[str]
    score: float
    reason: str
    passage: str = Field(description="What stands at `start` to `end` of the content; empty where its title was found.")
    start: int
    end: int


class FoundItems(Answer):
    model: str
    hits: list[Found]


class Counted(Answer):
    name: str
    items: int


class Queued(Answer):
    model: str = Field(description="Whose vectors the items get.")
    items: int = Field(description="How many are embedded again, soon.")


Proposal.model_rebuild()
