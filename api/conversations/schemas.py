"""What is sent about conversations and their messages."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from api.retrieval.citations import KnowledgeWish
from api.web.schema import Body, FormBody, FreeObject

Type = Literal["general", "agent_creation", "workflow_creation"]
Status = Literal["active", "completed", "archived", "resumable"]
Title = Annotated[str, Field(min_length=1, max_length=300)]
Tag = Annotated[str, Field(min_length=1, max_length=50)]
Tags = Annotated[list[Tag], Field(max_length=50)]
Variables = Annotated[dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")], str], Field(max_length=100)]
_Text = Annotated[str, Field(min_length=1)]


def _uuid(value: object) -> object:
    """JSON has no UUIDs; a strict body takes their text."""
    return uuid.UUID(value) if isinstance(value, str) else value


Id = Annotated[uuid.UUID, BeforeValidator(_uuid, str)]


class TextPart(Body):
    type: Literal["text"]
    text: _Text


class MediaPart(Body):
    """An image by its bytes, in a ``data:`` URL, which a model that sees is shown; or something that stands elsewhere, which nobody
    fetches. A model that is not shown it is given ``text``: what it shows, says or contains."""

    type: Literal["image", "audio", "file"]
    url: str = Field(
        pattern=r"^(https?://\S{1,2040}|data:image/[a-z0-9.+-]{1,50};base64,[A-Za-z0-9+/=]+)$",
        description="For example `data:image/png;base64,...`; or an http address, which is a link for people only.",
    )
    media_type: str | None = Field(None, max_length=100)
    name: str | None = Field(None, max_length=255)
    text: str | None = Field(None, description="Description, transcript or extracted text.")

    @model_validator(mode="after")
    def _shown(self) -> MediaPart:
        if self.type != "image" and self.url.startswith("data:"):
            raise ValueError(f"only an image comes as a data: URL; give the address of the {self.type}, and what it says as 'text'")
        return self


Part = Annotated[TextPart | MediaPart, Field(discriminator="type")]


def _parts(value: object) -> object:
    return [{"type": "text", "text": value}] if isinstance(value, str) else value


Content = Annotated[list[Part], BeforeValidator(_parts, str | list[Part]), Field(min_length=1, max_length=100)]


class ConversationBody(Body):
    title: Title = "New conversation"
    type: Type = "general"
    is_resumable: bool = True
    tags: Tags = Field(default_factory=list)
    metadata: FreeObject = Field(default_factory=dict)
    model: str | None = Field(None, min_length=1, max_length=200, description="Model that clients may offer first; none is implied.")
    system_prompt: str | None = Field(None, min_length=1, description="Instructions in this conversation, before any stored prompt.")
    prompt_id: Id | None = Field(
        None, description="Stored system prompt to use here; by default the one whose pattern fits the model best."
    )
    prompt_variables: Variables = Field(default_factory=dict)
    auto_compact: bool = Field(False, description="Summarise the oldest messages when the model's context is full.")
    knowledge: KnowledgeWish | None = Field(
        None, description="Documents that answers here are written from, unless a request has a `knowledge` of its own."
    )


class SessionBody(ConversationBody):
    """``user_id``: whose session it is: yourself, or, for an admin, a member of the organisation."""

    user_id: Id


class ConversationPatch(Body):
    """What is given is changed; null empties."""

    title: Title | None = None
    status: Status | None = None
    is_resumable: bool | None = None
    tags: Tags | None = None
    metadata: FreeObject | None = None
    pinned: bool | None = None
    model: str | None = Field(None, min_length=1, max_length=200)
    system_prompt: str | None = Field(None, min_length=1)
    prompt_id: Id | None = None
    prompt_variables: Variables | None = None
    auto_compact: bool | None = None
    knowledge: KnowledgeWish | None = Field(None, description="Taken as a whole, in place of what was attached; null detaches it.")
    active_leaf_id: Id | None = Field(None, description="The message at the end of the branch that goes on.")


class StatusBody(Body):
    status: Status


class CleanupBody(Body):
    dry_run: bool = Field(False, description="Count only.")


class MessageBody(Body):
    """A message that is only written down; no model is asked."""

    role: Literal["system", "user", "assistant", "tool"]
    content: Content
    parent_id: Id | None = Field(None, description="The message before it; by default the active leaf.")
    tool_call_id: str | None = Field(None, min_length=1, max_length=256, description="Of a tool's message: `id` of the call it answers.")

    @model_validator(mode="after")
    def _called(self) -> MessageBody:
        if (self.role == "tool") != (self.tool_call_id is not None):
            raise ValueError("'tool_call_id' belongs to a message of the role 'tool', and only there")
        return self


class MessagePatch(Body):
    pinned: bool


class ParticipantBody(Body):
    user_id: Id
    role: Literal["writer", "reader"]


class ShareBody(Body):
    expires_in_days: int | None = Field(None, ge=1, le=3650, description="None: until it is revoked.")


class Page(FormBody):
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="Rows in a page.")


class ConversationQuery(Page):
    type: Type | None = None
    status: Status | None = None
    tag: str | None = Field(None, max_length=50)
    pinned: bool | None = None
    deleted: bool = Field(False, description="Softly deleted ones instead.")


class SearchQuery(Page):
    q: str = Field(min_length=1, max_length=500, description='Words; "a phrase", -without, one OR other.')


class AnalyticsQuery(FormBody):
    days: int = Field(30, ge=1, le=3660, description="How many days back, today (UTC) included.")
    organisation: bool = Field(False, description="All conversations of the organisation instead of your own; for admins.")


class MessageQuery(Page):
    branch: bool = Field(True, description="Only the branch up to the active leaf; false: all messages.")


class DeleteQuery(FormBody):
    hard_delete: bool = Field(False, description="At once and for good.")


class ExportQuery(FormBody):
    format: Literal["json", "markdown"] = "json"


def stored(parts: list[Part]) -> list[dict[str, Any]]:
    return [part.model_dump(exclude_none=True) for part in parts]


def text_of(parts: list[dict[str, Any]]) -> str:
    """What a reader of plain text is shown."""
    return "\n".join(part["text"] for part in parts if part.get("text"))
