"""One tool, whoever it belongs to: what it is, what it is called with, and what comes back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from cluster.contracts.generation import Json, JsonObject, Usage
from cluster.tools.asking import ToolClient

# ``none``: it only looks. ``keyed``: called twice with one key, it is done once. ``once``: nobody can say whether a call that broke off was
# carried out, so it is not repeated by itself.
Effects = Literal["none", "keyed", "once"]
Role = Literal["viewer", "editor", "admin"]
# Each may do what those before it may.
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """``name``: `files_read`, or `server__tool` for one of an MCP server. ``parameters``: JSON Schema of an object. ``output``: JSON
    Schema of what it gives back; None: any. ``dangerous``: a person is asked first, where one is there. ``role``: what who calls it
    must be. ``source``: `hearth`, or the MCP server's name."""

    name: str
    title: str
    description: str
    parameters: JsonObject
    category: str
    effects: Effects = "none"
    dangerous: bool = False
    role: Role = "viewer"
    output: JsonObject | None = None
    source: str = "hearth"


@dataclass(frozen=True, slots=True)
class ToolCaller:
    """In whose name a tool is called, and for what. ``key``: the same for a repetition of the same call, and only for that.
    ``workspace``: the folder of files that belongs together: a run's, a conversation's; tools of files see nothing else. ``depth``:
    of graphs that run graphs. ``client``: who can be asked and told something while the call lasts; None: nobody."""

    organisation_id: uuid.UUID
    user_id: uuid.UUID
    role: Role
    workspace: str
    key: str
    run_id: uuid.UUID | None = None
    conversation_id: uuid.UUID | None = None
    depth: int = 0
    client: ToolClient | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that a tool gives back beside what it says: a picture, a sound, or a file. ``uri``: what a file is known by."""

    kind: Literal["image", "audio", "file"]
    media_type: str
    data: bytes = field(repr=False)
    uri: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """``value``: what it gives back. ``text``: the same for a model to read. ``failed``: the tool says that it could not do it; a
    model is told, a node fails. ``cut``: there was more than `tools.result_bytes`. ``spent``: by models that the tool asked.
    ``pieces``: for whoever can show them; all of them together are no larger than `tools.result_bytes`."""

    value: Json
    text: str
    failed: bool = False
    cut: bool = False
    spent: tuple[tuple[str, Usage], ...] = ()
    pieces: tuple[Piece, ...] = ()


class Toolbox(Protocol):
    """All tools that an organisation has. ``call`` raises NotFound (names the nearest), BadInput (arguments that are not of its schema),
    Forbidden, DeadlineExceeded, Unavailable, RemoteFailed; a cancelled call is stopped."""

    async def specs(self, organisation_id: uuid.UUID) -> Sequence[ToolSpec]: ...

    async def find(self, organisation_id: uuid.UUID, name: str) -> ToolSpec: ...

    async def call(self, name: str, arguments: JsonObject, caller: ToolCaller) -> ToolResult: ...


def readable(value: Json) -> str:
    """``value`` as a model reads it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
