"""What the health endpoints answer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.web.schema import Answer


class Alive(Answer):
    status: Literal["ok"] = "ok"


class Dependency(Answer):
    name: str
    ready: bool
    detail: str = Field(description="One sentence; what to do where it is not ready.")


class Readiness(Answer):
    status: Literal["ready", "not_ready"]
    dependencies: list[Dependency]
