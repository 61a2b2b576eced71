"""MCP servers as an organisation configures them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from api.tools.schemas import Patterns
from api.web.schema import Answer, Body
from cluster.tools.remote.listing import specs_of
from cluster.tools.remote.oauth import Auth
from cluster.tools.tables import McpServer
from cluster.tools.tool import Effects, Role

SERVER_NAME = r"^[a-z][a-z0-9-]{0,31}$"
Value = Annotated[str, Field(max_length=4096, description="`secret:NAME` in it stands for a secret of the organisation.")]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
# What decides whose tools are listed.
REACH = frozenset({"url", "command", "arguments", "headers", "environment", "auth"})


class ServerPatch(Body):
    """What is left out stays as it is."""

    description: str = Field("", max_length=500)
    url: Annotated[Line, Field(min_length=8, max_length=4096)] | None = Field(None, description="Of one over streamable HTTP.")
    command: Annotated[Line, Field(min_length=1, max_length=4096)] | None = Field(
        None, description="Of one over stdio: a program that the operator named in tools.commands."
    )
    arguments: list[Annotated[Line, Field(max_length=4096)]] = Field([], max_length=100, description="Of the program.")
    headers: dict[HeaderName, Annotated[Line, Value]] = Field({}, max_length=50, description="Sent with each request.")
    environment: dict[VariableName, Value] = Field({}, max_length=50, description="Of the program, which has no other.")
    auth: Auth | None = Field(None, description="How we sign in at a server over HTTP that wants OAuth; null: not, or by a header.")
    allow: Patterns | None = Field(None, description="Only these of its tools are taken, by its own names for them; null: all.")
    deny: Patterns = Field([], description="These are not.")
    timeout_s: float | None = Field(None, gt=0, le=86400, description="Seconds one call has; null: tools.timeout_s.")
    role: Role = Field("editor", description="What who calls its tools must be.")
    trusted: bool = Field(False, description="Whether it is believed what its tools do; else each is dangerous, and never repeated.")
    enabled: bool = Field(True, description="Whether its tools are there.")


class ServerBody(ServerPatch):
    name: str = Field(pattern=SERVER_NAME, description="Its tools are called `name__tool`.")

    @model_validator(mode="after")
    def _one(self) -> ServerBody:
        if (self.url is None) == (self.command is None):
            raise ValueError("give 'url' or 'command', one of them")
        return self


class ServerAnswer(Answer):
    id: uuid.UUID
    name: str
    description: str
    transport: Literal["streamable_http", "stdio"]
    url: str | None
    command: str | None
    arguments: list[str]
    headers: dict[str, str] = Field(description="Secrets as `secret:NAME`; other values of headers as they were given.")
    environment: dict[str, str]
    auth: Auth | None
    allow: list[str] | None
    deny: list[str]
    timeout_s: float | None
    role: Role
    trusted: bool
    enabled: bool
    created_at: datetime
    updated_at: datetime
    tools: int | None = Field(description="How many are taken; null: it never listed any.")
    listed_at: datetime | None
    problem: str | None = Field(description="Why it was not listed the last time, or what of the list was left out.")

    @classmethod
    def of(cls, row: McpServer) -> ServerAnswer:
        own = {name: getattr(row, name) for name in cls.model_fields if name not in {"transport", "tools"}}
        transport: Literal["streamable_http", "stdio"] = "stdio" if row.url is None else "streamable_http"
        return cls(**own, transport=transport, tools=None if row.tools is None else len(specs_of(row)))


class ServerList(Answer):
    servers: list[ServerAnswer]


class ServerTool(Answer):
    name: str = Field(description="As it is called here.")
    own_name: str = Field(description="As the server calls it.")
    title: str
    description: str
    effects: Effects
    dangerous: bool
    parameters: dict[str, Any]


class ServerTools(Answer):
    tools: list[ServerTool]

    @classmethod
    def of(cls, row: McpServer) -> ServerTools:
        return cls(
            tools=[
                ServerTool(
                    name=spec.name,
                    own_name=own,
                    title=spec.title,
                    description=spec.description,
                    effects=spec.effects,
                    dangerous=spec.dangerous,
                    parameters=dict(spec.parameters),
                )
                for spec, own in specs_of(row)
            ]
        )


class ServerTested(Answer):
    reachable: bool
    tools: int
    ms: int
    problem: str | None = Field(description="Why it is not reached, or what of its list was left out.")


class ServerRemoved(Answer):
    name: str


class LoginStarted(Answer):
    url: str = Field(description="Where a browser is to be sent; it comes back here by itself.")
    expires_in_s: float


class LoginForgotten(Answer):
    name: str
    was_signed_in: bool
