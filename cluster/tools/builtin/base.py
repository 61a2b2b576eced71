"""What a tool of ours is, and what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field

from cluster.content.isolated import Isolated
from cluster.contracts.generation import Json, JsonObject, Usage
from cluster.gateway import ModelGateway
from cluster.outgoing.client import Outgoing
from cluster.settings import IngestSettings, Settings
from cluster.stores.sql import Database
from cluster.tools.starting import GraphStarter
from cluster.tools.tool import Effects, Piece, Role, ToolCaller, ToolSpec
from cluster.tools.workspaces import Workspaces
from cluster.vectors import VectorStore


class Arguments(BaseModel):
    """Base of what tools take: nothing is converted, what is not known is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Options(Arguments):
    """What an organisation may set for a tool, of whatever source. Tools of ours may have more."""

    dangerous: bool | None = Field(None, description="Whether a person is asked before each call; null: as the tool says.")
    timeout_s: float | None = Field(None, gt=0, le=86400, description="Seconds one call has; null: tools.timeout_s.")


ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)
OptionsT = TypeVar("OptionsT", bound=Options)
P = ParamSpec("P")
R = TypeVar("R")


class Reading:
    """Makes text of bytes, one after the other, in a process that they cannot take anything else down with."""

    def __init__(self, limits: IngestSettings) -> None:
        self._helper = Isolated(limits)
        self._turn = asyncio.Lock()

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        async with self._turn:
            return await to_thread.run_sync(partial(self._helper.call, function, *args, **kwargs))

    async def close(self) -> None:
        await to_thread.run_sync(self._helper.close)


@dataclass(frozen=True, slots=True)
class Around:
    """What tools of ours work with; all of it is the caller's to close. ``starter`` None: graphs cannot be run."""

    settings: Settings
    gateway: ModelGateway
    vectors: VectorStore
    database: Database
    outgoing: Outgoing
    workspaces: Workspaces
    starter: GraphStarter | None = None


@dataclass(frozen=True, slots=True)
class Call(Generic[ArgumentsT, OptionsT]):
    """One call. ``spent``: for the tool to write down what models it asked for."""

    given: ArgumentsT
    options: OptionsT
    caller: ToolCaller
    around: Around
    reading: Reading
    spent: list[tuple[str, Usage]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Said:
    """A result that a model reads as ``text``; None: as its JSON. ``pieces``: what can be shown of it."""

    value: Json
    text: str | None
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class BuiltinTool(Generic[ArgumentsT, OptionsT]):
    """``do`` raises errors of cluster.errors; those about what was asked for are told to whoever asked as the tool's failure."""

    name: str
    title: str
    description: str
    category: str
    arguments: type[ArgumentsT]
    options: type[OptionsT]
    do: Callable[[Call[ArgumentsT, OptionsT]], Awaitable[Json | Said]]
    effects: Effects = "none"
    dangerous: bool = False
    role: Role = "viewer"
    output: JsonObject | None = None

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(
            name=self.name,
            title=self.title,
            description=self.description,
            parameters=schema_of(self.arguments),
            category=self.category,
            effects=self.effects,
            dangerous=self.dangerous,
            role=self.role,
            output=self.output,
        )


def schema_of(shape: type[BaseModel]) -> JsonObject:
    """JSON Schema without the names of our classes, which say nothing to a model."""
    plain = _untitled(shape.model_json_schema())
    assert isinstance(plain, dict)
    plain.pop("description", None)
    return plain


def object_of(**properties: Json) -> JsonObject:
    """The schema of an object with these properties, all of them there."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _untitled(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # A property may be called "title".
    by_name = ("properties", "$defs")
    inner = {key: {name: _untitled(one) for name, one in value.items()} for key, value in schema.items() if key in by_name}
    return inner | {key: _untitled(value) for key, value in schema.items() if key not in (*by_name, "title")}
