"""Tools as people see them, which of them are used, and what was called."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from api.web.schema import Answer, Body, FormBody, FreeObject
from cluster.tools.builtin.base import Options, schema_of
from cluster.tools.calls import Outcome
from cluster.tools.choices import Choice
from cluster.tools.tables import ToolCallRow
from cluster.tools.tool import Effects, Role, ToolResult
from cluster.tools.toolbox import Entry

Pattern = Annotated[str, Field(min_length=1, max_length=200, description="A name, with `*` for any letters, or `category:NAME`.")]
Patterns = Annotated[list[Pattern], Field(max_length=1000)]
WorkspaceName = Annotated[
    str,
    Field(min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9_-]*$", description="A workspace; null: your own."),
]


class ToolQuery(FormBody):
    category: str | None = Field(None, max_length=100, description="Only those of this category.")
    source: str | None = Field(None, max_length=64, description="Only those of `hearth`, or of the MCP server of this name.")
    conversation_id: uuid.UUID | None = Field(None, description="`chosen` as in this conversation.")


class CallBody(Body):
    arguments: FreeObject = Field(default={}, description="As the tool's parameters say.")
    workspace: WorkspaceName | None = None
    key: str | None = Field(None, min_length=1, max_length=200, description="The same for a repetition of the same call.")
    confirm: bool = Field(False, description="Must be true for a tool that is marked dangerous.")


class ChoiceBody(Body):
    allow: Patterns | None = Field(None, description="Only these are used; null: all.")
    deny: Patterns = Field([], description="These are not used, whatever `allow` says.")

    @property
    def choice(self) -> Choice:
        return Choice(None if self.allow is None else tuple(self.allow), tuple(self.deny))


class SettingsBody(Body):
    settings: FreeObject = Field(description="As `settings_schema` of the tool says; what is left out is as the tool has it.")


class CallQuery(FormBody):
    tool: str | None = Field(None, max_length=200, description="Only calls of this tool.")
    run_id: uuid.UUID | None = Field(None, description="Only calls of this run of a graph.")
    conversation_id: uuid.UUID | None = Field(None, description="Only calls in this conversation.")
    outcome: Outcome | None = Field(None, description="Only calls with this outcome.")
    everybody: bool = Field(False, description="Also those of others; only for admins.")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Calls on a page.")


class ToolEntry(Answer):
    name: str
    title: str
    description: str
    category: str
    source: str = Field(description="`hearth`, or the MCP server that has it.")
    effects: Effects = Field(description="`none`: it only looks. `keyed`: with the same key it is done once. `once`: not repeated.")
    dangerous: bool = Field(description="Whether a person is asked before it is called.")
    role: Role = Field(description="What who calls it must be.")
    used: bool = Field(description="Whether your organisation uses it.")
    chosen: bool = Field(description="Whether you do.")

    @classmethod
    def of(cls, entry: Entry, *, used: bool, chosen: bool) -> ToolEntry:
        return cls(**_entry(entry), used=used, chosen=chosen)


class ToolDetail(ToolEntry):
    parameters: dict[str, Any] = Field(description="JSON Schema of its arguments.")
    output: dict[str, Any] | None = Field(description="JSON Schema of what it gives back.")
    settings: dict[str, Any] = Field(description="As they are in your organisation.")
    settings_schema: dict[str, Any] = Field(description="JSON Schema of what an admin may set.")

    @classmethod
    def of(cls, entry: Entry, *, used: bool, chosen: bool) -> ToolDetail:
        shape = type(entry.options)
        return cls(
            **_entry(entry),
            used=used,
            chosen=chosen,
            parameters=dict(entry.spec.parameters),
            output=None if entry.spec.output is None else dict(entry.spec.output),
            settings=entry.options.model_dump(mode="json"),
            settings_schema=dict(schema_of(shape)),
        )


class CategoryEntry(Answer):
    name: str
    tools: int


class ToolList(Answer):
    tools: list[ToolEntry]
    categories: list[CategoryEntry]


class CallAnswer(Answer):
    value: Any = Field(description="What the tool gave back.")
    text: str = Field(description="The same for a model to read.")
    failed: bool = Field(description="Whether the tool says that it could not do it.")
    cut: bool = Field(description="Whether there was more (setting tools.result_bytes).")

    @classmethod
    def of(cls, result: ToolResult) -> CallAnswer:
        return cls(value=result.value, text=result.text, failed=result.failed, cut=result.cut)


class ChoiceAnswer(Answer):
    allow: list[str] | None = Field(description="Only these are used; null: all.")
    deny: list[str] = Field(description="These are not used.")
    is_set: bool = Field(description="False: nothing was chosen here.")
    tools: list[str] = Field(description="What this comes to now, by name.")

    @classmethod
    def of(cls, choice: Choice | None, tools: list[str]) -> ChoiceAnswer:
        known = choice or Choice()
        return cls(allow=None if known.allow is None else list(known.allow), deny=list(known.deny), is_set=choice is not None, tools=tools)


class CallEntry(Answer):
    id: uuid.UUID
    created_at: datetime
    tool: str
    source: str
    user_id: uuid.UUID | None
    run_id: uuid.UUID | None
    conversation_id: uuid.UUID | None
    workspace: str
    outcome: Literal["succeeded", "failed", "refused", "cancelled"] | None = Field(
        description="Null: it is under way, or its process died."
    )
    error: str | None = Field(description="Code of what went wrong.")
    message: str | None
    ms: int | None

    @classmethod
    def of(cls, row: ToolCallRow) -> CallEntry:
        return cls(**{name: getattr(row, name) for name in CallEntry.model_fields})


class CallDetail(CallEntry):
    arguments: Any = Field(description="A text where they were cut.")
    result: Any = Field(description="A text where it was cut.")
    is_cut: bool = Field(description="Whether arguments or result were longer (setting tools.history_bytes).")

    @classmethod
    def of(cls, row: ToolCallRow) -> CallDetail:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class CallPage(Answer):
    """The newest first."""

    calls: list[CallEntry]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


def options_of(entry: Entry, values: dict[str, Any]) -> Options:
    """Raises pydantic's ValidationError."""
    return type(entry.options).model_validate(values)


def _entry(entry: Entry) -> dict[str, Any]:
    spec = entry.spec
    names = ("name", "title", "description", "category", "source", "effects", "dangerous", "role")
    return {name: getattr(spec, name) for name in names}
