"""Knowledge that is attached to something in which is asked again and again, such as a conversation."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.retrieval.citations import KnowledgeWish
from api.web.schema import Answer


class AttachedAnswer(Answer):
    """What answers are written from, unless a request says otherwise."""

    collections: list[str] | None = Field(description="Ids; null: all of the organisation. One that was removed since is left out.")
    settings: str | None
    limit: int | None
    require: bool

    @classmethod
    def of(cls, kept: dict[str, Any] | None) -> AttachedAnswer | None:
        return None if kept is None else cls.model_validate(kept)


def attached(kept: dict[str, Any] | None) -> KnowledgeWish | None:
    """The wish that is kept."""
    return None if kept is None else KnowledgeWish.model_validate(kept)
