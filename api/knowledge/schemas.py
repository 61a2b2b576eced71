"""What is asked of the knowledge base."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from api.conversations.schemas import Id, Tags
from api.semantic.schemas import Embedder, PageQuery, Writer
from api.web.schema import Body, FormBody, FreeObject

Title = Annotated[str, Field(min_length=1, max_length=500)]
Content = Annotated[str, Field(min_length=1, description="The setting knowledge.content_chars bounds its length.")]
Kind = Annotated[str, Field(min_length=1, max_length=100, description="What sort of item it is, such as `note` or `decision`.")]
Category = Annotated[str, Field(min_length=1, max_length=100)]
Note = Annotated[str, Field(max_length=500, description="What this version is about.")]
Fields = Annotated[FreeObject, Field(description="Whatever else belongs to it; the setting knowledge.fields_chars bounds its length.")]
Audience = Literal["none", "viewer", "editor"]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
AUDIENCE = "What all of the organisation may do: nothing, read it, or change it as well."


class ItemBody(Body):
    title: Title
    content: Content
    kind: Kind = "note"
    fields: Fields = Field(default_factory=dict)
    category: Category | None = None
    tags: Tags = Field(default_factory=list)
    audience: Audience = Field("viewer", description=AUDIENCE)
    note: Note = ""


class ItemChange(Body):
    """What is left out stays as it is."""

    version: Version = Field(description="The version that is changed: if it is not the latest, nothing is, and the answer is 409.")
    title: Title | None = None
    content: Content | None = None
    kind: Kind | None = None
    fields: Fields | None = None
    category: Category | None = Field(None, description="null: none.")
    tags: Tags | None = None
    note: Note = ""

    @model_validator(mode="after")
    def _something(self) -> ItemChange:
        for name in ("title", "content", "kind", "fields", "tags"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"'{name}' cannot be null; leave it out to keep it")
        return self


class RestoreBody(Body):
    version: Version = Field(description="What it said in this version is what it says again.")
    latest: Version = Field(description="The latest version known to you: if there is a later one, nothing is done, and the answer is 409.")


class FindBody(Body):
    query: Annotated[str, Field(min_length=1, max_length=10_000)]
    mode: Literal["dense", "hybrid"] = Field("hybrid", description="By meaning alone, or by words, too.")
    threshold: float = Field(0.0, ge=-1, le=1, description="Least cosine similarity of what is found by meaning.")
    limit: int = Field(10, ge=1, le=50)
    category: Category | None = None
    kind: Kind | None = None
    tag: Annotated[str, Field(min_length=1, max_length=50)] | None = None


class EmbeddingsBody(Body):
    """Without ``item_ids``: all items that you may change."""

    item_ids: list[Id] | None = Field(None, min_length=1, max_length=1000)


class ProposeBody(Body):
    """Exactly one of ``item_id`` and ``text``."""

    item_id: Id | None = Field(None, description="The proposal is kept with this item until somebody confirms one.")
    text: Annotated[str, Field(min_length=1)] | None = None
    categories: Annotated[list[Category], Field(min_length=2, max_length=100)] | None = Field(
        None, description="Among which one is proposed; by default those that your items have."
    )
    model: Writer
    embedding_model: Embedder

    @model_validator(mode="after")
    def _one(self) -> ProposeBody:
        if (self.item_id is None) == (self.text is None):
            raise ValueError("give either 'item_id' or 'text'")
        return self


class ConfirmBody(Body):
    """What is left out is taken from the proposal."""

    version: Version
    category: Category | None = None
    tags: Tags | None = None


class AssessBody(Body):
    use_model: bool = Field(True, description="Whether a language model judges it, too.")
    model: Writer


class VerdictBody(Body):
    version: Version = Field(description="The version that was checked.")
    verdict: Literal["valid", "disputed", "outdated"]
    note: Annotated[str, Field(max_length=2000)] = ""


class ShareBody(Body):
    """Exactly one of ``user_id`` and ``team_id``."""

    user_id: Id | None = None
    team_id: Id | None = None
    role: Literal["viewer", "editor"] = "viewer"

    @model_validator(mode="after")
    def _one(self) -> ShareBody:
        if (self.user_id is None) == (self.team_id is None):
            raise ValueError("share with either 'user_id' or 'team_id'")
        return self


class PermissionsBody(Body):
    """All of it: who is not named has nothing but what the organisation may."""

    audience: Audience = Field(description=AUDIENCE)
    shares: list[ShareBody] = Field(default_factory=list, description="The setting knowledge.shares bounds how many.")


class LinkBody(Body):
    to_id: Id
    kind: Annotated[str, Field(min_length=1, max_length=100, description="Such as `about`, `follows` or `contradicts`.")]


class ItemQuery(PageQuery):
    category: Category | None = None
    kind: Kind | None = None
    tag: str | None = Field(None, min_length=1, max_length=50)
    title: str | None = Field(None, min_length=1, max_length=200, description="Part of the title.")
    mine: bool = Field(False, description="Only your own.")


class VersionsQuery(FormBody):
    before: int | None = Field(None, ge=1, le=2**31 - 1, description="Only versions earlier than this one.")
    limit: int = Field(50, ge=1, le=200)


class DiffQuery(FormBody):
    since: int | None = Field(None, ge=1, le=2**31 - 1, description="The earlier version; by default the one before the later.")
    until: int | None = Field(None, ge=1, le=2**31 - 1, description="The later one; by default the latest.")


class RelatedQuery(FormBody):
    depth: int = Field(1, ge=1, le=3, description="How many relations away.")
    kind: str | None = Field(None, min_length=1, max_length=100, description="Only relations of this kind.")
    alike: int = Field(5, ge=0, le=50, description="How many items that say something alike.")


class TagsQuery(FormBody):
    limit: int = Field(100, ge=1, le=1000)
